"""What `zif quantize` says: figures with what they were measured on, one of a thing in the singular, no odd figures."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner
from zif.cli.app import application
from zif.errors import BackendNotFound, InvalidModel, UsageError
from zif_quantize.cli.mixed_view import _part, told_db
from zif_quantize.search.candidate import Candidate, table
from zif_quantize.search.to_goal import quantize_to_goal


def save(path: str, nodes: list[onnx.NodeProto], **weights: Any) -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 8]) for name in "xy"]
    held = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], held)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    save("m.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"], "mm")], w=rng.standard_normal((8, 8)))
    for count in (1, 2, 8, 16):
        np.savez(f"{count}.npz", x=rng.standard_normal((count, 4, 8)).astype(np.float32))
    return tmp_path


def quantize(*args: str) -> Any:
    return CliRunner().invoke(application(), ["quantize", "m.onnx", "-o", "q.onnx", *args])


@pytest.mark.parametrize(
    ("count", "lines"),
    [
        (1, ["against float on the 1 sample that it was calibrated with", "recipe: w8a8, "]),
        (2, ["on 2 of 2 samples, each on a model that was calibrated without it, give", "the ranges are those of all"]),
        (8, ["on 8 of 8 samples, each on", "dB of the worst output on 8 samples that had not calibrated them: "]),
        (16, ["on 16 of 16 samples, each on", "on 16 samples that had not"]),
    ],
)
def test_it_is_told_what_was_measured_on_what(count: int, lines: list[str]) -> None:
    told = quantize("-c", f"{count}.npz")
    assert told.exit_code == 0, told.output
    for line in lines:
        assert line in told.stdout
    assert "2 activations, 1 weight, 0 biases quantized" in told.stdout


@pytest.mark.parametrize(
    ("count", "line"),
    [
        (1, "measured on the 1 sample that it was calibrated with"),
        (8, "measured and chosen on 2 samples that calibration has not seen; with 12 samples or more"),
        (16, "measured and chosen on 4 samples that calibration has not seen; on 4 others, that did not choose it: "),
    ],
)
def test_a_search_tells_what_it_was_measured_on(count: int, line: str) -> None:
    told = quantize("-c", f"{count}.npz", "--accuracy-goal", "SQNR=20")
    assert told.exit_code == 0, told.output
    assert line in told.stdout
    document = json.loads(quantize("-c", f"{count}.npz", "--accuracy-goal", "SQNR=20", "--json").stdout)
    assert bool(document["search"]["fresh"]) == (count == 16)
    assert document["calibration"]["held_out"] == (4 if count == 16 else 0)


@pytest.fixture
def loud() -> list[dict[str, np.ndarray]]:
    """Four samples, which a search keeps for the end, are a hundred times as large as the others."""
    rng = np.random.default_rng(1)
    data = rng.standard_normal((16, 4, 8)).astype(np.float32)
    data[[2, 6, 10, 14]] *= 100
    np.savez("loud.npz", x=data)
    return [{"x": sample} for sample in data]


def test_a_goal_is_met_when_the_fresh_samples_meet_it(loud: list[Any]) -> None:
    """In integers the others meet 20 dB by far, and the loud ones are clipped: that leaves float."""
    told = quantize("-c", "loud.npz", "--accuracy-goal", "SQNR=20", "--json")
    assert told.exit_code == 0, told.output
    search = json.loads(told.stdout)["search"]
    assert search["met"]
    assert search["fresh"]["y"]["exact"] or search["fresh"]["y"]["sqnr_db"] >= 20
    assert any(one["met"] and one["cost"] < search["chosen"]["cost"] for one in search["candidates"])


def test_a_goal_that_the_fresh_samples_miss_is_not_met(loud: list[Any]) -> None:
    found = quantize_to_goal("m.onnx", loud, "SQNR=20", levels=("w8a8", "w8a16"))
    assert not found.met
    assert found.chosen.met
    assert found.fresh["y"] < 20


def test_no_error_at_all_is_neither_left_out_nor_a_number_of_decibels() -> None:
    told = quantize("-c", "16.npz", "--accuracy-goal", "SQNR=400")
    assert "met with no error at all" in told.stdout
    assert "e+" not in told.stdout
    rows = list(csv.DictReader(Path("q.frontier.csv").read_text().splitlines()))
    assert {row["sqnr_db"] == "inf" for row in rows if row["met"] == "1"} == {True}
    document = json.loads(quantize("-c", "16.npz", "--accuracy-goal", "SQNR=400", "--json").stdout)
    assert document["search"]["chosen"]["exact"]
    assert document["search"]["fresh"] == {"y": {"sqnr_db": None, "exact": True}}


def test_what_could_not_be_made_has_no_figure() -> None:
    lost = Candidate(1, "uniform", "reference", {"a": "w8a8"}, math.inf, "us", {}, {}, error="no")
    row = next(csv.DictReader(table([lost], [], ["w8a8"]).splitlines()))
    assert (row["cost"], row["sqnr_db"]) == ("", "")
    assert not lost.to_json()["exact"]


def test_words() -> None:
    assert told_db(math.inf) == "no error at all"
    assert told_db(35.24) == "35.2 dB"
    assert [_part(burden) for burden in (0.5, 12, 1e30, math.inf)] == [
        "50.0%",
        "12 times all of it",
        "far beyond all of it",
        "far beyond all of it",
    ]


def test_nothing_to_quantize_names_bodies_only_where_there_are_any() -> None:
    save("m.onnx", [helper.make_node("Log", ["x"], ["y"], "log")])
    np.savez("1.npz", x=np.ones((1, 4, 8), np.float32))
    found = quantize("-c", "1.npz")
    assert isinstance(found.exception, InvalidModel), found.output
    assert str(found.exception).endswith("was quantized: it consists of Log")


def test_unknown_precisions_are_told_with_those_that_fit_there() -> None:
    assert str(quantize("--precision", "w3").exception).endswith("known: w8a8, w8a16, w4a16, w16a16, w8")
    found = quantize("-c", "8.npz", "--unit", "mm=w3").exception
    assert isinstance(found, UsageError)
    assert str(found).endswith("known: w8a8, w8a16, w4a16, w16a16, float")


def test_one_of_a_thing_is_no_plural() -> None:
    entry = {"bitwidth": 8, "scale": 0.05, "offset": -128}
    Path("e.json").write_text(json.dumps({"activation_encodings": {"x": [entry], "gone": [entry]}}))
    told = quantize("--encodings", "e.json").stdout
    assert "1 entry matches no tensor: gone" in told
    Path("e.json").write_text(json.dumps({"activation_encodings": {"x": [entry]}}))
    shown = CliRunner().invoke(application(), ["encodings", "check", "e.json"])
    assert "1 good entry, 0 wrong" in shown.stdout


def test_a_target_is_its_accelerator_and_an_emulator_is_called_one() -> None:
    """So small a model is cheapest on the chip's CPU; what is asked is what the accelerator makes of it."""
    found = quantize("-c", "2.npz", "--method", "minmax", "--target", "snapdragon-8-gen-3")
    assert found.exit_code == 0, found.output
    assert "on snapdragon-8-gen-3 (qnn_htp) dB" in " ".join(found.stdout.split())
    assert "emulated here, not run on hardware: qnn_htp" in found.stdout
    document = json.loads(quantize("-c", "2.npz", "--target", "snapdragon-8-gen-3", "--json").stdout)
    assert (document["target_backends"], document["emulated"]) == (["qnn_htp"], ["qnn_htp"])


