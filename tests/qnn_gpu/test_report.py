"""What the GPU backend says of itself and of models, on a machine without an Adreno GPU."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import zif
from onnx import TensorProto, helper
from qnn_gpu.graphs import FLOAT, convolutions, model
from zif.model import Model
from zif_qnn_gpu import report, verdicts
from zif_qnn_gpu.operators import claims, document
from zif_qnn_runtime import Status, host_kind, status

CHIP = zif.target("snapdragon-8-gen-3")
pytestmark = pytest.mark.skipif(host_kind() == "hardware", reason="needs a machine without an Adreno GPU")


def test_it_is_an_emulator_and_says_which_and_why() -> None:
    found = report.report(CHIP, None)
    assert (found.kind, found.processor, found.available) == ("emulator", "gpu", True)
    assert found.label == "emulator (fp16 rounding on CPU)"
    assert found.notes[0] == f"not the GPU: {status('gpu').reason}"
    assert found.isolate


def test_the_table_is_qualcomms_own_and_names_its_source() -> None:
    assert "QnnBackend_getSupportedOperations" in document()["source"]
    assert document()["build"].startswith("libQnnGpu v2.")
    assert {"Conv2d", "MatMul", "Softmax"} <= set(document()["qnn_operators"])
    rows = {claim.op_type: claim for claim in claims()}
    assert "tensor(float16)" in rows["Conv"].types["T"]
    assert "Erf" not in rows
    for claim in claims():
        assert not {"tensor(double)", "tensor(uint64)"} & set().union(*claim.types.values()), claim


def test_a_weight_of_2_gib_is_refused_before_anybody_is_asked(gpu_library: None) -> None:
    """Asked, the question itself has no room in its file, and the whole backend is out."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"], "big"), helper.make_node("Relu", ["h"], ["y"], "relu")]
    weight = TensorProto(name="w", data_type=FLOAT, dims=[4096, 140000], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="missing.bin")
    ends = [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in (("x", [1, 4096]), ("y", None))]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight])
    large = Model.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9))
    said = report.report(CHIP, large)
    assert (said.verdicts["big"].supported, said.verdicts["big"].code) == (False, "tensor-size")
    assert said.verdicts["relu"].code != "tensor-size"
    assert said.max_tensor_bytes == 2**31 - 1


def test_the_library_is_asked_unit_by_unit(gpu_library: None) -> None:
    proto = convolutions()
    proto.graph.node.insert(4, helper.make_node("Erf", ["d"], ["d2"], "erf"))
    proto.graph.node[5].input[0] = "d2"
    found = report.report(CHIP, Model.load(proto)).verdicts
    assert {name for name, one in found.items() if one.supported} == {
        *("conv1", "sigmoid", "conv2", "relu", "reshape", "matmul", "softmax")
    }
    assert found["conv1"].basis == "probed"
    assert (found["erf"].code, found["erf"].supported) == ("op", False)


def test_table_and_library_agree_on_a_model_of_both(gpu_library: None) -> None:
    loaded = Model.load(convolutions())
    asked, said = verdicts.probed(loaded).verdicts, verdicts.declared(loaded)
    assert {name: one.supported for name, one in asked.items()} == {name: one.supported for name, one in said.items()}


def test_without_the_library_the_table_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = Status("gpu", False, "emulator", "libQnnGpu.so is not here")
    monkeypatch.setattr(report, "gpu_operators", lambda: silent)
    found = report.report(CHIP, Model.load(convolutions()))
    assert {one.basis for one in found.verdicts.values()} == {"declared"}
    assert all(one.supported for one in found.verdicts.values())
    assert any("libQnnGpu.so is not here" in note for note in found.notes)


@pytest.mark.parametrize("kind", [TensorProto.DOUBLE, TensorProto.BFLOAT16, TensorProto.UINT16])
def test_types_that_no_adreno_has_are_refused_by_name(kind: int) -> None:
    nodes = [helper.make_node("Mul", ["x", "x"], ["y"], "mul")]
    loaded = Model.load(model(nodes, {"x": (kind, [2])}, {"y": (kind, [2])}))
    (verdict,) = report.report(CHIP, loaded).verdicts.values()
    assert (verdict.supported, verdict.code) == (False, "dtype")
    assert "'x'" in verdict.reason


def test_control_flow_and_open_shapes_are_refused() -> None:
    body = helper.make_graph(
        [helper.make_node("Exp", ["x"], ["b"])], "body", [], [helper.make_tensor_value_info("b", FLOAT, [2])]
    )
    nodes = [
        helper.make_node("If", ["c"], ["y"], "if", then_branch=body, else_branch=body),
        helper.make_node("Relu", ["z"], ["r"], "relu"),
    ]
    inputs = {"x": (FLOAT, [2]), "c": (TensorProto.BOOL, []), "z": (FLOAT, ["n", 2])}
    loaded = Model.load(model(nodes, inputs, {"y": (FLOAT, [2]), "r": (FLOAT, ["n", 2])}))
    found = report.report(CHIP, loaded).verdicts
    assert (found["if"].code, found["relu"].code) == ("op", "dynamic-shape")


def test_a_quantized_unit_is_refused_and_says_what_was_asked(gpu_library: None) -> None:
    scale = {"s": np.array(0.1, np.float32), "z": np.array(0, np.uint8)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], "q"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], "d"),
        helper.make_node("Softmax", ["d"], ["e"], "softmax"),
        helper.make_node("QuantizeLinear", ["e", "s", "z"], ["f"], "q2"),
        helper.make_node("DequantizeLinear", ["f", "s", "z"], ["y"], "d2"),
    ]
    loaded = Model.load(model(nodes, {"x": (FLOAT, [1, 8])}, {"y": (FLOAT, [1, 8])}, scale))
    verdict = report.report(CHIP, loaded).verdicts["softmax"]
    assert verdict.supported is False
    assert "ufixed8" in verdict.reason


def test_the_users_path_is_as_before_after_asking(gpu_library: None) -> None:
    before = os.environ["PATH"]
    verdicts.probed(Model.load(convolutions()))
    assert os.environ["PATH"] == before


def test_answers_are_remembered(gpu_library: None, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Model.load(convolutions())
    first = report.report(CHIP, loaded).verdicts
    monkeypatch.setattr(report, "probed", lambda _: pytest.fail("asked again"))
    assert report.report(CHIP, loaded).verdicts == first


def test_an_emulator_never_counts_as_the_library_even_with_compilers_on_path(gpu_library: None) -> None:
    """With `aoc` and `oqclc` on PATH libQnnGpu starts on x86-64; it still has nothing to run on."""
    code = (
        "from zif_qnn_runtime import stand_ins, status\n"
        "with stand_ins():\n    found = status('gpu')\n"
        "print(found.available, found.reason)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("False libQnnGpu starts here to compile")
