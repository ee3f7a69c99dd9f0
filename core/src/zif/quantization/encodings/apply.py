"""Encodings put into a float model exactly: Q and DQ nodes where the file says, as the file says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np
import onnx
from attrs import frozen

from zif.errors import InvalidInput
from zif.quantization.encodings.graph import Graph
from zif.quantization.encodings.record import Encoding, Encodings
from zif.quantization.prepare import BIASED

if TYPE_CHECKING:
    from zif.model import Model


@frozen(eq=False)
class Applied:
    """A QDQ model, the entries that matched no tensor, and the float tensors that no entry is for.

    `uncovered` names activations and weights; biases whose encoding follows from input and weight are not among them.
    """

    model: onnx.ModelProto
    matched: tuple[str, ...]
    unmatched: tuple[str, ...]
    uncovered: tuple[str, ...]


def apply(model: Model, encodings: Encodings) -> Applied:
    """Insert the encodings into a float model.

    An int32 bias without an entry gets scale input × weight where both are quantized; every other tensor without one
    stays float. Raises InvalidInput for problems of the file, and for an entry that does not fit its tensor: wrong
    number of channels, integers that a tensor of that kind cannot have.
    """
    refuse(encodings)
    graph = Graph(model)
    own = {one.name: one for one in encodings.entries if not one.readers}
    known = {name: one for name, one in own.items() if name in graph.floats}
    known = {name: graph.fitted(one) for name, one in known.items()}
    conversions: dict[str, list[Encoding]] = {}
    for one in encodings.entries:
        if one.readers and one.name in known:
            conversions.setdefault(one.name, []).append(one)
    known |= _biases(graph, known, conversions)
    for name, one in known.items():
        if not one.is_float:
            graph.insert(one, conversions.get(name, ()))
    return Applied(
        graph.finished(),
        tuple(name for name in own if name in known),
        tuple(name for name in own if name not in known),
        tuple(name for name in graph.quantizable if name not in known),
    )


def settled(model: Model, encodings: Encodings) -> Encodings:
    """With what only the model knows: which entries are weights, and the axis of their channels.

    Raises InvalidInput for an entry that does not fit its tensor; those without a tensor stay as they are.
    """
    graph = Graph(model)
    entries = [graph.fitted(one) if one.name in graph.floats and not one.readers else one for one in encodings.entries]
    return attrs.evolve(encodings, entries=tuple(entries))


def refuse(encodings: Encodings) -> None:
    """Raise InvalidInput when the file has problems, telling every one of them."""
    if encodings.problems:
        lines = "\n  ".join(str(problem) for problem in encodings.problems[:20])
        more = f"\n  and {len(encodings.problems) - 20} more" if len(encodings.problems) > 20 else ""
        fixable = sum(problem.fixable for problem in encodings.problems)
        hint = f"\nFor {fixable} of them min and max say what is meant: --repair takes that." if fixable else ""
        count = len(encodings.problems)
        raise InvalidInput(f"{count} {'entry is' if count == 1 else 'entries are'} wrong:\n  {lines}{more}{hint}")


def _biases(
    graph: Graph, known: Mapping[str, Encoding], conversions: Mapping[str, Sequence[Encoding]]
) -> dict[str, Encoding]:
    """Encodings of biases that the file leaves to be derived."""
    found: dict[str, Encoding] = {}
    for node in graph.proto.graph.node:
        if node.op_type not in BIASED or len(node.input) < 3 or node.input[2] not in graph.weights:
            continue
        bias = node.input[2]
        source, weight = known.get(node.input[0]), known.get(node.input[1])
        if bias in known or bias in found or source is None or weight is None or source.is_float or weight.is_float:
            continue
        for one in conversions.get(source.name, ()):
            source = one if node.name in one.readers else source
        found[bias] = derived(bias, source, weight)
    return found


def derived(bias: str, source: Encoding, weight: Encoding) -> Encoding:
    """The encoding of a bias: int32, scale input × weight in float32, zero point 0."""
    scales = np.float32(source.scale[0]) * np.array(weight.scale, np.float32)
    axis = 0 if weight.axis is not None else None
    return Encoding(bias, "param", "int32", tuple(map(float, scales)), (0,) * len(scales), axis)