def test_a_fraction_is_no_percentile() -> None:
    found = quantize("-c", "2.npz", "--method", "percentile", "--percentile", "0.99")
    assert isinstance(found.exception, UsageError)
    assert "in % from 50 to 100" in str(found.exception)


def test_encodings_of_another_model_are_told() -> None:
    entry = [{"bitwidth": 8, "min": -1.0, "max": 1.0, "scale": 2 / 255, "offset": -128}]
    names = ["x", *(f"other{k}" for k in range(9))]
    others = {"activation_encodings": dict.fromkeys(names, entry), "param_encodings": {}}
    Path("other.json").write_text(json.dumps(others))
    found = quantize("--encodings", "other.json", "--repair")
    assert "is the encodings file another model's?" in found.output


def test_whose_rules_hold_is_told() -> None:
    own = quantize("-c", "2.npz", "--method", "minmax")
    assert "quantized by the default rules, in forms that most backends take; --target CHIP takes those" in own.stdout
    there = ("-c", "2.npz", "--method", "minmax", "--target", "snapdragon-8-gen-3")
    assert "quantized by the rules of qnn_htp" in quantize(*there).stdout
    found = json.loads(quantize(*there, "--json").stdout)["rules"]
    assert (found["backends"], found["values"]["split_clips"], found["notes"]) == (["qnn_htp"], True, [])
    found = json.loads(quantize(*there, "--rules", "default", "--json").stdout)["rules"]
    assert (found["backends"], found["values"]["split_clips"]) == ([], False)


