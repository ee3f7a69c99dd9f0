"""Preparing changes nothing: opsets are raised with what they mean, and figures are against the model as given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from zif_quantize import prepare
from zif_quantize.measure import Judge, Reference
from zif_quantize.rewrites import prepare as preparing
from zif_quantize.rewrites.faithful import Original

CHANCE = np.random.default_rng(0)
SHAPE = (1, 4, 8, 8)
SAMPLES = [{"x": CHANCE.standard_normal(SHAPE).astype(np.float32)} for _ in range(6)]


def behind_a_convolution(
    op_type: str, opset: int, factors: list[float] | None = None, **attributes: Any
) -> onnx.ModelProto:
    weights = {"w": (CHANCE.standard_normal((8, 4, 3, 3)) * 0.3).astype(np.float32)}
    if factors:
        weights["s"] = np.array(factors, np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "conv", pads=[1] * 4),
        helper.make_node(op_type, ["c", *(["s"] if factors else [])], ["y"], "last", **attributes),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in (("x", SHAPE), ("y", None))]
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "old", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=4)


OLD = {
    "Resize, linear, twice": behind_a_convolution("Resize", 10, [1, 1, 2, 2], mode="linear"),
    "Resize, linear, half": behind_a_convolution("Resize", 10, [1, 1, 0.5, 0.5], mode="linear"),
    "Resize, nearest, by 1.5": behind_a_convolution("Resize", 10, [1, 1, 1.5, 1.5], mode="nearest"),
    "Resize, nearest, by 3": behind_a_convolution("Resize", 10, [1, 1, 3, 3], mode="nearest"),
    "Upsample 9, linear": behind_a_convolution("Upsample", 9, [1, 1, 2, 2], mode="linear"),
    "Upsample 9, nearest": behind_a_convolution("Upsample", 9, [1, 1, 2, 3], mode="nearest"),
    "Upsample 7, linear": behind_a_convolution("Upsample", 8, mode="linear", scales=[1.0, 1.0, 2.0, 2.0]),
    "Hardmax 11": behind_a_convolution("Hardmax", 11, axis=1),
    "Hardmax 9": behind_a_convolution("Hardmax", 9, axis=2),
    "Softmax 11": behind_a_convolution("Softmax", 11, axis=1),
    "LogSoftmax 9": behind_a_convolution("LogSoftmax", 9, axis=2),
}


def right(model: onnx.ModelProto) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return np.asarray(onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, SAMPLES[0])[0])


@pytest.mark.parametrize("name", OLD)
def test_what_is_prepared_means_the_same_in_a_new_opset(name: str) -> None:
    made = prepare(OLD[name])
    assert made.opsets[""] >= 17
    np.testing.assert_allclose(right(made.proto), right(OLD[name]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["Resize, linear, twice", "Upsample 9, linear"])
def test_the_figure_is_against_the_model_as_given(name: str) -> None:
    made = zif.quantize(OLD[name], SAMPLES, "w8a16")
    wanted = right(OLD[name]).astype(np.float64)
    noise = right(made.model).astype(np.float64) - wanted
    assert made.sqnr["y"] > 44
    assert 10 * np.log10((wanted**2).sum() / (noise**2).sum()) > 44


def test_a_conversion_that_changes_the_meaning_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a converter gets wrong next: here every newer opset shifts the result."""

    def wrong(proto: onnx.ModelProto, version: int) -> onnx.ModelProto:
        made = onnx.version_converter.convert_version(proto, version)
        made.graph.node[-1].op_type = "Abs"
        return made

    monkeypatch.setattr(preparing, "raised", wrong)
    old = behind_a_convolution("Relu", 12)
    old.graph.node[-1].op_type = "Neg"
    made = prepare(old)
    assert made.opsets[""] == 12
    np.testing.assert_allclose(right(made.proto), right(old), rtol=1e-5, atol=1e-5)


def test_a_fusion_that_changes_the_meaning_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(proto: onnx.ModelProto, _: object) -> onnx.ModelProto:
        made = onnx.ModelProto.FromString(proto.SerializeToString())
        made.graph.node[-1].op_type = "Abs"
        return made

    monkeypatch.setattr(preparing, "fused", wrong)
    model = behind_a_convolution("Neg", 21)
    np.testing.assert_allclose(right(prepare(model).proto), right(model), rtol=1e-5, atol=1e-5)


def test_what_only_a_sample_shows_is_refused() -> None:
    """Values that are made do not reach where the two part: the first sample does, and says so before any work."""
    model = behind_a_convolution("Neg", 21)
    made = prepare(model)
    made.proto.graph.node[-1].op_type = "Abs"
    with pytest.raises(zif.InvalidModel, match=r"changed what it computes: 'y' agrees to -?\d+\.\d dB only"):
        Judge(made, SAMPLES)


def test_the_judge_is_the_model_as_given() -> None:
    model = OLD["Resize, linear, twice"]
    assert Judge(prepare(model), SAMPLES).sqnr(Reference(model))["y"] == float("inf")


def test_models_that_cannot_be_tried_are_prepared_all_the_same() -> None:
    """With an open shape nothing can be made; what is known later decides."""
    model = behind_a_convolution("Relu", 12)
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "H"
    made = prepare(model)
    assert made.opsets[""] == 21
    assert Original(model, made).means(behind_a_convolution("Neg", 12))


def test_more_than_protobuf_holds_is_refused_before_the_work(tmp_path: Path) -> None:
    """The weights are a hole in a file, of which nothing is read."""
    rows, columns = 4096, 140000
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[rows, columns])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "w.bin"), ("offset", "0"), ("length", str(rows * columns * 4))):
        tensor.external_data.add(key=key, value=value)
    with (tmp_path / "w.bin").open("wb") as file:
        file.truncate(rows * columns * 4)
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [1, rows]), ("y", [1, columns]))]
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"], "big")], "big", ends[:1], ends[1:])
    graph.initializer.append(tensor)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), tmp_path / "m.onnx")
    for precision in ("w8", "w8a8"):
        with pytest.raises(zif.InvalidModel, match=r"2\.14 GiB of weights, .* cut it into parts"):
            zif.quantize(tmp_path / "m.onnx", None if precision == "w8" else [], precision)


def test_what_draws_random_numbers_is_held_against_nothing() -> None:
    """It never agrees with itself."""
    model = behind_a_convolution("Relu", 17)
    model.graph.node.insert(1, helper.make_node("RandomNormalLike", ["c"], ["noise"], "noise"))
    model.graph.node.insert(2, helper.make_node("Add", ["c", "noise"], ["d"], "add"))
    model.graph.node[3].input[0] = "d"
    made = prepare(model)
    assert made.opsets[""] == 21
    assert Judge(made, SAMPLES).samples
