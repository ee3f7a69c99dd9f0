"""A known test in other clothes: its weights as constants, in fp16, quantized."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from zif.model import Model
from zif.verdicts.facts import unit_facts

from tools.tables.qnn_htp.cases import UnitCase
from tools.tables.qnn_htp.judge import by_reference

if TYPE_CHECKING:
    from zif.records import Array

_NOT_QUANTIZED = frozenset({"QuantizeLinear", "DequantizeLinear", "Cast", "CastLike"})


def variants(case: UnitCase, *, thorough: bool) -> Iterator[UnitCase]:
    """The case with constant weights, and that (or the case itself, which has none) quantized.

    thorough: also in fp16 and quantized to 16 bits.
    """
    fixed = as_constants(case)
    form = fixed or case
    made = [fixed, as_quantized(form, "uint8")]
    if thorough:
        made += [as_half(form), as_quantized(form, "uint16")]
    yield from (variant for variant in made if variant is not None)


def as_constants(case: UnitCase) -> UnitCase | None:
    """Every input but the first as an initializer, as weights are in a model; None when there is just one."""
    names = list(case.inputs)
    if len(names) < 2:
        return None
    proto = onnx.load_model_from_string(case.model)
    fixed = set(names[1:])
    kept = [value for value in proto.graph.input if value.name not in fixed]
    del proto.graph.input[:]
    proto.graph.input.extend(kept)
    proto.graph.initializer.extend(numpy_helper.from_array(case.inputs[name], name) for name in names[1:])
    return _case(f"{case.name}/constant", proto, {names[0]: case.inputs[names[0]]}, case.outputs)


def as_half(case: UnitCase) -> UnitCase | None:
    """Every float32 tensor as float16; None when there is none, or when the operator cannot."""
    proto = onnx.load_model_from_string(case.model)
    if not _floats(case, proto) or any(
        attribute.name in ("to", "dtype") for attribute in proto.graph.node[0].attribute
    ):
        return None
    for value in (*proto.graph.input, *proto.graph.output):
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT:
            value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    for tensor in proto.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(_half(numpy_helper.to_array(tensor)), tensor.name))
    del proto.graph.value_info[:]
    inputs = {name: _half(value) for name, value in case.inputs.items()}
    return _case(f"{case.name}/half", proto, inputs, {name: _half(value) for name, value in case.outputs.items()})


def as_quantized(case: UnitCase, dtype: str) -> UnitCase | None:
    """Float inputs and outputs between DequantizeLinear and QuantizeLinear; None where that says nothing."""
    proto = onnx.load_model_from_string(case.model)
    graph = proto.graph
    if not _floats(case, proto) or len(graph.node) != 1 or graph.node[0].op_type in _NOT_QUANTIZED:
        return None
    opset = {entry.domain: entry.version for entry in proto.opset_import}.get("", 21)
    if opset < 21:  # before it, 16-bit quantization is not ONNX's
        return None
    inside = Quantized(graph, dtype)
    feeds = {name: inside.enter(name, value) for name, value in case.inputs.items()}
    for tensor in [t for t in graph.initializer if t.data_type == onnx.TensorProto.FLOAT and t.dims]:
        inside.enter_constant(tensor)
    exact = by_reference(case.model, {name: inside.seen.get(name, value) for name, value in case.inputs.items()})
    if exact is None or not all(np.isfinite(v).all() for v in exact.values() if v.dtype == np.float32):
        return None
    wanted = {name: inside.leave(name, value) for name, value in exact.items()}
    inside.write()
    return _case(f"{case.name}/{dtype}", proto, feeds, wanted)


class Quantized:
    """Puts Q and DQ around the node of a graph. `seen` are the values that the operator then sees."""

    def __init__(self, graph: onnx.GraphProto, dtype: str) -> None:
        self._graph, self._dtype = graph, np.dtype(dtype)
        self._before: list[onnx.NodeProto] = []
        self._after: list[onnx.NodeProto] = []
        self.seen: dict[str, Array] = {}

    def enter(self, name: str, value: Array) -> Array:
        """Quantize a graph input; what is to be fed."""
        if value.dtype != np.float32 or name not in self._graph.node[0].input:
            return value
        stored = self._dequantize(name, value)
        info = next(info for info in self._graph.input if info.name == name)
        info.CopyFrom(helper.make_tensor_value_info(f"{name}_q", self._element, value.shape))
        return stored

    def enter_constant(self, tensor: onnx.TensorProto) -> None:
        """Quantize an initializer."""
        stored = self._dequantize(tensor.name, numpy_helper.to_array(tensor))
        tensor.CopyFrom(numpy_helper.from_array(stored, f"{tensor.name}_q"))

    def leave(self, name: str, value: Array) -> Array:
        """Quantize a graph output; what must come out."""
        if value.dtype != np.float32:
            return value
        scale, zero = self._parameters(name, value)
        node = self._graph.node[0]
        node.output[list(node.output).index(name)] = f"{name}_f"
        quantize = helper.make_node(
            "QuantizeLinear", [f"{name}_f", f"{name}_s", f"{name}_z"], [f"{name}_q"], f"Q_{name}"
        )
        self._after.append(quantize)
        info = next(info for info in self._graph.output if info.name == name)
        info.CopyFrom(helper.make_tensor_value_info(f"{name}_q", self._element, value.shape))
        return self._store(value, scale, zero)

    def write(self) -> None:
        """Put the nodes into the graph."""
        nodes = [*self._before, *self._graph.node, *self._after]
        del self._graph.node[:], self._graph.value_info[:]
        self._graph.node.extend(nodes)

    @property
    def _element(self) -> int:
        return int(helper.np_dtype_to_tensor_dtype(self._dtype))

    def _dequantize(self, name: str, value: Array) -> Array:
        scale, zero = self._parameters(name, value)
        node = helper.make_node("DequantizeLinear", [f"{name}_q", f"{name}_s", f"{name}_z"], [name], f"DQ_{name}")
        self._before.append(node)
        stored = self._store(value, scale, zero)
        self.seen[name] = ((stored.astype(np.float64) - float(zero)) * scale).astype(np.float32)
        return stored

    def _parameters(self, name: str, value: Array) -> tuple[float, int]:
        low, high = min(0.0, float(value.min(initial=0))), max(0.0, float(value.max(initial=0)))
        scale = float(np.float32((high - low) / np.iinfo(self._dtype).max)) or 1.0
        zero = round(-low / scale)
        constants = (np.array(scale, np.float32), f"{name}_s"), (np.array(zero, self._dtype), f"{name}_z")
        self._graph.initializer.extend(numpy_helper.from_array(array, word) for array, word in constants)
        return scale, zero

    def _store(self, value: Array, scale: float, zero: int) -> Array:
        info = np.iinfo(self._dtype)
        stored: Array = np.clip(np.rint(value.astype(np.float64) / scale) + zero, 0, info.max).astype(self._dtype)
        return stored


def _floats(case: UnitCase, proto: onnx.ModelProto) -> bool:
    """Whether the case computes in float32, finite, with nothing that a variant would leave behind."""
    values = [*case.inputs.values(), *map(numpy_helper.to_array, proto.graph.initializer)]
    floats = [value for value in values if value.dtype == np.float32]
    outputs = [value for value in case.outputs.values() if value.dtype == np.float32]
    return bool(floats) and bool(outputs) and all(np.isfinite(value).all() for value in (*floats, *outputs))


def _half(value: Any) -> Any:
    return value.astype(np.float16) if value.dtype == np.float32 else value


def _case(
    name: str, proto: onnx.ModelProto, inputs: Mapping[str, Array], outputs: Mapping[str, Array]
) -> UnitCase | None:
    feeds = dict(zip((value.name for value in proto.graph.input), inputs.values(), strict=True))
    wanted = dict(zip((value.name for value in proto.graph.output), outputs.values(), strict=True))
    try:
        model = Model.load(proto)
        if len(model.units) != 1:
            return None
        facts = unit_facts(model, model.units[0])
    except Exception:  # a type that the operator does not have
        return None
    unit = model.units[0]
    return UnitCase(name, unit.op_type, unit.domain, facts, model.proto.SerializeToString(), feeds, wanted)