def test_a_backend_is_asked_for_its_rules_by_name() -> None:
    found = json.loads(quantize("-c", "2.npz", "--rules", "qnn_htp", "--json").stdout)
    assert (found["rules"]["backends"], found["target"]) == (["qnn_htp"], None)
    found = json.loads(quantize("-c", "8.npz", "--rules", "qnn_htp", "--accuracy-goal", "SQNR=20", "--json").stdout)
    assert found["rules"]["backends"] == ["qnn_htp"]
    found = quantize("-c", "2.npz", "--rules", "reference")
    assert "reference has no rules of its own" in found.stderr
    wrong = quantize("-c", "2.npz", "--rules", "qnn_http").exception
    assert isinstance(wrong, BackendNotFound)
    assert "Did you mean 'qnn_htp'" in str(wrong)


def test_rules_change_what_is_written() -> None:
    """A Clip to 1 … 6 is split for Qualcomm's compiler, and left alone for others."""
    nodes = [
        helper.make_node("Abs", ["x"], ["a"], "abs"),
        helper.make_node("Clip", ["a", "low", "high"], ["y"], "clip"),
    ]
    save("m.onnx", nodes, low=np.float32(1), high=np.float32(6))
    seen = {}
    for words in ((), ("--rules", "qnn_htp")):
        assert quantize("-c", "2.npz", "--method", "minmax", *words).exit_code == 0
        seen[words] = {node.op_type for node in onnx.load("q.onnx").graph.node} & {"Max"}
    assert list(seen.values()) == [set(), {"Max"}]


def test_a_backend_without_rules_is_no_backend_of_the_target() -> None:
    found = quantize("-c", "2.npz", "--method", "minmax", "--target", "host")
    assert "quantized by the default rules" in found.stdout
    assert "the rules of qnn_htp were not taken: an emulator on this machine" in " ".join(found.stderr.split())


def test_encodings_are_those_of_the_forms_that_they_were_made_for() -> None:
    """A Gemm of two values that becomes a MatMul has a value more, which another form does not have."""
    nodes = [
        helper.make_node("Abs", ["x"], ["a"], "abs"),
        helper.make_node("Gemm", ["x", "a"], ["g"], "gemm", transB=1),
    ]
    save("m.onnx", [*nodes, helper.make_node("MatMul", ["g", "w"], ["y"], "mm")], w=np.ones((4, 8)))
    assert quantize("-c", "2.npz", "--method", "minmax", "--rules", "qnn_htp").exit_code == 0
    check = ["encodings", "check", "q.encodings.json", "m.onnx"]
    assert CliRunner().invoke(application(), [*check, "--rules", "qnn_htp"]).exit_code == 0
    wrong = CliRunner().invoke(application(), check)
    assert (wrong.exit_code, "1 entry matches no tensor: a_transB" in wrong.stdout) == (1, True)
    into = ["encodings", "convert", "q.encodings.json", "--model", "m.onnx", "-o", "o.json", "--rules", "qnn_htp"]
    assert CliRunner().invoke(application(), into).exit_code == 0
    again = quantize("--encodings", "o.json", "--rules", "qnn_htp", "--json")
    assert json.loads(again.stdout)["unmatched"] == []
