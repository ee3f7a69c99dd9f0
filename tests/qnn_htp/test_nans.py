"""An attention as PyTorch exports it stays whole on HTP: its question for NaN has one answer there."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from zif_qnn_htp.refusals.nans import needless

CHIP = "snapdragon-8-gen-3"


def attention(filler: float, size: int = 4) -> onnx.ModelProto:
    """scaled_dot_product_attention with a mask; the second row of `keep` may mask everything. size: of the filler."""
    nodes = [
        helper.make_node("Where", ["keep", "zero", "fill"], ["mask"], "mask"),
        helper.make_node("MatMul", ["q", "k"], ["scores"], "scores"),
        helper.make_node("Add", ["scores", "mask"], ["masked"], "masked"),
        helper.make_node("Softmax", ["masked"], ["soft"], "soft"),
        helper.make_node("IsNaN", ["soft"], ["odd"], "odd"),
        helper.make_node("Where", ["odd", "zero", "soft"], ["weights"], "weights"),
        helper.make_node("MatMul", ["weights", "v"], ["y"], "y"),
    ]
    floats = {"q": [1, 4, 8], "k": [1, 8, 4], "v": [1, 4, 8]}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in floats.items()]
    inputs.append(helper.make_tensor_value_info("keep", TensorProto.BOOL, [1, 4, 4]))
    constants = [numpy_helper.from_array(np.zeros((), np.float32), "zero")]
    constants.append(numpy_helper.from_array(np.full((size // 4, 1, 4), filler, np.float32), "fill"))
    result = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 8])]
    graph = helper.make_graph(nodes, "attention", inputs, result, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def feed(row_masked: bool) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(0)
    values = {name: chance.standard_normal(shape).astype(np.float32) for name, shape in _SHAPES.items()}
    keep = chance.random((1, 4, 4)) < 0.6
    keep[0, :, 0], keep[0, 1] = True, not row_masked
    return {**values, "keep": keep}


_SHAPES = {"q": (1, 4, 8), "k": (1, 8, 4), "v": (1, 4, 8)}


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("row_masked", [False, True])
def test_a_finite_mask_leaves_the_attention_whole_and_right(row_masked: bool) -> None:
    model, given = attention(float(np.finfo(np.float32).min)), feed(row_masked)
    assert needless(zif.Model.load(model)) == {"odd"}
    verdict = zif.plan(model, target=CHIP).unit("odd").verdicts["qnn_htp"]
    assert (verdict.supported, verdict.basis) == (True, "observed")
    with zif.load(model, target=CHIP, only=["qnn_htp"], cache=False) as chip, zif.load(model, only=["qnn_cpu"]) as cpu:
        np.testing.assert_allclose(chip.run(given)["y"], cpu.run(given)["y"], atol=5e-3)


@pytest.mark.usefixtures("htp")
def test_an_infinite_mask_keeps_the_question_off() -> None:
    """A row that is masked wholly gives NaN then, which the HTP would miss."""
    model = attention(-np.inf)
    assert needless(zif.Model.load(model)) == set()
    assert zif.plan(model, target=CHIP).unit("odd").verdicts["qnn_htp"].supported is False


def test_a_mask_that_is_too_large_to_look_into_keeps_it_off() -> None:
    assert needless(zif.Model.load(attention(-1e4, 1 << 17))) == set()


def test_what_is_no_softmax_is_asked() -> None:
    """A square root may well give NaN."""
    nodes = [helper.make_node("Sqrt", ["x"], ["s"], "root"), helper.make_node("IsNaN", ["s"], ["y"], "odd")]
    kinds = (("x", TensorProto.FLOAT), ("y", TensorProto.BOOL))
    ends = [helper.make_tensor_value_info(name, kind, [4]) for name, kind in kinds]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    assert needless(zif.Model.load(made)) == set()
