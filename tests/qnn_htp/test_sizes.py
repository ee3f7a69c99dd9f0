"""Tensors of 2 GiB end Qualcomm's compiler: they are refused before it is asked, and by what the backend declares."""

from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper
from zif import Model
from zif.targets import target
from zif_qnn_htp import capabilities


def with_weight(columns: int) -> Model:
    """A product with a weight of 4096 rows whose file is not there."""
    weight = onnx.TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4096, columns])
    weight.data_location = TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", "missing.bin"
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", [1, 4096]), ("y", None))
    ]
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"], "big")], "g", ends[:1], ends[1:], [weight])
    return Model.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9))


@pytest.mark.usefixtures("htp")
def test_a_weight_of_2_gib_is_refused_before_it_is_asked_about() -> None:
    told = capabilities(target("snapdragon-8-gen-3"), with_weight(140000))
    (verdict,) = told.verdicts.values()
    assert (verdict.supported, verdict.code) == (False, "tensor-size")
    assert told.max_tensor_bytes == 2**31 - 1


@pytest.mark.usefixtures("htp")
def test_a_small_one_is_asked_about() -> None:
    (verdict,) = capabilities(target("snapdragon-8-gen-3"), with_weight(16)).verdicts.values()
    assert (verdict.supported, verdict.basis) == (True, "probed")
