"""A window over a part of a picture is right, and so is what pads twice: the compiler alone reads beyond, in place."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from qnn_runtime.graphs import CHIP
from zif_qnn_htp.graph import build
from zif_qnn_runtime import ProviderOptions, open_session
from zif_qnn_runtime.graph import build as plainly
from zif_quantize import auto_quantize, prepare
from zif_quantize.measure import Judge, Reference

SHAPE = (1, 4, 8, 8)
PARTS = {
    "rows": ("Slice", {"starts": [4], "ends": [8], "axes": [2]}),
    "columns": ("Slice", {"starts": [1], "ends": [8], "axes": [3]}),
    "both": ("Slice", {"starts": [2, 2], "ends": [8, 7], "axes": [2, 3]}),
    "split": ("Split", {}),
    "joined": ("Concat", {}),
}
WINDOWS = ("Conv", "depthwise", "AveragePool")


def crop(part: str, window: str) -> onnx.ModelProto:
    """A convolution, a part of what it gives (or 6 rows twice), and a window over that."""
    chance = np.random.default_rng(0)
    weights = {"w": chance.standard_normal((4, 4, 3, 3)), "v": chance.standard_normal((4, 4, 3, 3))}
    weights["d"] = chance.standard_normal((4, 1, 3, 3))
    constants = [numpy_helper.from_array(np.float32(value * 0.4), name) for name, value in weights.items()]
    kind, bounds = PARTS[part]
    constants += [numpy_helper.from_array(np.array(value), name) for name, value in bounds.items()]
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], "first", pads=[1 - (kind == "Concat")] * 4)]
    if kind == "Concat":
        nodes.append(helper.make_node("Concat", ["c", "c"], ["p"], "part", axis=2))
    elif kind == "Split":
        nodes.append(helper.make_node("Split", ["c"], ["top", "p"], "part", axis=2, num_outputs=2))
    else:
        nodes.append(helper.make_node("Slice", ["c", *bounds], ["p"], "part"))
    nodes.append(
        {
            "Conv": helper.make_node("Conv", ["p", "v"], ["y"], "window"),
            "depthwise": helper.make_node("Conv", ["p", "d"], ["y"], "window", group=4),
            "AveragePool": helper.make_node("AveragePool", ["p"], ["y"], "window", kernel_shape=[3, 3]),
        }[window]
    )
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in (("x", SHAPE), ("y", None))]
    graph = helper.make_graph(nodes, "crop", ends[:1], ends[1:], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    return onnx.shape_inference.infer_shapes(made)


X = np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)


def ran(data: bytes) -> np.ndarray:
    (found,) = open_session(data, "htp", ProviderOptions(soc_model=CHIP)).run(None, {"x": X})
    return np.asarray(found)


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("part", PARTS)
def test_in_float(part: str, window: str) -> None:
    model = crop(part, window)
    (wanted,) = ReferenceEvaluator(model).run(None, {"x": X})
    np.testing.assert_allclose(ran(build(zif.Model.load(model)).data), wanted, atol=2e-2)


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("precision", ["w8a8", "w8a16"])
@pytest.mark.parametrize("part", PARTS)
def test_in_integers(part: str, precision: str) -> None:
    model, samples = prepare(crop(part, "Conv"), rules="qnn_htp"), [{"x": X}, {"x": X * 0.9}]
    made = auto_quantize(model, samples, precision, search=False).model
    judge = Judge(model, samples)
    with zif.load(made, target="snapdragon-8-gen-3", only=["qnn_htp"], cache=False) as session:
        assert judge.sqnr(session)["y"] > judge.sqnr(Reference(made))["y"] - 3


@pytest.mark.usefixtures("htp")
def test_the_compiler_alone_gets_it_wrong() -> None:
    """Or dies of it. The day that this fails, `zif_qnn_htp.rewrites.copies` has done its duty."""
    code = f"import sys; sys.path[:0] = {sys.path!r}; from qnn_htp import test_copies as t; t.alone()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode < 0 or float(done.stdout) > 0.1


def alone() -> None:
    """Print how far the compiler is off without the copy."""
    model = crop("rows", "AveragePool")
    (wanted,) = ReferenceEvaluator(model).run(None, {"x": X})
    print(np.abs(ran(plainly(zif.Model.load(model)).data) - wanted).max())


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("behind", ["Pad", "AveragePool", "MaxPool"])
def test_what_is_padded_twice(behind: str) -> None:
    """A Pad behind a convolution, and another one, or the padding of a pool."""
    weights = np.random.default_rng(0).standard_normal((4, 4, 3, 3)).astype(np.float32)
    sides = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    last = helper.make_node("Pad", ["p", "sides"], ["y"], "last")
    if behind != "Pad":
        last = helper.make_node(behind, ["p"], ["y"], "last", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "first", pads=[1, 1, 1, 1]),
        helper.make_node("Pad", ["c", "sides"], ["p"], "pad"),
        last,
    ]
    constants = [numpy_helper.from_array(value, name) for name, value in (("w", weights), ("sides", sides))]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in (("x", SHAPE), ("y", None))]
    graph = helper.make_graph(nodes, "twice", ends[:1], ends[1:], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    model = onnx.shape_inference.infer_shapes(made)
    (wanted,) = ReferenceEvaluator(model).run(None, {"x": X})
    np.testing.assert_allclose(ran(build(zif.Model.load(model)).data), wanted, atol=2e-2)


def test_only_what_needs_it_is_copied() -> None:
    """Not a part of what is fed, and not a window of one place."""
    from_outside = crop("rows", "Conv")
    from_outside.graph.node[1].input[0] = "x"
    del from_outside.graph.node[0]
    assert b"_copied" not in build(zif.Model.load(from_outside)).data
    assert b"window_copied" in build(zif.Model.load(crop("rows", "Conv"))).data
    point = crop("rows", "AveragePool")
    point.graph.node[2].attribute[0].ints[:] = [1, 1]
    del point.graph.value_info[:]
    assert b"_copied" not in build(zif.Model.load(point)).data
