"""A float model so spelled that onnxruntime's quantizer gets it right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from zif.model.nodes import free_name
from zif.model.subgraphs import all_graphs

if TYPE_CHECKING:
    from zif.records import Array

#: Operators whose third input is a bias.
BIASED = ("Conv", "ConvTranspose", "Gemm", "LayerNormalization", "InstanceNormalization")


def settle(proto: onnx.ModelProto) -> None:
    """Change a float model in place: it computes the same, spelled so that it quantizes well.

    A Gemm is a plain product with a bias of one number per column; what else it did stands around it. A Clip has zero
    between its ends, and a Pad does not pad with infinity. Every reader of a bias, and every use of a weight, has a
    constant of its own.
    """
    graph = Graph(proto.graph)
    spell = {"Gemm": _gemm, "Clip": _clip, "Pad": _pad}
    nodes = []
    for node in proto.graph.node:
        nodes += spell[node.op_type](graph, node) if node.op_type in spell and not node.domain else [node]
    graph.put(nodes)
    _own_constants(graph)


class Graph:
    """A graph with its float constants by name, the number of readers of each, and names that are free."""

    def __init__(self, proto: onnx.GraphProto) -> None:
        self.proto = proto
        given = {value.name for value in proto.input}
        floats = [one for one in proto.initializer if one.data_type == TensorProto.FLOAT and one.name not in given]
        self.constants = {tensor.name: tensor for tensor in floats}
        self.reads = Counter(value.name for value in proto.output)
        self.taken = {tensor.name for tensor in proto.initializer} | given
        for graph in all_graphs(proto):
            for node in graph.node:
                self.reads.update(node.input)
                self.taken.update((*node.input, *node.output, node.name))

    def put(self, nodes: list[onnx.NodeProto]) -> None:
        """Take these nodes instead."""
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del self.proto.node[:]
        self.proto.node.extend(copies)

    def name(self, wish: str) -> str:
        """The wish, or one like it that is new."""
        found = free_name(wish, self.taken)
        self.taken.add(found)
        return found

    def array(self, name: str) -> Array | None:
        """The values of a float constant."""
        return numpy_helper.to_array(self.constants[name]) if name in self.constants else None

    def constant(self, wish: str, values: Array) -> str:
        """A new constant; its name."""
        name = self.name(wish)
        self.proto.initializer.append(numpy_helper.from_array(np.array(values, np.float32), name))
        self.constants[name] = self.proto.initializer[-1]
        self.reads[name] = 1
        return name

    def change(self, node: onnx.NodeProto, place: int, change: Callable[[Array], Array]) -> bool:
        """Change a constant that a node reads, for others a copy stays as it was. False where it reads no constant."""
        name = node.input[place]
        values = self.array(name)
        if values is None:
            return False
        made = np.array(change(values), np.float32)
        if self.reads[name] > 1:
            self.reads[name] -= 1
            node.input[place] = self.constant(f"{name}_of_{node.name or node.output[0]}", made)
        else:
            self.constants[name].CopyFrom(numpy_helper.from_array(made, name))
        return True


def _clip(graph: Graph, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """A Clip to 1 … 6 as a Max with 1 before a Clip to at most 6, and the same below zero.

    Every quantized range has a zero in it: it cannot stand in for such a Clip. Qualcomm's compiler lets it do so behind
    a convolution, an Add or a product all the same, whose own range does not end there.
    """
    limits = [graph.array(name) for name in node.input[1:3]]
    beside = [place for place, end in enumerate(limits) if end is not None and (end > 0, end < 0)[place]]
    if not beside:
        return [node]
    place = beside[0]
    op_type, result = ("Max", "Min")[place], graph.name(f"{node.output[0]}_before_Clip")
    first = helper.make_node(
        op_type, [node.input[0], node.input[1 + place]], [result], graph.name(f"{node.name}_{op_type}")
    )
    node.input[0], node.input[1 + place] = result, ""
    return [first, node]


def _pad(graph: Graph, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """A Pad with a finite number. One that is not zero pads a value of its own, whose range has the number in it."""
    value = graph.array(node.input[2]) if len(node.input) > 2 else None
    if value is None or not value.any():
        return [node]
    if not np.isfinite(value):
        graph.change(node, 2, np.nan_to_num)
        return [node]
    result = graph.name(f"{node.input[0]}_before_Pad")
    first = helper.make_node("Identity", [node.input[0]], [result], graph.name(f"{node.name}_Identity"))
    node.input[0] = result
    return [first, node]


def _gemm(graph: Graph, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """alpha·A·B + beta·C with the factors in the constants and C a vector; what cannot be so stands around it.

    onnxruntime's quantizer loses beta and takes C for a vector that is constant. Of two values QNN multiplies 16 bits
    in a MatMul only.
    """
    alpha, beta = (np.array(_taken(node, name), np.float32) for name in ("alpha", "beta"))
    bias = node.input[2] if len(node.input) > 2 and beta else ""
    del node.input[2 if not bias else 3 :]
    before: list[onnx.NodeProto] = []
    behind: list[onnx.NodeProto] = []
    if bias and beta != 1 and not graph.change(node, 2, lambda values: values * beta):
        before, node.input[2] = _scaled(graph, node, bias, beta)
    apart = alpha != 1 and not any(graph.change(node, place, lambda values: values * alpha) for place in (1, 0))
    if bias and (apart or not _vector(graph, node)):
        behind.append(_behind(graph, node, "Add", node.input[2]))
        del node.input[2]
    if apart:
        behind.insert(0, _behind(graph, node, "Mul", graph.constant(f"{node.name}_alpha", alpha)))
    if graph.array(node.input[1]) is None:
        before += _matmul(graph, node)
    return [*before, node, *behind]


def _matmul(graph: Graph, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Turn a Gemm without factors and bias into a MatMul; the Transposes before it."""
    made = []
    for place, name in enumerate(("transA", "transB")):
        if _taken(node, name, 0):
            result = graph.name(f"{node.input[place]}_{name}")
            words = [node.input[place]], [result], graph.name(f"{node.name}_{name}")
            made.append(helper.make_node("Transpose", *words, perm=[1, 0]))
            node.input[place] = result
    node.op_type = "MatMul"
    return made


