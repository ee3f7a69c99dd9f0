"""Outputs of pictures as NCHW, in the ONNX model that tf2onnx wrote.

tf2onnx's own way (--outputs-as-nchw) turns whatever reads the value behind an output, also what reads it inside.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import onnx
from onnx import helper
from zif.plugin import attribute, opset_of

_TO_NHWC, _TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)
#: They compute each value by itself, whatever its place.
_PLACELESS = {
    *("Abs", "Cast", "Ceil", "Clip", "Elu", "Erf", "Exp", "Floor", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu"),
    *("Log", "Neg", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Softplus", "Softsign", "Sqrt", "Tanh"),
}
#: And these along one axis, from opset 13 on; with the axis that they have where none is said.
_ALONG_AXIS = {"Softmax": -1, "LogSoftmax": -1, "QuantizeLinear": 1, "DequantizeLinear": 1}


def outputs_as_nchw(path: Path) -> tuple[str, ...]:
    """Turn every output of rank 4 of the model at `path`, which is NHWC. Gives their names."""
    proto = onnx.load(path)
    values = [value for value in proto.graph.output if len(value.type.tensor_type.shape.dim) == len(_TO_NCHW)]
    opset = opset_of(proto)
    for value in values:
        if not _turns_inside(proto.graph, value.name, opset):
            _turn_behind(proto.graph, value.name)
        dims = value.type.tensor_type.shape.dim
        turned = [onnx.TensorShapeProto.Dimension.FromString(dims[at].SerializeToString()) for at in _TO_NCHW]
        del dims[:]
        dims.extend(turned)
    if values:
        onnx.save(proto, path)
    return tuple(value.name for value in values)


def _turns_inside(graph: onnx.GraphProto, output: str, opset: int) -> bool:
    """Take out the Transpose to NHWC that the output comes from; False where there is none, or others read the way."""
    makers = {name: node for node in graph.node for name in node.output}
    reads = Counter(name for node in graph.node for name in node.input) + Counter(value.name for value in graph.output)
    passed: list[onnx.NodeProto] = []
    node = makers.get(output)
    while node is not None and reads[node.output[0]] == 1 and _passes(node, opset):
        passed.append(node)
        node = makers.get(node.input[0])
    if node is None or node.op_type != "Transpose" or tuple(attribute(node, "perm", [])) != _TO_NHWC:
        return False
    if not passed:
        return _end_before(graph, node, makers)
    passed[-1].input[0] = node.input[0]
    for passing in passed:
        _turn_axis(passing)
    if reads[node.output[0]] == 1:
        graph.node.remove(node)
    _forget(graph, {name for node in passed for name in node.output})
    return True


def _passes(node: onnx.NodeProto, opset: int) -> bool:
    """Whether a Transpose may come behind this one as well as before it."""
    return node.op_type in _PLACELESS or (node.op_type in _ALONG_AXIS and opset >= 13)


def _turn_axis(node: onnx.NodeProto) -> None:
    """The axis that is meant, in NCHW."""
    if node.op_type not in _ALONG_AXIS:
        return
    axis = attribute(node, "axis", _ALONG_AXIS[node.op_type])
    others = [setting for setting in node.attribute if setting.name != "axis"]
    del node.attribute[:]
    node.attribute.extend([*others, helper.make_attribute("axis", _TO_NHWC[axis])])


def _end_before(graph: onnx.GraphProto, transpose: onnx.NodeProto, makers: dict[str, onnx.NodeProto]) -> bool:
    """What the Transpose reads is the output, under its name; what else reads the output reads the Transpose."""
    inner, output = transpose.input[0], transpose.output[0]
    if inner not in makers or inner in {value.name for value in graph.output}:
        return False
    _rename(graph, output, f"{output}/nhwc")
    _rename(graph, inner, output)
    if not any(transpose.output[0] in node.input for node in graph.node):
        graph.node.remove(transpose)
    _forget(graph, {inner, output})
    return True


def _turn_behind(graph: onnx.GraphProto, output: str) -> None:
    """A Transpose behind what gave the output until now."""
    inner = f"{output}/nhwc"
    _rename(graph, output, inner)
    graph.node.append(helper.make_node("Transpose", [inner], [output], f"{output}/nchw", perm=_TO_NCHW))


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    """A value, in whatever makes and reads it."""
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]


def _forget(graph: onnx.GraphProto, names: set[str]) -> None:
    """The shapes that were noted of these values."""
    for value in [value for value in graph.value_info if value.name in names]:
        graph.value_info.remove(value)
