from __future__ import annotations

import pickle

import numpy as np
import pytest
import zif
import zif_qnn_htp
from chips import changed, snapdragon
from onnx import TensorProto, helper
from qnn_htp.graphs import cnn, gelu, graph, quantized
from zif import Target
from zif.model import Model
from zif_qnn_htp import report, verdicts
from zif_qnn_runtime import libraries


def test_general_report_says_what_it_is(htp: None, chip: Target) -> None:
    answer = zif_qnn_htp.capabilities(chip, None)
    assert (answer.processor, answer.available, answer.reason) == ("npu", True, "")
    emulated = libraries.machine() == "x86_64"
    assert (answer.kind, answer.isolate) == (("emulator", True) if emulated else ("hardware", False))
    assert "QNN 2." in answer.toolchain
    assert pickle.loads(pickle.dumps(answer)) == answer


def test_host_without_a_snapdragon_names_the_chip_it_emulates(htp: None) -> None:
    if libraries.machine() != "x86_64":
        pytest.skip("only the emulator needs a stand-in")
    answer = zif_qnn_htp.capabilities(Target("host"), None)
    assert answer.notes[0] == "no chip was named: emulates Snapdragon 8 Gen 3 (soc_model 57, v75)"
    assert answer.rates is not None


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (
            snapdragon("old", "Snapdragon 855", htp_arch=66, soc_model=12),
            "has Hexagon v66; QNN's HTP backend needs v68",
        ),
        (Target("gpu-only", "Some chip"), "Some chip has no Hexagon NPU"),
        (
            snapdragon("new", "Some chip", htp_arch=99),
            "Some chip: its soc_model is not known; add it under vendor.qual",
        ),
        (snapdragon("odd", "Odd", soc_model="57"), "Odd: vendor.qualcomm.soc_model must be a whole number from 1 up"),
        (snapdragon("odd", "Odd", htp_arch=79, soc_model=69, htp_fp16=1), "htp_fp16 must be true or false, not 1"),
    ],
)
def test_target_without_a_usable_npu_is_unavailable(htp: None, target: Target, words: str) -> None:
    answer = zif_qnn_htp.capabilities(target, None)
    assert not answer.available
    assert words in answer.reason


def test_chip_that_the_library_does_not_know_is_unavailable(htp: None, chip: Target) -> None:
    answer = zif_qnn_htp.capabilities(changed(chip, soc_model=10_000), cnn())
    assert not answer.available
    assert "did not start" in answer.reason


def test_missing_library_is_a_sentence(chip: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.delenv(libraries.SDK_VARIABLE, raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime_qnn" else real(name))
    answer = zif_qnn_htp.capabilities(chip, cnn())
    assert not answer.available
    assert answer.reason.startswith("onnxruntime-qnn ")
    assert answer.verdicts == {}


def test_each_unit_has_a_probed_verdict(htp: None, chip: Target) -> None:
    found = zif_qnn_htp.capabilities(chip, cnn()).verdicts
    assert {unit: v.supported for unit, v in found.items()} == {"conv": True, "relu": True, "erf": False, "pool": True}
    assert {v.basis for v in found.values()} == {"probed"}
    assert found["erf"].code == "op"


def test_neighbours_count(htp: None, chip: Target) -> None:
    found = zif_qnn_htp.capabilities(chip, gelu()).verdicts
    assert all(verdict.supported for verdict in found.values())
    assert "taken as one with" in found["erf"].reason


def test_open_shape_has_its_code_and_names_the_value(htp: None, chip: Target) -> None:
    found = zif_qnn_htp.capabilities(chip, cnn("N")).verdicts
    assert {(v.supported, v.code) for v in found.values()} == {(False, "dynamic-shape")}
    assert "'x' has the shape (N, 3, 16, 16)" in found["conv"].reason


def test_chip_without_fp16_takes_quantized_units_only(htp: None) -> None:
    old = zif.target("snapdragon-888")
    assert not old.vendor["qualcomm"]["htp_fp16"]
    found = zif_qnn_htp.capabilities(old, cnn()).verdicts
    assert {(v.supported, v.code) for v in found.values()} == {(False, "precision")}
    whole = zif_qnn_htp.capabilities(old, quantized()).verdicts
    assert all(verdict.supported for verdict in whole.values())
    assert "conv" in whole


def test_unit_that_depends_on_no_input_is_computed_before(htp: None, chip: Target) -> None:
    nodes = [
        helper.make_node("ConstantOfShape", ["dims"], ["w"], "weights", value=helper.make_tensor("v", 1, [1], [0.5])),
        helper.make_node("MatMul", ["x", "w"], ["y"], "matmul"),
    ]
    given, wanted = {"x": (TensorProto.FLOAT, [1, 64])}, {"y": (TensorProto.FLOAT, [1, 64])}
    model = Model.load(graph(nodes, given, wanted, {"dims": np.array([64, 64], np.int64)}))
    found = zif_qnn_htp.capabilities(chip, model).verdicts
    assert found["weights"].supported
    assert "depends on no input" in found["weights"].reason
    assert found["matmul"].supported


def test_unknown_operator_does_not_spoil_the_question(htp: None, chip: Target) -> None:
    model = cnn().proto
    model.opset_import.append(helper.make_opsetid("acme", 1))
    model.graph.node.append(helper.make_node("Widget", ["y"], ["z"], "widget", domain="acme"))
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 8, 1, 1]))
    found = zif_qnn_htp.capabilities(chip, Model.load(model)).verdicts
    assert found["conv"].supported
    assert found["widget"].supported is False


def test_answer_is_kept_by_model_and_chip(htp: None, chip: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(
        report, "probe", lambda model, chip, avoid: asked.append(chip.soc_model) or verdicts.probe(model, chip, avoid)
    )
    first = zif_qnn_htp.capabilities(chip, cnn()).verdicts
    assert zif_qnn_htp.capabilities(chip, cnn()).verdicts == first
    zif_qnn_htp.capabilities(zif.target("snapdragon-8-elite"), cnn())
    assert asked == [57, 69]


def test_damaged_kept_answer_is_asked_again(htp: None, chip: Target, answers: object) -> None:
    from pathlib import Path

    first = zif_qnn_htp.capabilities(chip, cnn()).verdicts
    (file,) = Path(str(answers)).rglob("*.json")
    file.write_text('{"verdicts": {"conv": {"supported": tr')
    assert zif_qnn_htp.capabilities(chip, cnn()).verdicts == first


def test_weights_that_are_not_at_hand_are_asked_about_as_zeros(htp: None, chip: Target, tmp_path: object) -> None:
    from pathlib import Path

    import onnx

    path = Path(str(tmp_path)) / "m.onnx"
    onnx.save(cnn().proto, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    path.with_name("w.bin").unlink()
    answer = zif_qnn_htp.capabilities(chip, Model.load(path))
    assert answer.verdicts["conv"].supported
    assert any("zeros in the place of missing weights" in note for note in answer.notes)
