"""Quantized values that are joined, moved and joined again come out right: the compiler alone loses an encoding there.

The head of every YOLO looks like this: box, objectness and classes are joined, flattened, and joined over the scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from qnn_runtime.graphs import CHIP
from zif_qnn_htp.graph import build
from zif_qnn_runtime import ProviderOptions, open_session
from zif_qnn_runtime.graph import build as plainly
from zif_quantize import auto_quantize, prepare
from zif_quantize.measure import Judge, Reference

#: Scale and zero point of each value, all different, and with room for what lies from 0 to 1.
ENCODINGS = {"a": (0.01, 100), "b": (0.005, 0), "inner": (0.012, 90), "c": (0.02, 128), "outer": (0.02, 120)}
MOVES: Mapping[str, list[onnx.NodeProto]] = {
    "reshape": [helper.make_node("Reshape", ["?", "flat"], ["?"])],
    "flatten": [helper.make_node("Flatten", ["?"], ["?"])],
    "transpose": [helper.make_node("Transpose", ["?"], ["?"], perm=[0, 2, 3, 1])],
    "unsqueeze": [helper.make_node("Unsqueeze", ["?", "zero"], ["?"])],
    "blocks": [helper.make_node("SpaceToDepth", ["?"], ["?"], blocksize=2)],
    "transpose, flatten": [
        helper.make_node("Transpose", ["?"], ["?"], perm=[0, 2, 3, 1]),
        helper.make_node("Flatten", ["?"], ["?"]),
    ],
    "nothing": [],
}


class _Head:
    """Two inputs, each through a Relu, joined, moved, and joined with themselves in another encoding."""

    def __init__(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self.shift = 0 if dtype == "uint8" else -128
        self.nodes: list[onnx.NodeProto] = []
        self.constants = [numpy_helper.from_array(np.array([1, 5, -1]), "flat")]
        self.constants.append(numpy_helper.from_array(np.array([0]), "zero"))

    def quantized(self, name: str, encoding: str) -> str:
        scale, zero = ENCODINGS[encoding]
        self.constants.append(numpy_helper.from_array(np.float32(scale), f"{name}_s"))
        self.constants.append(numpy_helper.from_array(self.dtype.type(zero + self.shift), f"{name}_z"))
        ends = [f"{name}_s", f"{name}_z"]
        self.nodes.append(helper.make_node("QuantizeLinear", [name, *ends], [f"{name}_q"], f"{name}_q"))
        self.nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", *ends], [f"{name}_d"], f"{name}_d"))
        return f"{name}_d"

    def node(self, op_type: str, inputs: list[str], output: str, encoding: str, **attributes: int) -> str:
        self.nodes.append(helper.make_node(op_type, inputs, [output], output, **attributes))
        return self.quantized(output, encoding)

    def moved(self, value: str, moves: list[onnx.NodeProto]) -> str:
        for number, template in enumerate(moves):
            node = onnx.NodeProto()
            node.CopyFrom(template)
            node.name = node.output[0] = f"move{number}"
            node.input[0] = value
            self.nodes.append(node)
            value = self.quantized(node.name, "inner")
        return value

    def model(self, moves: list[onnx.NodeProto]) -> onnx.ModelProto:
        a = self.node("Relu", [self.quantized("a", "a")], "ra", "a")
        b = self.node("Relu", [self.quantized("b", "b")], "rb", "b")
        value = self.moved(self.node("Concat", [a, b], "inner", "inner", axis=1), moves)
        other = self.node("Relu", [value], "other", "c")
        last = self.node("Concat", [other, value], "outer", "outer", axis=-1)
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, n, 8, 8]) for name, n in (("a", 4), ("b", 1))
        ]
        result = helper.make_tensor_value_info(last, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "head", ends, [result], self.constants)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        return onnx.shape_inference.infer_shapes(made)


def off(model: onnx.ModelProto, graph: bytes) -> float:
    """By how many steps of the outer encoding the compiler's graph, run on HTP, is off at most."""
    chance = np.random.default_rng(0)
    feed = {name: chance.random((1, n, 8, 8), np.float32) for name, n in (("a", 4), ("b", 1))}
    (wanted,) = Reference(model).run(feed).values()
    (got,) = open_session(graph, "htp", ProviderOptions(soc_model=CHIP)).run(None, feed)
    return float(np.abs(got - wanted).max() / ENCODINGS["outer"][0])


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
@pytest.mark.parametrize("moves", MOVES)
def test_what_was_joined_before_is_joined_right(moves: str, dtype: str) -> None:
    model = _Head(dtype).model(MOVES[moves])
    assert off(model, build(zif.Model.load(model)).data) < 1.1


@pytest.mark.usefixtures("htp")
def test_the_compiler_alone_gets_it_wrong() -> None:
    """The day that this fails, `zif_qnn_htp.rewrites.reencoding` has done its duty."""
    model = _Head("uint8").model(MOVES["reshape"])
    assert off(model, plainly(zif.Model.load(model)).data) > 10


