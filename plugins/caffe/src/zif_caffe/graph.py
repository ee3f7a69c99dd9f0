"""The ONNX graph while it is written: nodes, constants, and the shape of every value, all of them known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from zif import InvalidModel, Unsupported

from zif_caffe.network import Layer

if TYPE_CHECKING:
    from zif.plugin import Array

Shape = tuple[int, ...]
#: The elements of a constant that a layer may be written with: 256 MiB of floats.
_MOST = 64 << 20


class Graph:
    """Nodes in order. `shapes` has every value; names are those that Caffe gives. layer: the one that is written."""

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.shapes: dict[str, Shape] = {}
        self.notes: list[str] = []
        self.layer = ""
        self._taken: set[str] = set()
        self._named: set[str] = set()

    def room(self, elements: int) -> None:
        """Raise InvalidModel for a constant of more elements than a layer's may have."""
        if elements > _MOST:
            raise InvalidModel(f"layer {self.layer!r} would need a constant of {elements:,} values: {_MOST:,} are made")

    def constant(self, array: Array | Sequence[Any] | float, name: str) -> str:
        """A constant under a name that is free. Floats are float32, whole numbers int64."""
        made = np.asarray(array)
        made = made.astype(np.int64 if made.dtype.kind in "iu" else np.float32)
        name = self._free(name)
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(made), name))
        self.shapes[name] = made.shape
        return name

    def node(
        self, op_type: str, inputs: Sequence[str], output: str | Sequence[str], shape: Shape | None, **attributes: Any
    ) -> str:
        """A node with one output of this shape, or with several, whose shapes the caller notes. Gives the first."""
        outputs = [output] if isinstance(output, str) else list(output)
        self.nodes.append(helper.make_node(op_type, list(inputs), outputs, self._node_name(op_type), **attributes))
        if shape is not None:
            self.shapes[outputs[0]] = tuple(int(dim) for dim in shape)
            if any(dim == 0 or dim < -1 for dim in self.shapes[outputs[0]]):  # -1 is open
                raise InvalidModel(f"layer {self.layer!r} would give {list(self.shapes[outputs[0]])[:8]}: none is made")
        return outputs[0]

    def mean(self, value: str, axes: Sequence[int], output: str, shape: Shape) -> str:
        """A mean over axes, kept as dimensions of 1. Opset 18 made the axes an input."""
        if self.opset < 18:
            return self.node("ReduceMean", [value], output, shape, axes=list(axes))
        constant = self.constant(np.array(axes), f"{self.layer}/axes")
        return self.node("ReduceMean", [value, constant], output, shape)

    def _node_name(self, op_type: str) -> str:
        """The layer's name for its first node, and below it for the others."""
        name, count = self.layer, 0
        while name in self._named:
            name, count = f"{self.layer}/{op_type}{count or ''}", count + 1
        self._named.add(name)
        return name

    def inner(self, layer: Layer, what: str) -> str:
        """A free name for a value inside a layer."""
        return self._free(f"{layer.name}/{what}")

    def _free(self, name: str) -> str:
        free, count = name, 1
        while free in self._taken or free in self.shapes:
            free, count = f"{name}_{count}", count + 1
        self._taken.add(free)
        return free

    def model(self, name: str, inputs: Sequence[str], outputs: Sequence[str]) -> onnx.ModelProto:
        """The model, with these ends."""
        ends = [[self._info(value) for value in values] for values in (inputs, outputs)]
        graph = helper.make_graph(self.nodes, name, *ends, self.constants)
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, producer_name="zif-caffe", ir_version=_ir(self.opset))

    def _info(self, value: str) -> onnx.ValueInfoProto:
        dims: list[int | None] = [None if dim < 0 else dim for dim in self.shapes[value]]
        return helper.make_tensor_value_info(value, TensorProto.FLOAT, dims)


def _ir(opset: int) -> int:
    return 7 if opset < 15 else 8 if opset < 19 else 9 if opset < 21 else 10


def axis_of(axis: int, rank: int, layer: Layer) -> int:
    """An axis that may count from the end. Raises InvalidModel."""
    if not -rank <= axis < rank:
        raise InvalidModel(f"layer {layer.name!r} ({layer.type}): its input has {rank} dimensions, and no axis {axis}")
    return axis % rank


def count(shape: Sequence[int]) -> int:
    """The number of elements."""
    return math.prod(shape)


def weights(layer: Layer, number: int, of: str) -> tuple[Array, ...]:
    """The first `number` blobs of a layer. Raises InvalidModel when the weights do not have them."""
    if len(layer.blobs) < number:
        raise InvalidModel(
            f"layer {layer.name!r} ({layer.type}) needs {of}, and the weights have {len(layer.blobs)} arrays for it: "
            "the .caffemodel belongs to another network, or holds no such layer"
        )
    return layer.blobs[:number]


def refuse(layer: Layer, what: str) -> Unsupported:
    """The error for what cannot be said in ONNX, or is not done here."""
    return Unsupported(f"layer {layer.name!r} ({layer.type}): {what}")
