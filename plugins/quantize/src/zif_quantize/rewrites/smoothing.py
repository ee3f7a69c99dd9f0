"""Channels that are much larger than the others made smaller, and what reads them larger: the same function.

A tensor has one scale, so that a few large channels leave the others few steps. Where a value is made by something that
can scale each channel (LayerNormalization, a product with one number per channel, a convolution with a Relu behind it)
and read by products with constants, the factor moves from the one into the others (Xiao et al., SmoothQuant, 2022;
Nagel et al., 2019, for convolutions). What reads the value otherwise gets it multiplied again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from attrs import field, frozen
from onnx import helper, numpy_helper
from zif.plugin import attribute, bodies, captures, free_name

from zif_quantize.ort.libraries import loaded
from zif_quantize.ort.tools import CpuSession
from zif_quantize.rewrites.faithful import as_given, remember
from zif_quantize.rewrites.prepare import whole

if TYPE_CHECKING:
    from zif import Model
    from zif.plugin import Array

#: How the factor is shared between values and weights: half of its logarithm each.
SHARE = 0.5
#: Places whose largest channel is at least so many times the middle one are worth it.
UNEVEN = 4.0
#: No factor is further than this from the middle one: gammas and biases are quantized, too.
MOST = 64.0
#: Operators that a factor per channel passes through.
_HOMOGENEOUS = frozenset({"Relu", "LeakyRelu", "PRelu"})
_PRODUCTS = frozenset({"MatMul", "Gemm", "Conv"})


@frozen
class Place:
    """A value whose channels can be scaled: what makes it, its axis of channels, and who reads it how."""

    value: str
    axis: int
    makers: tuple[tuple[str, int], ...]  # constants that are divided, with their axis of channels
    readers: tuple[tuple[str, int], ...]  # constants that are multiplied
    others: tuple[str, ...] = field(default=())  # nodes that want the value as it was


def smoothed(model: Model, samples: Sequence[Mapping[str, Any]]) -> Model | None:
    """A prepared model with its uneven values smoothed, as these samples show them; None where there are none.

    Raises StageFailed for a sample that the model fails on.
    """
    proto = whole(model)
    graph = _Graph(proto, {name: info.shape for name, info in model.tensors.items()})
    places = [place for value in graph.values() if (place := graph.place(value))]
    greatest = _greatest(proto, places, samples) if places else {}
    done = 0
    for place in places:
        factor = graph.factor(place, greatest[place.value])
        if factor is not None:
            graph.scale(place, factor)
            done += 1
    if not done:
        return None
    made = loaded(proto)
    made.name = model.name
    original = as_given(model)
    remember(made, original if original is not None else whole(model))
    return made


def _greatest(
    proto: onnx.ModelProto, places: Sequence[Place], samples: Sequence[Mapping[str, Any]]
) -> dict[str, Array]:
    """The greatest magnitude of every channel of each place."""
    seen = onnx.ModelProto()
    seen.CopyFrom(proto)
    outputs = {value.name for value in proto.graph.output}
    names = [place.value for place in places]
    seen.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in outputs)
    session = CpuSession(seen.SerializeToString())
    greatest: dict[str, Array] = {}
    for sample in samples:
        for place, value in zip(places, session.run(names, sample), strict=True):
            axes = tuple(axis for axis in range(value.ndim) if axis != place.axis % value.ndim)
            here = np.abs(value).max(axis=axes, initial=0.0)
            greatest[place.value] = np.maximum(here, greatest.get(place.value, here))
    return greatest


class _Graph:
    """The nodes and constants of a model, and where factors can move."""

    def __init__(self, proto: onnx.ModelProto, shapes: Mapping[str, Any]) -> None:
        self.graph, self.shapes = proto.graph, shapes
        self.constants = {tensor.name: tensor for tensor in proto.graph.initializer}
        self.makers = {name: node for node in proto.graph.node for name in node.output}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in proto.graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        inside = {name for node in proto.graph.node for body in bodies(node) for name in captures(body)}
        self.fixed = inside | {value.name for value in proto.graph.output}

    def values(self) -> list[str]:
        """Values that some product with a constant reads."""
        made = [name for node in self.graph.node for name in node.output if name not in self.fixed]
        return [name for name in made if any(self._weights(node, name) for node in self.readers.get(name, ()))]

    def place(self, value: str) -> Place | None:
        """How the channels of a value can be scaled; None where they cannot."""
        maker = self._maker(value)
        if maker is None:
            return None
        axis, divided = maker
        constants: list[tuple[str, int]] = []
        others: list[str] = []
        for node in self.readers[value]:
            weights = [(name, at) for name, at, of in self._weights(node, value) if of == axis]
            constants += weights
            others += [] if weights else [node.name]
        if not constants or (others and axis == 1):
            return None
        return Place(value, axis, divided, tuple(dict.fromkeys(constants)), tuple(dict.fromkeys(others)))

    def _own(self, name: str) -> bool:
        """Whether a constant has this one reader."""
        return name in self.constants and len(self.readers.get(name, ())) == 1 and name not in self.fixed

    def _weights(self, node: onnx.NodeProto, value: str) -> list[tuple[str, int, int]]:
        """The constants that a value is multiplied with, each with its axis of the value's channels, and that of the
        value; behind a Reshape that keeps the last dimension, too. None where something else reads it as well.
        """
        if node.op_type == "Reshape" and self._keeps_last(node) and node.input[0] == value:
            behind = [self._weights(reader, node.output[0]) for reader in self.readers.get(node.output[0], ())]
            rows = [row for rows in behind for row in rows]
            return rows if behind and all(behind) and all(of == -1 for _, _, of in rows) else []
        if node.op_type not in _PRODUCTS or node.domain or node.input[0] != value or not self._own(node.input[1]):
            return []
        name, dims = node.input[1], self.constants[node.input[1]].dims
        if node.op_type == "Conv":
            group = attribute(node, "group", 1)
            if group == 1:
                return [(name, 1, 1)]
            return [(name, 0, 1)] if dims[1] == 1 and group == dims[0] else []
        if len(dims) != 2 or (node.op_type == "Gemm" and attribute(node, "transA", 0)):
            return []
        return [(name, 1 if node.op_type == "Gemm" and attribute(node, "transB", 0) else 0, -1)]

    def _keeps_last(self, node: onnx.NodeProto) -> bool:
        before, after = (self.shapes.get(name) for name in (node.input[0], node.output[0]))
        return bool(before and after and before[-1] == after[-1] and node.output[0] not in self.fixed)

    def _maker(self, value: str) -> tuple[int, tuple[tuple[str, int], ...]] | None:
        """The axis of channels of a value, and the constants whose division divides it."""
        node = self.makers[value]
        while node.op_type in _HOMOGENEOUS or (node.op_type == "Reshape" and self._keeps_last(node)):
            before = node.input[0]
            if before not in self.makers or len(self.readers[before]) > 1 or before in self.fixed:
                return None
            node = self.makers[before]
        names = [name for name in node.input[1:] if name]
        if node.op_type == "Mul":
            return self._product(node)
        if not names or not all(map(self._own, names)):
            return None
        if node.op_type == "Conv":
            return 1, tuple((name, 0) for name in names)
        if node.op_type == "Gemm":
            across = 0 if attribute(node, "transB", 0) else 1
            ends = [(names[1], len(self.constants[names[1]].dims) - 1)] if names[1:] else []
            single = any(self.constants[name].dims[-1] == 1 for name in names[1:])
            return None if single else (-1, ((names[0], across), *ends))
        if node.op_type == "LayerNormalization" and attribute(node, "axis", -1) in (-1, 2) and len(node.output) == 1:
            return (-1, tuple((name, 0) for name in names)) if len(self.constants[names[0]].dims) == 1 else None
        return None

    def _product(self, node: onnx.NodeProto) -> tuple[int, tuple[tuple[str, int], ...]] | None:
        for name in node.input:
            dims = self.constants[name].dims if self._own(name) else ()
            if dims and dims[-1] > 1 and int(np.prod(dims)) == dims[-1]:
                return -1, ((name, len(dims) - 1),)
        return None

    def factor(self, place: Place, greatest: Array) -> Array | None:
        """What each channel is divided by; None where they are even enough."""
        middle = float(np.median(greatest))
        if not middle or float(greatest.max()) < UNEVEN * middle:
            return None
        weights = np.zeros(len(greatest))
        for name, axis in place.readers:
            array = np.abs(self.array(name))
            rest = tuple(dim for dim in range(array.ndim) if dim != axis)
            weights = np.maximum(weights, array.max(axis=rest))
        used = (greatest > 0) & (weights > 0)
        factor = np.where(used, greatest, middle) ** SHARE / np.where(used, weights, 1.0) ** (1 - SHARE)
        factor /= np.median(factor[used]) if used.any() else 1.0
        factor[~used] = 1.0
        result: Array = np.clip(factor, 1 / MOST, MOST)
        return result

    def array(self, name: str) -> Array:
        tensor: Array = numpy_helper.to_array(self.constants[name])
        return tensor

    def scale(self, place: Place, factor: Array) -> None:
        """Divide the makers' constants, multiply the readers', and give others the value as it was."""
        for names, by in ((place.makers, 1 / factor), (place.readers, factor)):
            for name, axis in dict.fromkeys(names):
                array = self.array(name)
                dims = [-1 if dim == axis else 1 for dim in range(array.ndim)]
                changed = (array * by.reshape(dims)).astype(array.dtype)
                self.constants[name].CopyFrom(numpy_helper.from_array(changed, name))
        if place.others:
            self._back(place, factor)

    def _back(self, place: Place, factor: Array) -> None:
        taken = {name for node in self.graph.node for name in (*node.input, *node.output)} | set(self.constants)
        value, constant = (free_name(f"{place.value}_{word}", taken) for word in ("as_it_was", "factor"))
        dtype = self.array(place.readers[0][0]).dtype
        self.graph.initializer.append(numpy_helper.from_array(factor.astype(dtype), constant))
        made = helper.make_node("Mul", [place.value, constant], [value], value)
        for at, node in enumerate(self.graph.node):
            if place.value in node.output:
                self.graph.node.insert(at + 1, made)
                break
        for node in self.graph.node:
            if node.name in place.others and node.name != made.name:
                for at, name in enumerate(node.input):
                    if name == place.value:
                        node.input[at] = value
