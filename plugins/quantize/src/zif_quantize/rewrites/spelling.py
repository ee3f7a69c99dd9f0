"""A float model so spelled that onnxruntime's quantizer gets it right, and a backend the forms that it wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper
from zif.plugin import BIASED, attribute

from zif_quantize.rewrites.graph import Rewriter

if TYPE_CHECKING:
    from zif.plugin import Array, QuantizationRules


def settle(proto: onnx.ModelProto, rules: QuantizationRules) -> None:
    """Change a float model in place: it computes the same, spelled so that it quantizes well.

    A Gemm is a plain product with a bias of one number per column, a convolution has a constant bias; what else there
    was stands around them. A Pad does not pad with infinity. Every reader of a bias, and every use of a weight, has a
    constant of its own. By the rules a BatchNormalization is a convolution of every channel, a Clip has zero between
    its ends, and a Gemm of values is a MatMul.
    """
    graph = Rewriter(proto.graph, rules)
    spell = {"Gemm": _gemm, "Clip": _clip, "Pad": _pad, "Conv": _conv, "ConvTranspose": _conv}
    if rules.batch_normalization_as_conv and any(node.op_type == "BatchNormalization" for node in proto.graph.node):
        graph.ranks, spell["BatchNormalization"] = _ranks(proto), _normalization
    nodes = []
    for node in proto.graph.node:
        nodes += spell[node.op_type](graph, node) if node.op_type in spell and not node.domain else [node]
    graph.put(nodes)
    _own_constants(graph)
    graph.sweep()


def _clip(graph: Rewriter, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """A Clip to 1 … 6 as a Max with 1 before a Clip to at most 6, and the same below zero; one without ends is none.

    Every quantized range has a zero in it: it cannot stand in for such a Clip, and a compiler that lets it do so all
    the same behind a convolution, an Add or a product, whose own range does not end there, wants `split_clips`.
    """
    if not any(node.input[1:]) and not node.attribute:
        return [helper.make_node("Identity", node.input[:1], node.output, node.name)]
    limits = [graph.array(name) for name in node.input[1:3]]
    beside = [place for place, end in enumerate(limits) if end is not None and (end > 0, end < 0)[place]]
    if not beside or not graph.rules.split_clips:
        return [node]
    place = beside[0]
    op_type, result = ("Max", "Min")[place], graph.name(f"{node.output[0]}_before_Clip")
    inputs = [node.input[0], node.input[1 + place]]
    first = helper.make_node(op_type, inputs, [result], graph.name(f"{node.name}_{op_type}"))
    node.input[0], node.input[1 + place] = result, ""
    return [first, node]


def _pad(graph: Rewriter, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """A Pad with a finite number. One that is not zero pads a value of its own, whose range has the number in it, where
    the backend pads in the encoding of the input.
    """
    value = graph.array(node.input[2]) if len(node.input) > 2 else None
    if value is None or not value.any():
        return [node]
    if not np.isfinite(value):
        graph.change(node, 2, np.nan_to_num)
        return [node]
    if not graph.rules.pads_in_input_encoding:
        return [node]
    result = graph.name(f"{node.input[0]}_before_Pad")
    first = helper.make_node("Identity", [node.input[0]], [result], graph.name(f"{node.name}_Identity"))
    node.input[0] = result
    return [first, node]


def _conv(graph: Rewriter, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """A convolution whose bias is constant: one that is computed, which would stay float, is added behind."""
    computed = len(node.input) > 2 and node.input[2] and node.input[2] not in graph.constants
    if not computed or node.input[1] not in graph.constants:
        return [node]
    bias, shape = node.input[2], [1, -1] + [1] * (len(graph.constants[node.input[1]].dims) - 2)
    del node.input[2]
    result = graph.name(f"{bias}_for_{node.name}")
    inputs = [bias, graph.integers(f"{node.name}_channels", shape)]
    column = helper.make_node("Reshape", inputs, [result], graph.name(f"{node.name}_Reshape"))
    return [column, node, _behind(graph, node, "Add", result)]


def _normalization(graph: Rewriter, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """A BatchNormalization as a convolution of every channel with one number.

    Quantized, it would have one scale for all channels.
    """
    gamma, beta, mean, variance = (graph.array(name) for name in node.input[1:5])
    rank, trained = graph.ranks.get(node.input[0], 0), len(node.output) > 1
    if rank < 3 or trained or gamma is None or beta is None or mean is None or variance is None:
        return [node]
    factor = gamma / np.sqrt(variance + np.float32(attribute(node, "epsilon", 1e-5)))
    graph.change(node, 1, lambda _: factor.reshape(-1, *(1,) * (rank - 1)))
    graph.change(node, 2, lambda _: beta - mean * factor)
    return [helper.make_node("Conv", node.input[:3], node.output, node.name, group=len(factor))]


def _ranks(proto: onnx.ModelProto) -> dict[str, int]:
    """How many dimensions each value has, where that can be told."""
    graph = onnx.shape_inference.infer_shapes(proto).graph
    values = [value for value in (*graph.input, *graph.value_info) if value.type.tensor_type.HasField("shape")]
    return {value.name: len(value.type.tensor_type.shape.dim) for value in values}


def _gemm(graph: Rewriter, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """alpha·A·B + beta·C with the factors in the constants and C a vector; what cannot be so stands around it.

    onnxruntime's quantizer loses beta and takes C for a vector that is constant. A backend that multiplies two values
    in a MatMul only wants `matmul_for_gemm`.
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
    if graph.array(node.input[1]) is None and graph.rules.matmul_for_gemm:
        before += _matmul(graph, node)
    return [*before, node, *behind]


def _matmul(graph: Rewriter, node: onnx.NodeProto) -> list[onnx.NodeProto]:
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
    value = attribute(node, name, default)
    for message in [message for message in node.attribute if message.name == name]:
        node.attribute.remove(message)
    return value


def _scaled(graph: Rewriter, node: onnx.NodeProto, name: str, factor: Array) -> tuple[list[onnx.NodeProto], str]:
    """A Mul of a value by a factor, and the name of what comes out."""
    result = graph.name(f"{name}_times_beta")
    inputs = [name, graph.constant(f"{node.name}_beta", factor)]
    return [helper.make_node("Mul", inputs, [result], graph.name(f"{node.name}_Mul"))], result


def _behind(graph: Rewriter, node: onnx.NodeProto, op_type: str, other: str) -> onnx.NodeProto:
    """An operator with this second input that makes what the node has made."""
    result = node.output[0]
    node.output[0] = graph.name(f"{result}_before_{op_type}")
    return helper.make_node(op_type, [node.output[0], other], [result], graph.name(f"{node.name}_{op_type}"))


def _vector(graph: Rewriter, node: onnx.NodeProto) -> bool:
    """Make a Gemm's bias a vector of one number per column; False where it is none."""
    bias, weight = graph.array(node.input[2]), graph.array(node.input[1])
    if bias is None or weight is None:
        return False
    columns = weight.shape[0 if attribute(node, "transB", 0) else 1]
    if bias.size > 1 and bias.shape != (*(1,) * (bias.ndim - 1), columns):
        return False
    row = (columns,)
    return bias.shape == row or graph.change(node, 2, lambda values: np.broadcast_to(values.reshape(-1), row))


def _own_constants(graph: Rewriter) -> None:
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
        return f"weight of {node.op_type} {'turned' if attribute(node, 'transB', 0) else ''}"
    if node.op_type in ("MatMul", "Clip"):  # the ends of a Clip stay float
        return str(node.op_type)
    return "value"