def test_only_what_needs_it_is_changed() -> None:
    """Not a Concat of values that have nothing to do with each other, and not one in the same encoding."""
    direct = zif.Model.load(_Head("uint8").model([]))
    assert b"inner_apart" not in build(direct).data
    reshaped = zif.Model.load(_Head("uint8").model(MOVES["reshape"]))
    assert b"_apart" in build(reshaped).data
    same = _Head("uint8")
    proto = same.model(MOVES["reshape"])
    for node in proto.graph.node:
        if node.name.startswith("outer_"):
            node.input[1:] = ["move0_s", "move0_z"]
    assert b"_apart1" not in build(zif.Model.load(proto)).data


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("precision", ["w8a8", "w8a16"])
@pytest.mark.parametrize("end", ["Softmax before", "Relu behind", "joined behind", "Sigmoid before depth to space"])
def test_blocks_to_depth_keep_their_values_in_another_encoding(end: str, precision: str) -> None:
    """The compiler alone hands the integers on as they are."""
    blocks = helper.make_node("SpaceToDepth", ["s" if end == "Softmax before" else "x"], ["b"], "blocks", blocksize=2)
    depth = helper.make_node("DepthToSpace", ["s"], ["b"], "depth", blocksize=2)
    rest = {
        "Sigmoid before depth to space": [helper.make_node("Sigmoid", ["x"], ["s"], "sigmoid"), depth],
        "Softmax before": [helper.make_node("Softmax", ["x"], ["s"], "soft"), blocks],
        "Relu behind": [blocks, helper.make_node("Relu", ["b"], ["r"], "relu")],
        "joined behind": [
            blocks,
            helper.make_node("Add", ["b", "b"], ["twice"], "twice"),
            helper.make_node("Concat", ["twice", "b"], ["c"], "join", axis=3),
        ],
    }[end]
    ends = [("x", [1, 4, 8, 8]), (rest[-1].output[0], None)]
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in ends]
    graph = helper.make_graph(rest, "blocks", infos[:1], infos[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    model = prepare(onnx.shape_inference.infer_shapes(made), rules="qnn_htp")
    samples = [{"x": np.random.default_rng(k).standard_normal((1, 4, 8, 8)).astype(np.float32)} for k in range(2)]
    quantized = auto_quantize(model, samples, precision, search=False).model
    judge = Judge(model, samples)
    with zif.load(quantized, target="snapdragon-8-gen-3", only=["qnn_htp"], cache=False) as session:
        assert min(judge.sqnr(session).values()) > min(*judge.sqnr(Reference(quantized)).values(), 60) - 3


@pytest.mark.parametrize("precision", ["w8a8", "w8a16"])
@pytest.mark.parametrize("shared", [True, False], ids=["read by a third", "read by both"])
@pytest.mark.parametrize("operator", ["LeakyRelu", "Clip"])
def test_a_value_joined_with_what_is_made_of_it(operator: str, precision: str, shared: bool) -> None:
    """As a concatenated ReLU is."""
    chance = np.random.default_rng(700003)
    weights = {
        "w": (chance.standard_normal((2, 4, 1, 1)) * 0.4).astype(np.float32),
        "low": np.float32(-0.9),
        "high": np.float32(1.2),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["v"], "conv"),
        helper.make_node(operator, ["v", *(["low", "high"] if operator == "Clip" else [])], ["c"], "made"),
        helper.make_node("Concat", ["c", "v"], ["y"], "joined", axis=3),
    ]
    if shared:
        nodes.append(helper.make_node("SpaceToDepth", ["v"], ["z"], "blocks", blocksize=2))
    shapes = {"x": [1, 4, 8, 8], "y": [1, 2, 8, 16], **({"z": [1, 8, 4, 4]} if shared else {})}
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "kin", infos[:1], infos[1:], tensors)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    samples = [{"x": chance.standard_normal((1, 4, 8, 8)).astype(np.float32)} for _ in range(4)]
    model = prepare(proto, rules="qnn_htp")
    made = auto_quantize(model, samples, precision, search=False).model
    judge = Judge(model, samples)
    wanted = judge.sqnr(Reference(made))
    with zif.load(made, target="snapdragon-8-gen-3", policy="power", cache=False, pin=_all(made)) as htp:
        found = judge.sqnr(htp)
    assert all(found[name] > wanted[name] - 4 for name in found)


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("axis", [1, 4])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_value_of_five_dimensions_joined_with_itself(kind: Any, axis: int) -> None:
    """Chosen by a Gather before: it came out off by the difference of the zero points."""
    steps = {np.uint8: 1, np.uint16: 256}[kind]
    tensors = {"places": np.array([1, 2])}
    for name, scale, zero in (("x", 0.02, 130), ("y", 0.019, 120)):
        tensors |= {f"{name}_s": np.float32(scale / steps), f"{name}_z": kind(zero * steps)}
    nodes = [
        *_pair("x", "x"),
        helper.make_node("Gather", ["x_d", "places"], ["g"], "chosen", axis=2),
        *_pair("g", "x"),
        helper.make_node("Concat", ["g_d", "g_d"], ["y"], "twice", axis=axis),
        *_pair("y", "y"),
    ]
    infos = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 4, 4, 4])]
    infos.append(helper.make_tensor_value_info("y_d", TensorProto.FLOAT, None))
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in tensors.items()]
    graph = helper.make_graph(nodes, "twice", infos[:1], infos[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    x = np.random.default_rng(0).uniform(-2, 2, (1, 2, 4, 4, 4)).astype(np.float32)
    with zif.load(model, target="snapdragon-8-gen-3", only=["qnn_htp"], cache=False) as session:
        off = np.abs(session.run({"x": x})["y_d"] - Reference(model).run({"x": x})["y_d"])
    assert off.max() < 0.06


def _pair(name: str, encoding: str) -> list[onnx.NodeProto]:
    ends = [f"{encoding}_s", f"{encoding}_z"]
    return [
        helper.make_node("QuantizeLinear", [name, *ends], [f"{name}_q"], f"{name}_q"),
        helper.make_node("DequantizeLinear", [f"{name}_q", *ends], [f"{name}_d"], f"{name}_d"),
    ]


def _all(proto: onnx.ModelProto) -> dict[str, str]:
    plan = zif.plan(proto, target="snapdragon-8-gen-3")
    return {unit.name: "qnn_htp" for unit in plan.units if unit.verdicts["qnn_htp"].supported}
