"""Encodings put into a float model exactly: Q and DQ nodes where the file says, as the file says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import onnx
from attrs import frozen
from zif import InvalidInput, InvalidModel
from zif.plugin import Encoding, Encodings, listed

from zif_quantize.qdq.biases import biases
from zif_quantize.qdq.fitting import fitted
from zif_quantize.qdq.graph import QdqGraph
from zif_quantize.qdq.merged import merge
from zif_quantize.qdq.prepared_names import inside, renamed, with_copies
from zif_quantize.rules import prepared_by

if TYPE_CHECKING:
    from zif import Model


@frozen(eq=False)
class Applied:
    """A QDQ model, the entries that matched no tensor, and the float tensors that no entry is for.

    `uncovered` names activations and weights; biases whose encoding follows from input and weight are not among them,
    nor what lies between an operator and a Relu or Clip that its quantization makes superfluous.
    """

    model: onnx.ModelProto
    matched: tuple[str, ...]
    unmatched: tuple[str, ...]
    uncovered: tuple[str, ...]


def apply(model: Model, encodings: Encodings) -> Applied:
    """Insert the encodings into a float model.

    A bias without an entry gets int32 of scale input × weight where both are quantized and int32 holds it; every other
    tensor without one stays float. A Relu or Clip whose input has no entry is left out where the range of its output
    ends where it clips, as onnxruntime's quantizer does, unless the rules of a prepared model keep them. What is made
    has been through ONNX's checker and ONNX Runtime. Raises InvalidInput for problems of the file, and for an entry
    that does not fit its tensor: wrong number of channels, integers or a scale that a tensor of that kind cannot have.
    Raises InvalidModel when ONNX Runtime refuses what was made.
    """
    refuse(encodings)
    graph = QdqGraph(model)
    encodings = with_copies(graph.proto.graph, inside(graph.proto.graph, encodings))
    own = {entry.name: entry for entry in encodings.entries if not entry.readers}
    known = {name: fitted(graph, encoding) for name, encoding in own.items() if name in graph.floats}
    conversions = _conversions(graph, encodings, known)
    if prepared_by(model).merged_activations:
        merge(graph, known)
    matched = [name for name in own if name in known]
    derived, left = biases(graph, known, conversions)
    known |= derived
    for name, encoding in known.items():
        if not encoding.is_float:
            graph.insert(encoding, conversions.get(name, ()))
    uncovered = [*(name for name in graph.quantizable if name not in known), *left]
    unmatched = [name for name in own if name not in known]
    made = graph.finished()
    _check(made, model.name)
    return Applied(made, *(tuple(map(graph.outer, names)) for names in (matched, unmatched, uncovered)))


def settled(model: Model, encodings: Encodings) -> Encodings:
    """With what only the model knows: which entries are weights, and the axis of their channels.

    Raises InvalidInput for an entry that does not fit its tensor; those without a tensor stay as they are.
    """
    graph = QdqGraph(model)
    entries = [
        renamed(fitted(graph, item), entry.name) if item.name in graph.floats and not item.readers else entry
        for entry, item in zip(encodings.entries, inside(graph.proto.graph, encodings).entries, strict=True)
    ]
    return attrs.evolve(encodings, entries=tuple(entries))


def refuse(encodings: Encodings) -> None:
    """Raise InvalidInput when the file has problems, telling every one of them."""
    if encodings.problems:
        lines = listed(map(str, encodings.problems), 20, "\n  and {} more", "\n  ")
        fixable = sum(problem.fixable for problem in encodings.problems)
        hint = f"\nFor {fixable} of them min and max say what is meant: --repair takes that." if fixable else ""
        count = len(encodings.problems)
        raise InvalidInput(f"{count} {'entry is' if count == 1 else 'entries are'} wrong:\n  {lines}{hint}")


def refuse_unmatched(model: Model, encodings: Encodings, made: Applied) -> None:
    """Raise InvalidInput for a file without entries, or none of whose entries is for a tensor of the model."""
    refuse_empty(encodings)
    names = {entry.name for entry in encodings.entries}
    if names.isdisjoint(made.matched):
        first = model.inputs[0].name if model.inputs else next(iter(model.tensors))
        raise InvalidInput(
            f"no entry of the encodings matches a tensor of {model.name}: the first is "
            f"{encodings.entries[0].name!r}, the model's first tensor is {first!r}"
        )


def refuse_empty(encodings: Encodings) -> None:
    """Raise InvalidInput for a file without entries."""
    if not encodings.entries:
        raise InvalidInput("the encodings are empty: the file has no entry")


def _conversions(graph: QdqGraph, encodings: Encodings, known: dict[str, Encoding]) -> dict[str, list[Encoding]]:
    """Per quantized activation the encodings that it is converted to, each for readers that it has."""
    conversions: dict[str, list[Encoding]] = {}
    for entry in encodings.entries:
        base = known.get(entry.name)
        if not entry.readers or base is None or base.is_float or entry.name in graph.weights:
            continue
        there = {node.name for node in graph.readers.get(entry.name, ())} | ({entry.name} & graph.outputs)
        readers = tuple(name for name in entry.readers if name in there)
        if readers:
            conversions.setdefault(entry.name, []).append(attrs.evolve(fitted(graph, entry), readers=readers))
    return conversions


def _check(made: onnx.ModelProto, name: str) -> None:
    """Raise InvalidModel when ONNX's checker or ONNX Runtime, without optimizations, refuses what was made."""
    from zif_quantize.measure import Reference

    try:
        onnx.checker.check_model(made)
        Reference(made)
    except (onnx.checker.ValidationError, InvalidModel) as error:
        raise InvalidModel(f"with these encodings, {name} is no model that can be run: {error}") from error
