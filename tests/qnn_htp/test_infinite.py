"""Values that may be infinite: followed from constants to whoever judges them, and no others."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from zif.model import Model
from zif.plugin import judging_infinities as judged


def mask(filler: float) -> Model:
    nodes = [
        helper.make_node("Where", ["keep", "zero", "fill"], ["m"], "where"),
        helper.make_node("Add", ["x", "m"], ["a"], "add"),
        helper.make_node("Softmax", ["a"], ["s"], "softmax"),
        helper.make_node("ReduceMax", ["m"], ["top"], "top", keepdims=1),
        helper.make_node("ReduceMax", ["s"], ["peak"], "peak", keepdims=1),
    ]
    inputs = [("keep", TensorProto.BOOL), ("x", TensorProto.FLOAT)]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, kind, [2, 4]) for name, kind in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("s", "top", "peak")],
        [numpy_helper.from_array(np.array(v, np.float32), n) for n, v in (("zero", 0.0), ("fill", filler))],
    )
    return Model.load(
        onnx.shape_inference.infer_shapes(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        )
    )


@pytest.mark.parametrize(("filler", "found"), [(-np.inf, {"where", "top"}), (np.inf, {"where", "top"}), (-1e4, set())])
def test_who_judges_an_infinity_is_found_and_who_brings_it_there(filler: float, found: set[str]) -> None:
    assert judged(mask(filler)) == found
