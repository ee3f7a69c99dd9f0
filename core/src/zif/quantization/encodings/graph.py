"""A float graph that takes Q and DQ nodes, named as onnxruntime names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from zif.errors import InvalidInput
from zif.quantization.backing import tools
from zif.quantization.encodings.names import AFTER, BEFORE, QUANTIZED
from zif.quantization.encodings.record import LEAST_SCALE, Encoding
from zif.quantization.prepare import BIASED

if TYPE_CHECKING:
    from zif.model import Model

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16)
#: The axis of the output channels in a weight, where the operator is what decides.
_CHANNELS = {"Conv": 0, "ConvTranspose": 1}
#: ONNX has QuantizeLinear of 16 and 4 bits from this opset on; before, onnxruntime's domain has it.
_WIDE_OPSET, _CONTRIB = 21, "com.microsoft"


class Graph:
    """One model while encodings are put into it."""

    def __init__(self, model: Model) -> None:
        from zif.quantization.prepare import whole

        self.proto = whole(model)
        graph = self.proto.graph
        self.weights = {t.name: t for t in graph.initializer if t.data_type in _FLOATS}
        made = [value.name for value in graph.input] + [name for node in graph.node for name in node.output if name]
        self.activations = [n for n in made if n not in self.weights and _is_float(model, n)]
        self.floats = {*self.activations, *self.weights}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        self.outputs = {value.name for value in graph.output}
        self._added: list[onnx.NodeProto] = []
        self._gone: set[str] = set()
        self._opset = model.opsets.get("", 0)
        self._uses_contrib = False

    @property
    def quantizable(self) -> list[str]:
        """Activations and weights that an encoding could be for; biases and scalars of shapes are not counted."""
        biases = {node.input[2] for node in self.proto.graph.node if node.op_type in BIASED and len(node.input) > 2}
        return [*self.activations, *(name for name in self.weights if name not in biases)]

    def fitted(self, one: Encoding) -> Encoding:
        """The encoding with its axis and role settled. Raises InvalidInput when it does not fit its tensor."""
        if one.is_float:
            return one
        for scale in one.scale:
            if not scale >= LEAST_SCALE or not np.isfinite(scale):
                raise InvalidInput(f"the encoding of {one.name!r} has scale {scale}, which must never get into a model")
        if one.name not in self.weights:
            if len(one.scale) > 1:
                raise InvalidInput(
                    f"the encoding of {one.name!r} has {len(one.scale)} channels, but the tensor is an activation: "
                    "those have one scale"
                )
            return attrs.evolve(one, kind="activation", axis=None)
        return attrs.evolve(one, kind="param", axis=self._axis(one))

    def _axis(self, one: Encoding) -> int | None:
        if len(one.scale) == 1 and one.axis is None:
            return None
        dims = list(self.weights[one.name].dims)
        axis = one.axis if one.axis is not None else self._channel_axis(one.name, len(one.scale), dims)
        if not -len(dims) <= axis < len(dims) or dims[axis] != len(one.scale):
            raise InvalidInput(
                f"the encoding of {one.name!r} has {len(one.scale)} channels, but the weight is {dims} and has "
                f"{dims[axis] if -len(dims) <= axis < len(dims) else 'nothing'} on axis {axis}"
            )
        return axis % len(dims)

    def _channel_axis(self, name: str, count: int, dims: Sequence[int]) -> int:
        node = self.readers[name][0] if name in self.readers else None
        if node is not None and node.op_type in _CHANNELS and name == node.input[1]:
            return _CHANNELS[node.op_type]
        if node is not None and node.op_type == "Gemm" and name == node.input[1]:
            return 0 if any(a.name == "transB" and a.i for a in node.attribute) else 1
        if node is not None and node.op_type == "MatMul":
            return len(dims) - 1
        return next((axis for axis, dim in enumerate(dims) if dim == count), 0)

    def insert(self, one: Encoding, conversions: Sequence[Encoding] = ()) -> None:
        """Quantize a tensor: a weight in place, an activation between its maker and its readers."""
        if one.name in self.weights:
            self._weight(one)
        else:
            self._activation(one, conversions)

    def _weight(self, one: Encoding) -> None:
        """Replace a float initializer by its integers and a DequantizeLinear."""
        tensor = self.weights[one.name]
        parameters = self._parameters(one, QUANTIZED if one.dtype == "int32" else "")
        stored = f"{one.name}{QUANTIZED}"
        self.proto.graph.initializer.append(_stored(tensor, one, stored))
        after = f"{one.name}{AFTER}"
        self._node("DequantizeLinear", [stored, *parameters], after, one)
        for node in self.readers.get(one.name, ()):
            _replace(node, one.name, after)
        self._gone.add(one.name)

    def _activation(self, one: Encoding, conversions: Sequence[Encoding]) -> None:
        before, after = one.name, f"{one.name}{AFTER}"
        if one.name in self.outputs:
            before, after = f"{one.name}{BEFORE}", one.name
            for node in self.proto.graph.node:
                for place, name in enumerate(node.output):
                    if name == one.name:
                        node.output[place] = before
        stored = f"{one.name}_QuantizeLinear_Output"
        parameters = self._parameters(one)
        converted = {name: number for number, other in enumerate(conversions) for name in other.readers}
        self._node("QuantizeLinear", [before, *parameters], stored, one)
        self._node("DequantizeLinear", [stored, *parameters], after, one)
        for number, other in enumerate(conversions):
            self._conversion(one.name, after, number, attrs.evolve(other, axis=None))
        for node in self.readers.get(one.name, ()):
            number = converted.get(node.name, -1)
            _replace(node, one.name, after if number < 0 else f"{one.name}_convert{number}{AFTER}")

    def _conversion(self, name: str, source: str, number: int, one: Encoding) -> None:
        base = f"{name}_convert{number}"
        parameters = self._parameters(one, f"_convert{number}")
        self._node("QuantizeLinear", [source, *parameters], f"{base}_QuantizeLinear_Output", one, f"_convert{number}")
        self._node(
            "DequantizeLinear",
            [f"{base}_QuantizeLinear_Output", *parameters],
            f"{base}{AFTER}",
            one,
            f"_convert{number}",
        )

    def _parameters(self, one: Encoding, suffix: str = "") -> list[str]:
        """Scale and zero point as initializers; their names."""
        kind = TensorProto.DataType.Value(one.dtype.upper())
        dims = [len(one.scale)] if one.axis is not None else []
        names = [f"{one.name}{suffix}_scale", f"{one.name}{suffix}_zero_point"]
        scales = np.array(one.scale, np.float32).reshape(dims)
        self.proto.graph.initializer.extend(
            [numpy_helper.from_array(scales, names[0]), helper.make_tensor(names[1], kind, dims, one.zero_point)]
        )
        return names

    def _node(self, op_type: str, inputs: Sequence[str], output: str, one: Encoding, suffix: str = "") -> None:
        contrib = self._opset < _WIDE_OPSET and one.bits in (4, 16)
        self._uses_contrib |= contrib
        self._added.append(
            helper.make_node(
                op_type,
                inputs,
                [output],
                f"{one.name}{suffix}_{op_type}",
                domain=_CONTRIB if contrib else None,
                **({"axis": one.axis} if one.axis is not None else {}),
            )
        )

    def finished(self) -> onnx.ModelProto:
        """The model, sorted, without the float weights that nobody reads any more."""
        from zif.quantization.prepare import unmark

        graph = self.proto.graph
        graph.node.extend(self._added)
        kept = [tensor for tensor in graph.initializer if tensor.name not in self._gone]
        copies = [TensorProto.FromString(tensor.SerializeToString()) for tensor in kept]
        del graph.initializer[:]
        graph.initializer.extend(copies)
        if self._uses_contrib and all(one.domain != _CONTRIB for one in self.proto.opset_import):
            self.proto.opset_import.append(helper.make_opsetid(_CONTRIB, 1))
        unmark(self.proto)
        made = tools("onnx_model").ONNXModel(self.proto)
        made.topological_sort()
        result: onnx.ModelProto = made.model
        return result


def _is_float(model: Model, name: str) -> bool:
    return name in model.tensors and model.tensors[name].dtype in ("float32", "float16")


def _replace(node: onnx.NodeProto, old: str, new: str) -> None:
    for place, name in enumerate(node.input):
        if name == old:
            node.input[place] = new


def _stored(tensor: onnx.TensorProto, one: Encoding, name: str) -> onnx.TensorProto:
    """The integers of a weight: onnxruntime's own rounding, but for int32, which it has no function for."""
    if one.dtype != "int32":
        helpers: Any = tools("quant_utils")
        kind = TensorProto.DataType.Value(one.dtype.upper())
        numbers = np.int8 if kind == TensorProto.INT4 else np.uint8 if kind == TensorProto.UINT4 else None
        dtype = numbers or helper.tensor_dtype_to_np_dtype(kind)
        scale, zero = np.array(one.scale, np.float32), np.array(one.zero_point, dtype)
        if one.axis is None:
            scale, zero = scale[0], zero[0]
        made: onnx.TensorProto = helpers.quantize_onnx_initializer(tensor, kind, zero, scale, one.axis, name)
        return made
    values = numpy_helper.to_array(tensor).astype(np.float64)
    scales = np.array(one.scale, np.float64)
    shape = [-1 if place == one.axis else 1 for place in range(values.ndim)]
    integers = np.rint(values / (scales.reshape(shape) if one.axis is not None else scales[0]))
    limits = np.iinfo(np.int32)
    return numpy_helper.from_array(np.clip(integers, limits.min, limits.max).astype(np.int32), name)
