"""A bucket's graph with masks: before a node, what it needs beyond the valid part is put there; behind one that counts
elements, what it counted too many is taken out again. Only nodes are added, and inputs that say where the valid part
ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import onnx
from attrs import define, field

from zif.model.dtypes import element_type
from zif.runtime.buckets.masking.expanding import expanded
from zif.runtime.buckets.masking.guards import FLOATS, Guard, Kind, Window
from zif.runtime.buckets.masking.keeping import Kept
from zif.runtime.buckets.masking.needs import Fill, Need, Needs, Node, needs
from zif.runtime.buckets.masking.spans import Spans

if TYPE_CHECKING:
    from zif.model import Model
    from zif.runtime.buckets.extents import Rule

#: The largest number of fp16: what is beyond the valid part is below, or above, whatever an NPU computes.
FAR = 65504.0
_FAR: dict[str, float] = {"int32": 2.0**30, "int64": 2.0**62}
#: Of values that are not below zero, zeros do not change the largest.
_LARGEST = frozenset({"MaxPool", "GlobalMaxPool", "ReduceMax"})


def masked(model: Model, spans: Spans, zeros: bool) -> tuple[Model, tuple[Guard, ...]]:
    """The model of one bucket with masks, and the inputs that it has more; none where no operator needs any.

    spans: of the model with open dimensions. zeros: whether inputs are filled up with zeros.
    """
    whole, model = model, expanded(model)
    graph = _Graph(model, spans)
    if zeros:
        for info in model.inputs:
            graph.kept.write(info.name, spans.get(info.name, {}))
    for proto in model.proto.graph.node:
        graph.add(proto)
    if not graph.guards:
        return whole, ()
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    del proto.graph.node[:]
    proto.graph.node.extend(graph.nodes)
    for guard in graph.guards:
        proto.graph.input.append(onnx.helper.make_tensor_value_info(guard.name, element_type(guard.dtype), guard.shape))
    return model.rebuilt(proto), tuple(graph.guards)


@define(eq=False)
class _Graph:
    """A graph on the way from one to the other."""

    model: Model
    spans: Spans
    kept: Kept = field(factory=Kept)
    nodes: list[onnx.NodeProto] = field(factory=list)
    guards: list[Guard] = field(factory=list)
    _ready: dict[tuple[str, tuple[int, ...], Fill], str] = field(factory=dict)
    _makers: dict[str, onnx.NodeProto] = field(factory=dict)

    def add(self, source: onnx.NodeProto) -> None:
        """Add a node, with what it needs around it."""
        proto = onnx.NodeProto()
        proto.CopyFrom(source)
        node = Node(source, self.model, self.spans, self.model.opsets.get(source.domain, 1))
        asked = needs(node)
        low = self._feed(node, proto, asked)
        self.nodes.append(proto)
        self._makers.update(dict.fromkeys(source.output, proto))
        if asked.shares or asked.windows or low:
            self._correct(node, proto, asked, low)
        self.kept.after(node, [need.axis for need in asked.each])

    def _feed(self, node: Node, proto: onnx.NodeProto, asked: Needs) -> bool:
        """Put before a node what it needs; whether very low values went in that may come out again."""
        wanted: dict[tuple[int, Fill], list[int]] = {}
        for need in (*asked.each, *(group[-1] for group in asked.either if not self._met(node, group))):
            fill = self._fill(node, need)
            if fill != "zero" or not self.kept.zero(node.proto.input[need.input], need.axis):
                wanted.setdefault((need.input, fill), []).append(need.axis)
        for (place, fill), axes in wanted.items():
            proto.input[place] = self._filled(node.proto.input[place], tuple(axes), fill)
        if asked.sequence is not None:
            self._tell_length(node, proto, asked.sequence)
        return node.proto.op_type == "MaxPool" and any(fill == "low" for _, fill in wanted)

    def _met(self, node: Node, group: Sequence[Need]) -> bool:
        return any(self.kept.zero(node.proto.input[need.input], need.axis) for need in group)

    def _fill(self, node: Node, need: Need) -> Fill:
        positive = node.proto.op_type in _LARGEST and self.kept.positive(node.proto.input[need.input])
        return "zero" if need.fill == "low" and positive else need.fill

    def _filled(self, name: str, axes: tuple[int, ...], fill: Fill) -> str:
        """The value with `fill` beyond the valid part of these axes; the value itself where that cannot be told."""
        known = self._ready.get((name, axes, fill))
        if known is not None:
            return known
        made = name
        for axis in axes:
            mask = self._guard("mask", name, axis)
            if mask is None:
                return name
            if not self.kept.zero(made, axis):
                made = self._combined("Mul", made, mask.name, "mask")
            if fill != "zero":
                far = 1.0 if fill == "one" else _FAR.get(mask.dtype, FAR) * (-1 if fill == "low" else 1)
                beyond = self._guard("fill", name, axis, value=far)
                assert beyond is not None  # as the mask
                made = self._combined("Add", made, beyond.name, "fill")
        made = self._requantized(name, made) if fill == "zero" and made != name else made
        self._ready[name, axes, fill] = made
        return made

    def _correct(self, node: Node, proto: onnx.NodeProto, asked: Needs, low: bool) -> None:
        """Put behind a node what takes out what it counted too many, or what went in."""
        name, read = node.proto.output[0], node.proto.input[0]
        factors = [self._guard("share", read, axis) for axis in asked.shares]
        factors += [
            self._guard("window", name, axis, window=guard, rules=(read, axis)) for axis, guard in asked.windows
        ]
        factors += [self._guard("mask", name, axis) for axis in self.spans.get(name, {}) if low]
        wanted = [guard for guard in factors if guard is not None]
        made = proto.output[0] = self._name(name, "whole") if wanted else name
        for number, guard in enumerate(wanted, 1):
            out = name if number == len(wanted) else ""
            made = self._combined("Mul", made, guard.name, guard.kind, out)
        if low and wanted:
            self.kept.write(name, self.spans.get(name, {}))

    def _tell_length(self, node: Node, proto: onnx.NodeProto, axis: int) -> None:
        info = self.model.tensors[node.proto.input[0]]
        rule, shape = node.grows(0)[axis], info.shape or ()
        if rule is None or not all(isinstance(dim, int) for dim in shape):
            return
        batch, size = shape[1 - axis], shape[axis]
        assert isinstance(batch, int)
        assert isinstance(size, int)
        proto.input.extend([""] * (5 - len(proto.input)))
        proto.input[4] = self._shared("length", "int32", (batch,), rule, size).name

    def _guard(
        self,
        kind: Kind,
        name: str,
        axis: int,
        value: float = 0.0,
        window: Window | None = None,
        rules: tuple[str, int] | None = None,
    ) -> Guard | None:
        """The input that says where the valid part of an axis of a value ends; None where that is not known.

        rules: the value and axis that the valid part is measured on, where that is another.
        """
        info, (source, place) = self.model.tensors.get(name), rules or (name, axis)
        rule, origin = self.spans.get(source, {}).get(place), self.model.tensors.get(source)
        if info is None or origin is None or rule is None or not (info.static and origin.static):
            return None
        dtype = info.dtype
        if dtype not in FLOATS and (kind in ("share", "window") or dtype not in _FAR):
            return None
        size: Any = (origin.shape or ())[place]
        shape: Any = (
            (1,) if kind == "share" else (info.shape or ())[axis : axis + 1] + (1,) * (len(info.shape or ()) - axis - 1)
        )
        return self._shared(kind, dtype, shape, rule, size, value, window)

    def _shared(
        self,
        kind: Kind,
        dtype: str,
        shape: tuple[int, ...],
        rule: Rule,
        size: int,
        value: float = 0.0,
        window: Window | None = None,
    ) -> Guard:
        """One input for all that ask for the same."""
        for guard in self.guards:
            if (guard.kind, guard.dtype, guard.shape, guard.rule, guard.size, guard.value, guard.window) == (
                *(kind, dtype, shape, rule, size, value, window),
            ):
                return guard
        made = Guard(self._name("zif", kind), kind, dtype, shape, rule, size, value, window)
        self.guards.append(made)
        return made

    def _combined(self, op_type: str, name: str, with_: str, why: str, out: str = "") -> str:
        made = out or self._name(name, why)
        node_name = self._name(f"{name}.{op_type}", why)
        self.nodes.append(onnx.helper.make_node(op_type, [name, with_], [made], name=node_name))
        return made

    def _requantized(self, name: str, made: str) -> str:
        """A masked value of a quantized graph in the encoding that it had, which holds zeros exactly."""
        maker = self._makers.get(name)
        if maker is None or maker.op_type != "DequantizeLinear":
            return made
        codes, back = self._name(name, "codes"), self._name(name, "back")
        how = list(maker.input[1:])
        for kind, read, out in (("QuantizeLinear", made, codes), ("DequantizeLinear", codes, back)):
            node = onnx.helper.make_node(kind, [read, *how], [out], name=out, domain=maker.domain)
            node.attribute.extend(maker.attribute)
            self.nodes.append(node)
        return back

    def _name(self, base: str, why: str) -> str:
        """A name that no value and no node has."""
        return f"{base}.{why}.{len(self.nodes)}.{len(self.guards)}"
