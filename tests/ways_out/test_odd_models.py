"""Models that few people have, exported for ONNX Runtime: bodies, captures, no dimensions, odd names, old opsets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from ways_out.test_onnxruntime import both, contexts, same

pytestmark = pytest.mark.usefixtures("htp")
RANDOM = np.random.default_rng(0)
W = RANDOM.normal(0, 0.3, (8, 8)).astype(np.float32)
X = {"x": RANDOM.normal(size=(2, 8)).astype(np.float32)}
#: A model, what it is fed, and where its units are to be.
Case = tuple[onnx.ModelProto, Mapping[str, Any], Mapping[str, str]]


def info(name: str, *dims: int, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, dims)


def model(nodes: list[Any], ins: list[Any], outs: list[Any], opset: int = 17, **weights: np.ndarray) -> onnx.ModelProto:
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    made = helper.make_graph(nodes, "g", ins, outs, tensors)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def node(kind: str, reads: list[str], gives: list[str], name: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, reads, gives, name, **attributes)


def captured() -> Case:
    """A choice whose bodies read what the NPU made outside of them, and hand it something to go on with."""
    inner = [node("MatMul", ["r", "w"], ["t"], "tm"), node("Relu", ["t"], ["to"], "tr")]
    then = helper.make_graph(inner, "then", [], [info("to", 2, 8)])
    other = helper.make_graph([node("Neg", ["r"], ["eo"], "en")], "else", [], [info("eo", 2, 8)])
    nodes = [
        node("Relu", ["x"], ["r"], "before"),
        node("If", ["c"], ["i"], "if", then_branch=then, else_branch=other),
        node("MatMul", ["i", "w"], ["y"], "after"),
    ]
    ins = [info("x", 2, 8), info("c", kind=TensorProto.BOOL)]
    pin = {"before": "qnn_htp", "after": "qnn_htp"}
    return model(nodes, ins, [info("y", 2, 8)], w=W), X | {"c": np.array(True)}, pin


def names() -> Case:
    """Names with slashes, spaces, quotes and other alphabets; nodes of one name, and of none."""
    said = ["in put/é☃", "a/b", "a b", "q'uo\"te", "..", "CON", "a\\b", "%s{x}"]
    kinds = [("MatMul", "no,de"), ("Neg", "/no de/1"), ("Abs", ""), ("Sqrt", "☃"), ("Exp", "x"), ("Erf", "x")]
    nodes = [node("Relu", said[:1], said[1:2], "/no de/1")]
    for number, (kind, name) in enumerate(kinds, 1):
        reads = [said[number], *(["w"] if kind == "MatMul" else [])]
        nodes.append(node(kind, reads, [said[number + 1]], name))
    outs = [info(said[7], 2, 8), info(said[4], 2, 8)]
    pin = {"op:MatMul": "qnn_htp", "op:Sqrt": "qnn_htp", "op:Neg": "qnn_cpu"}
    return model(nodes, [info(said[0], 2, 8)], outs, w=W), {said[0]: X["x"]}, pin


def without_dimensions() -> Case:
    nodes = [
        node("ReduceMax", ["x"], ["m"], "max", keepdims=0),
        node("Mul", ["m", "k"], ["q"], "mul"),
        node("Add", ["x", "q"], ["y"], "add"),
    ]
    return model(nodes, [info("x", 2, 8)], [info("y", 2, 8), info("q")], k=np.float32(2)), X, {"add": "qnn_htp"}


def empty() -> Case:
    nodes = [node("Concat", ["x", "e"], ["c"], "cat", axis=1), node("Relu", ["c"], ["y"], "relu")]
    nodes.append(node("Relu", ["z"], ["o"], "none"))
    ins, outs = [info("x", 2, 8), info("e", 2, 0), info("z", 0, 4)], [info("y", 2, 8), info("o", 0, 4)]
    fed = X | {"e": np.zeros((2, 0), np.float32), "z": np.zeros((0, 4), np.float32)}
    return model(nodes, ins, outs), fed, {"relu": "qnn_htp"}


def handed_through() -> Case:
    """Outputs that are an input and a constant."""
    nodes = [node("Relu", ["x"], ["r"], "relu"), node("MatMul", ["r", "w"], ["y"], "mm")]
    outs = [info("y", 2, 8), info("x", 2, 8), info("w", 8, 8)]
    return model(nodes, [info("x", 2, 8)], outs, w=W), X, {"op:*": "qnn_htp"}


def indices() -> Case:
    """The NPU has no int64."""
    nodes = [
        node("Gather", ["w", "i"], ["g"], "gather"),
        node("MatMul", ["g", "w"], ["y"], "mm"),
        node("Add", ["i", "one"], ["j"], "inc"),
    ]
    whole = TensorProto.INT64
    outs = [info("y", 4, 8), info("j", 4, kind=whole)]
    made = model(nodes, [info("i", 4, kind=whole)], outs, w=W, one=np.array([1]))
    return made, {"i": np.array([0, 7, 3, 2])}, {"gather": "qnn_htp", "mm": "qnn_htp"}


def old() -> Case:
    """Opset 9: attributes that have become inputs, and Upsample."""
    scales = {name: np.abs(RANDOM.normal(1, 0.1, 4)).astype(np.float32) for name in "sbmv"}
    nodes = [
        node("Conv", ["x", "f"], ["c"], "conv", pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["c", *scales], ["n"], "norm"),
        node("Clip", ["n"], ["k"], "clip", min=0.0, max=6.0),
        node("Upsample", ["k", "up"], ["y"], "upsample", mode="nearest"),
    ]
    weights = {"f": RANDOM.normal(0, 0.3, (4, 3, 3, 3)).astype(np.float32), "up": np.float32([1, 1, 2, 2]), **scales}
    made = model(nodes, [info("x", 1, 3, 8, 8)], [info("y", 1, 4, 16, 16)], opset=9, **weights)
    return made, {"x": RANDOM.normal(size=(1, 3, 8, 8)).astype(np.float32)}, {"conv": "qnn_htp"}


@pytest.mark.slow
def classes() -> Case:
    """Whole numbers of 64 bits leave the NPU in 32, and go on with a float on the CPU."""
    nodes = [
        node("MatMul", ["x", "w"], ["h"], "scores"),
        node("Transpose", ["h"], ["t"], "turn", perm=[1, 0]),
        node("ArgMax", ["t"], ["y"], "classes", axis=0),
        node("Cast", ["y"], ["f"], "float", to=TensorProto.FLOAT),
        node("Sqrt", ["f"], ["z"], "root"),
    ]
    pin = {"scores": "qnn_htp", "turn": "qnn_htp", "classes": "qnn_htp", "float": "qnn_cpu", "root": "qnn_cpu"}
    return model(nodes, [info("x", 2, 8)], [info("y", 1, 2, kind=TensorProto.INT64), info("z", 1, 2)], w=W), X, pin


BUILDS = [captured, names, without_dimensions, empty, handed_through, indices, old, classes]


@pytest.mark.parametrize("build", BUILDS)
def test_it_runs_without_zif_as_with_it(build: Callable[[], Case], tmp_path: Path) -> None:
    proto, fed, pin = build()
    onnx.save(proto, tmp_path / "m.onnx")
    pair = both(tmp_path / "m.onnx", dict(fed), tmp_path, pin=dict(pin))
    same(pair, 1e-3)
    assert contexts(pair) >= 1
