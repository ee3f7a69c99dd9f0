"""The facts of a unit in short words, so that rules about operators can be stated, matched and learned.

A fact is a string: "mode=linear" (an attribute, its default filled in), "axes unset", "pads nonzero", "pads uneven",
"T=float16" (a type constraint), "roi given" / "roi missing" (an optional input), "Y wanted" / "Y unwanted" (an
optional output), "rank(X)=4", "B constant" / "B computed", "X single" / "X several" (a scalar or vector), "X empty",
"X dynamic", "X one channel" / "X thin" (of three dimensions or more, the second / one behind it is 1), "windows of
even size", "pads past the middle" (of a window), "A and B differ in shape", "output shrinks" / "output grows" (the
first output has fewer or more elements than the first input), "scan output rank=2" (a Loop collects values of this
rank), "takes seq", "gives optional" (an input or output that is no tensor), "since=13", "quantized=int8" (the unit is
a quantized group; "quantized=no" for one that is none).
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zif.model.attributes import attribute_list, attributes
from zif.model.signatures import Signature, normal, signature
from zif.model.subgraphs import bodies
from zif.model.walk import NodeView, unit_nodes

if TYPE_CHECKING:
    from onnx import NodeProto

    from zif.model import Model, Unit
    from zif.records import TensorInfo


#: Longer lists are data, as the thresholds of an ensemble of trees: no rule spells them out.
_LISTED = 64


def unit_facts(model: Model, unit: Unit) -> frozenset[str]:
    """The facts of the unit's main operator; for a quantized group also what it is quantized to."""
    own = [view for view in unit_nodes(model, unit) if not view.where]
    return view_facts(next((view for view in own if view.node.op_type == unit.op_type), own[0]), unit)


def view_facts(view: NodeView, unit: Unit) -> frozenset[str]:
    """The facts of one node of a unit, be it the main one, a part of a quantized group or nested in a body."""
    group = f"quantized={unit.precision if len(unit.nodes) > 1 else 'no'}"
    return node_facts(view.node, view.since, view.tensors, view.constants) | {group}


def node_facts(
    node: NodeProto, since: int, tensors: Mapping[str, TensorInfo], constants: Collection[str]
) -> frozenset[str]:
    """The facts of one node. `tensors` types its values; `constants` names those that are known before running."""
    known = signature(node.op_type, normal(node.domain), since)
    facts = {f"since={since}", *_attributes(node, known)}
    if known is not None:
        inputs = [tensors.get(name) for name in node.input]
        facts.update(_values(node.input, known, tensors))
        facts.update(_presence(node, known))
        facts.update(_shapes(inputs, known))
        facts.update(_windows(node))
        facts.update(_collected(node))
        facts.update(_kinds("takes", inputs))
        facts.update(_kinds("gives", [tensors.get(name) for name in node.output]))
        facts.update(_size(inputs, [tensors.get(name) for name in node.output]))
        names = (known.input_at(i)[0] for i in range(len(node.input)))
        pairs = zip(names, node.input, strict=True)
        facts.update(f"{name} {'constant' if v in constants else 'computed'}" for name, v in pairs if v and name)
    return frozenset(facts)


def _attributes(node: NodeProto, known: Signature | None) -> Iterator[str]:
    for name, value in {**(known.defaults if known else {}), **attributes(node)}.items():
        if value is None:
            yield f"{name} unset"
        elif isinstance(value, list) and all(isinstance(v, int | float) for v in value):
            yield from _numbers(name, value)
        elif isinstance(value, str | int | float):
            yield f"{name}={_word(value)}"
        else:
            yield f"{name} set"


def _numbers(name: str, values: Sequence[float]) -> Iterator[str]:
    yield f"{name} set"
    if len(values) <= _LISTED:
        yield f"{name}=[{', '.join(map(_word, values))}]"
    yield f"{name} {'nonzero' if any(values) else 'zero'}"
    yield f"{name} {'even' if len(set(values)) < 2 else 'uneven'}"


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _values(names: Sequence[str], known: Signature, tensors: Mapping[str, TensorInfo]) -> Iterator[str]:
    for index, name in enumerate(names):
        constraint, info = known.input_at(index)[1], tensors.get(name)
        if constraint in known.types and info is not None and info.type:
            yield f"{constraint}={info.type[7:-1] if info.type.startswith('tensor(') else info.type}"


def _presence(node: NodeProto, known: Signature) -> Iterator[str]:
    for params, actual, words in (
        (known.inputs, node.input, ("given", "missing")),
        (known.outputs, node.output, ("wanted", "unwanted")),
    ):
        for index, (name, _) in enumerate(params):
            if name in known.optional:
                yield f"{name} {words[0] if index < len(actual) and actual[index] else words[1]}"


def _shapes(inputs: Sequence[TensorInfo | None], known: Signature) -> Iterator[str]:
    named = [(known.input_at(i)[0], info) for i, info in enumerate(inputs) if info is not None]
    shaped = [(name, info.shape) for name, info in named if name and info.shape is not None]
    for name, shape in shaped:
        yield f"rank({name})={len(shape)}"
        if shape in ((), (1,)) or (len(shape) == 1 and isinstance(shape[0], int)):
            yield f"{name} {'single' if shape in ((), (1,)) else 'several'}"
        if len(shape) > 2 and shape[1] == 1:
            yield f"{name} one channel"
        if 1 in shape[2:]:
            yield f"{name} thin"
        if 0 in shape:
            yield f"{name} empty"
        if any(not isinstance(d, int) for d in shape):
            yield f"{name} dynamic"
    for (a, first), (b, other) in itertools.combinations(shaped, 2):
        yield f"{a} and {b} {'share a shape' if first == other else 'differ in shape'}"


def _windows(node: NodeProto) -> Iterator[str]:
    """How the windows of a pooling or convolution lie."""
    kernel, pads = attribute_list(node, "kernel_shape"), attribute_list(node, "pads")
    if any(size % 2 == 0 for size in kernel):
        yield "windows of even size"
    if any(2 * pad >= size for size, pad in zip((*kernel, *kernel), pads, strict=False)):
        yield "pads past the middle"


def _size(inputs: Sequence[TensorInfo | None], outputs: Sequence[TensorInfo | None]) -> Iterator[str]:
    before, after = (row[0].elements if row and row[0] is not None else None for row in (inputs, outputs))
    if before is not None and after is not None and before != after:
        yield f"output {'shrinks' if after < before else 'grows'}"


def _collected(node: NodeProto) -> Iterator[str]:
    """How many dimensions the values have that a Loop collects, one from each round."""
    carried = max(0, len(node.input) - 2)
    for body in bodies(node) if node.op_type == "Loop" else ():
        for output in body.output[1 + carried :]:
            if output.type.tensor_type.HasField("shape"):
                yield f"scan output rank={len(output.type.tensor_type.shape.dim)}"


def _kinds(word: str, infos: Sequence[TensorInfo | None]) -> Iterator[str]:
    kinds = {info.type.partition("(")[0] for info in infos if info is not None and info.type}
    yield from (f"{word} {kind}" for kind in kinds if kind != "tensor")
