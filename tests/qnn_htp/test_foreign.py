"""QDQ models that zif did not make, with encodings that its own would not have, are computed right on HTP."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from zif_qnn_htp.graph import build
from zif_quantize.measure import Reference

#: An operator behind a convolution, its constants, and the range of its output.
CASES: dict[str, tuple[str, dict[str, Any], tuple[float, float]]] = {
    "a Clip beside zero": ("Clip", {"low": np.float32(0.5), "high": np.float32(2)}, (0, 2)),
    "a Clip that cuts": ("Clip", {"low": np.float32(0), "high": np.float32(1)}, (0, 3)),
    "a Clip that does not": ("Clip", {"low": np.float32(-1), "high": np.float32(2)}, (-1, 2)),
    "a Pad beyond": ("Pad", {"sides": np.array([0, 0, 1, 1, 0, 0, 1, 1]), "value": np.float32(5)}, (-3, 6)),
}


class _Net:
    def __init__(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def quantized(self, name: str, low: float, high: float) -> str:
        scale = (high - low) / np.iinfo(self.dtype).max
        ends = [self.constant(f"{name}_s", np.float32(scale))]
        ends.append(self.constant(f"{name}_z", self.dtype.type(round(-low / scale))))
        self.nodes.append(helper.make_node("QuantizeLinear", [name, *ends], [f"{name}_q"], f"{name}_q"))
        self.nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", *ends], [f"{name}_d"], f"{name}_d"))
        return f"{name}_d"

    def model(self, op_type: str, constants: dict[str, Any], ends: tuple[float, float]) -> onnx.ModelProto:
        x = self.quantized("x", -3, 3)
        weights = np.random.default_rng(0).integers(-127, 128, (4, 4, 1, 1)).astype(np.int8)
        parts = [("w_q", weights), ("w_s", np.float32(0.01)), ("w_z", np.int8(0))]
        stored = [self.constant(name, value) for name, value in parts]
        self.nodes.append(helper.make_node("DequantizeLinear", stored, ["w"], "w"))
        self.nodes.append(helper.make_node("Conv", [x, "w"], ["c"], "conv"))
        c = self.quantized("c", -3, 3)
        rest = [self.constant(name, value) for name, value in constants.items()]
        self.nodes.append(helper.make_node(op_type, [c, *rest], ["y"], "behind"))
        last = self.quantized("y", *ends)
        infos = [(("x"), [1, 4, 6, 6]), (last, None)]
        made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in infos]
        graph = helper.make_graph(self.nodes, "net", made[:1], made[1:], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        return onnx.shape_inference.infer_shapes(model)


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("case", CASES)
def test_it_is_right(case: str, dtype: str) -> None:
    model = _Net(dtype).model(*CASES[case])
    x = np.random.default_rng(1).standard_normal((1, 4, 6, 6)).astype(np.float32)
    (wanted,) = Reference(model).run({"x": x}).values()
    with zif.load(model, target="snapdragon-8-gen-3", only=["qnn_htp"], cache=False) as session:
        (got,) = session.run({"x": x}).values()
    assert np.abs(got - wanted).max() < 2.1 * 6 / 255  # two of the convolution's steps


def test_a_clip_that_its_range_does_as_well_is_left_alone() -> None:
    for case, copied in (("a Clip that cuts", True), ("a Clip beside zero", True), ("a Clip that does not", False)):
        graph = build(zif.Model.load(_Net("uint8").model(*CASES[case])))
        assert (b"behind_copied" in graph.data) == copied


@pytest.mark.usefixtures("htp")
def test_what_cannot_be_helped_is_refused_with_its_reason() -> None:
    numbers = {"scale": np.ones(4), "bias": np.zeros(4), "mean": np.zeros(4), "var": np.ones(4)}
    constants = {name: value.astype(np.float32) for name, value in numbers.items()}
    model = _Net("uint8").model("BatchNormalization", constants, (-3, 3))
    verdict = zif.plan(model, target="snapdragon-8-gen-3").unit("behind").verdicts["qnn_htp"]
    assert verdict.supported is False
    assert "BatchNormalization" in verdict.reason


@pytest.mark.usefixtures("htp")
def test_a_pad_of_a_pad_beyond_its_range_is_copied_and_converted() -> None:
    net, sides = _Net("uint8"), np.array([0, 0, 1, 1, 0, 0, 1, 1])
    model = net.model("Pad", {"sides": sides, "value": np.float32(5)}, (-3, 6))
    again = helper.make_node("Pad", ["y_d", "sides", "more"], ["z"], "again")
    net.constant("more", np.float32(8))
    net.nodes.append(again)
    last = net.quantized("z", -3, 9)
    del model.graph.node[:], model.graph.initializer[:], model.graph.value_info[:]
    model.graph.node.extend(net.nodes)
    model.graph.initializer.extend(net.constants)
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info(last, TensorProto.FLOAT, [1, 4, 10, 10]))
    model = onnx.shape_inference.infer_shapes(model)
    x = np.random.default_rng(1).standard_normal((1, 4, 6, 6)).astype(np.float32)
    (wanted,) = Reference(model).run({"x": x}).values()
    with zif.load(model, target="snapdragon-8-gen-3", only=["qnn_htp"], cache=False) as session:
        (got,) = session.run({"x": x}).values()
    assert np.abs(got - wanted).max() < 2.1 * 6 / 255
