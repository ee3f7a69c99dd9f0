"""A model in the form that the toolkit takes: one file, an old opset, plain names, every shape known."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import onnx
from attrs import frozen
from zif import InvalidModel, Obstacle
from zif.plugin import bodies, from_array

from zif_rockchip import lowering

if TYPE_CHECKING:
    from zif import Model, TensorInfo, Unit

BACKEND = "rknn"
#: What the toolkit takes where values enter or leave a graph.
EDGE_TYPES = ("float32", "float16", "int64", "int32", "int8", "uint8", "bool")
#: A protobuf message cannot be larger.
LARGEST = (1 << 31) - (1 << 20)
#: Operators whose values depend on chance.
_CHANCE = {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"}


@frozen(eq=False)
class Graph:
    """What goes to the toolkit. inputs and outputs: the model's names, in the graph's order.

    owners: the id of the unit that a node or value in the graph belongs to. names: the model's own name of each node
    and value, for sentences. notes: what was assumed.
    """

    data: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    owners: Mapping[str, str]
    names: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def named(self, text: str) -> list[str]:
        """The units whose nodes or values a text of the toolkit names, in the order of the text."""
        words = (match[0] for match in _OURS.finditer(text))
        return list(dict.fromkeys(self.owners[word] for word in words if word in self.owners))

    def translated(self, text: str) -> str:
        """A text of the toolkit with the model's own names in it."""
        return _OURS.sub(lambda match: self.names.get(match[0], match[0]), text)


_OURS = re.compile(r"(?<![A-Za-z0-9])zif[nt]\d+(?!\d)")


def ruled_out(model: Model, unit: Unit) -> tuple[str, str] | None:
    """Code and sentence of a unit that needs no compiler to be refused; None for one that is to be asked about."""
    nodes = [model.proto.graph.node[index] for index in unit.nodes]
    if unit.op_type in _CHANCE or any(bodies(node) for node in nodes):
        what = "draws random numbers" if unit.op_type in _CHANCE else "has bodies"
        return "op", f"{unit.op_type} {what}, which an .rknn file does not hold"
    for name in (*unit.inputs, *unit.outputs):
        info = model.tensors[name]
        if not info.static:
            shape = info.shape if info.shape is None else tuple("?" if dim is None else dim for dim in info.shape)
            return "dynamic-shape", f"rknn-toolkit2 needs every dimension fixed, and {name!r} has the shape {shape}"
        if info.elements == 0:
            return "tensor-size", f"rknn-toolkit2 takes no tensor without elements, as {name!r} is"
    opset, tensors = lowering.opset_of(model.proto), dict(model.tensors)
    reasons = (lowering.obstacle(node, opset, tensors) for node in nodes)
    return next((("opset", reason) for reason in reasons if reason), None)


def edges(model: Model) -> Iterator[Obstacle]:
    """The units that stand where values enter or leave this graph in a form that the toolkit does not take there."""
    read = {name: [model.units[place] for place in places] for name, places in model.consumers.items()}
    for info in model.inputs:
        reason = _edge(info, entering=True)
        for unit in read.get(info.name, ()) if reason else ():
            yield Obstacle(unit.id, unit.op_type, BACKEND, *reason)
    made = model.producers
    for info in model.outputs:
        reason = _edge(info, entering=False)
        if reason and info.name in made:
            unit = model.units[made[info.name]]
            yield Obstacle(unit.id, unit.op_type, BACKEND, *reason)


def _edge(info: TensorInfo, entering: bool) -> tuple[str, str] | tuple[()]:
    way = "enter" if entering else "leave"
    if info.dtype not in EDGE_TYPES:
        return "dtype", f"rknn-toolkit2 takes no {info.type or 'value of unknown type'} where values {way} a graph"
    if entering and info.shape == ():
        return "rank", f"rknn-toolkit2 takes no scalar as an input, and {info.name!r} is one"
    return ()


def build(model: Model, *, invent_weights: bool = False) -> Graph:
    """The toolkit's form of a model; no unit of it is `ruled_out`, and it has no bad `edges`.

    invent_weights puts small numbers in the place of weights whose file is missing: enough to ask, not to compile.
    Raises InvalidModel naming the file of a weight that is missing otherwise, and for a model beyond 2 GB.
    """
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    graph = proto.graph
    notes = _bring_weights(proto, model, invent_weights)
    _drop_dropout(graph, model)
    read = {name for node in graph.node for name in node.input}
    fed = [value for value in graph.input if value.name in read and value.name not in model.initializers]
    del graph.input[:], graph.value_info[:]
    graph.input.extend(fed)
    lowering.lower(proto)
    inputs, outputs = (tuple(value.name for value in values) for values in (graph.input, graph.output))
    owners, names = _rename(graph, model)
    if proto.ByteSize() > LARGEST:
        raise InvalidModel(f"{model.name}: rknn-toolkit2 reads models of up to 2 GB")
    return Graph(proto.SerializeToString(), inputs, outputs, owners, names, notes)


def _drop_dropout(graph: onnx.GraphProto, model: Model) -> None:
    """Dropout hands its input on when nobody trains; the toolkit does not take it in every opset."""
    read = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    for node in graph.node:
        if node.op_type != "Dropout" or node.domain or any(name in read for name in node.output[1:]):
            continue
        mode = node.input[2] if len(node.input) > 2 else ""
        if not mode or (mode in model.initializers and not model.array(mode)):
            node.op_type = "Identity"
            del node.input[1:], node.output[1:], node.attribute[:]


def _bring_weights(proto: onnx.ModelProto, model: Model, invent: bool) -> tuple[str, ...]:
    missing = ""
    for tensor in proto.graph.initializer:
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        try:
            tensor.CopyFrom(from_array(model.array(tensor.name), tensor.name))
        except InvalidModel as error:
            if not invent:
                raise
            missing = missing or str(error)
            _invent(tensor)
    return (f"asked with invented numbers in the place of missing weights: {missing}",) if missing else ()


def _invent(tensor: onnx.TensorProto) -> None:
    """Small numbers that are not all alike: a weight of zeros would be folded away."""
    kind = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    numbers = np.resize(np.linspace(1, 4, 7), tuple(tensor.dims)) / (8 if kind.kind == "f" else 1)
    tensor.CopyFrom(from_array(numbers.astype(kind), tensor.name))


def _rename(graph: onnx.GraphProto, model: Model) -> tuple[dict[str, str], dict[str, str]]:
    """Plain names: the toolkit takes some characters for something else, and says names of its own made from ours."""
    whose = {index: unit.id for unit in model.units for index in unit.nodes}
    new: dict[str, str] = {}
    owners: dict[str, str] = {}
    names: dict[str, str] = {}

    def short(name: str) -> str:
        if name and name not in new:
            new[name] = f"zift{len(new)}"
            names[new[name]] = name
        return new.get(name, "")

    for index, node in enumerate(graph.node):
        names[f"zifn{index}"] = node.name
        node.name = f"zifn{index}"
        owners[node.name] = whose[index]
        node.input[:] = [short(name) for name in node.input]
        node.output[:] = [short(name) for name in node.output]
        owners.update((name, whose[index]) for name in node.output if name)
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = short(value.name)
    return owners, names