def _taken(node: onnx.NodeProto, name: str, default: float = 1.0) -> float:
    """The value of an attribute; the node is left without it."""
    found = [attribute for attribute in node.attribute if attribute.name == name]
    for attribute in found:
        node.attribute.remove(attribute)
    return float(helper.get_attribute_value(found[0])) if found else default


def _scaled(graph: Graph, node: onnx.NodeProto, name: str, factor: Array) -> tuple[list[onnx.NodeProto], str]:
    """A Mul of a value by a factor, and the name of what comes out."""
    result = graph.name(f"{name}_times_beta")
    inputs = [name, graph.constant(f"{node.name}_beta", factor)]
    return [helper.make_node("Mul", inputs, [result], graph.name(f"{node.name}_Mul"))], result


def _behind(graph: Graph, node: onnx.NodeProto, op_type: str, other: str) -> onnx.NodeProto:
    """An operator with this second input that makes what the node has made."""
    result = node.output[0]
    node.output[0] = graph.name(f"{result}_before_{op_type}")
    return helper.make_node(op_type, [node.output[0], other], [result], graph.name(f"{node.name}_{op_type}"))


def _vector(graph: Graph, node: onnx.NodeProto) -> bool:
    """Make a Gemm's bias a vector of one number per column; False where it is none."""
    bias, weight = graph.array(node.input[2]), graph.array(node.input[1])
    if bias is None or weight is None:
        return False
    columns = weight.shape[0 if any(one.name == "transB" and one.i for one in node.attribute) else 1]
    if bias.size > 1 and bias.shape != (*(1,) * (bias.ndim - 1), columns):
        return False
    row = (columns,)
    return bias.shape == row or graph.change(node, 2, lambda values: np.broadcast_to(values.reshape(-1), row))


def _own_constants(graph: Graph) -> None:
    """A constant for every reader of a bias and for every use of a weight: their scales differ.

    onnxruntime's quantizer copies a bias, too, but under a name that another tensor may have. A weight that something
    else reads, or along another axis, would keep the scales of whichever comes first.
    """
    owner: dict[str, str] = {}
    for node in sorted(graph.proto.node, key=lambda node: node.op_type not in BIASED):
        for place, name in enumerate(node.input):
            if name not in graph.constants or graph.reads[name] < 2:
                continue
            use = _use(node, place)
            if owner.setdefault(name, use) != use:
                graph.change(node, place, lambda values: values)


def _use(node: onnx.NodeProto, place: int) -> str:
    """What a constant is to a reader: those for which it is the same can share it."""
    if place == 2 and node.op_type in BIASED:
        return f"bias of {node.name}"
    if place == 1 and node.op_type in BIASED:
        turned = [attribute.name for attribute in node.attribute if attribute.name == "transB" and attribute.i]
        return f"weight of {node.op_type} {turned}"
    return "weight of MatMul" if node.op_type == "MatMul" else "value"
