"""A few measurements correct a chip's prices: on disk, in plans, by name; what is no measurement is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from fakes import ROOT
from jsonschema import Draft202012Validator
from planning.graphs import conv
from zif import schemas
from zif.cli import run as zif_command
from zif.errors import UsageError
from zif.evaluation.calibration import calibrate, factors, forget, read
from zif.planning.costs import CostModel, corrections
from zif.planning.costs.coefficients import GROUPS, fitted
from zif.planning.costs.corrections import Measurement
from zif.records import Target
from zif.targets import target

CHIP = "snapdragon-8-gen-3"
OTHER = "qcs8275"
JOB = {"execution_summary": {"estimated_inference_time": 900}, "execution_detail": [{"compute_unit": "NPU"}]}
SIZES = ((64, 64, 56, 3), (256, 256, 28, 1), (128, 128, 28, 3), (512, 512, 14, 1), (32, 32, 112, 3))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZIF_DATA", str(tmp_path / "data"))
    for index, (channels, made, size, kernel) in enumerate(SIZES):
        onnx.save(conv(channels, made, size, kernel).proto, tmp_path / f"m{index}.onnx")
    return tmp_path


def told(folder: Path, index: int, chip: str = CHIP, kept: tuple[Any, ...] | None = ()) -> float:
    found = zif.Model.load(folder / f"m{index}.onnx")
    return CostModel(target(chip), kept).model_us(found, "npu", "fp16").us


def table(folder: Path, slower: float, indices: tuple[int, ...] = (0, 1, 2)) -> Path:
    """Measurements of a chip that takes so many times as long as its prices say."""
    lines = [f"m{i}.onnx,{slower * told(folder, i) / 1e3},float" for i in indices]
    (folder / "measured.csv").write_text("\n".join(["model,latency_ms,precision", *lines, ""]))
    return folder / "measured.csv"


def test_other_models_are_predicted_by_what_three_took(folder: Path) -> None:
    calibrate(target(CHIP), read(table(folder, 1.6)))
    assert told(folder, 3, kept=None) == pytest.approx(1.6 * told(folder, 3), rel=0.15)
    assert told(folder, 4, kept=None) > 1.1 * told(folder, 4)  # mostly of a group that none of the three is of
    assert told(folder, 3, OTHER, None) == told(folder, 3, OTHER)  # another chip keeps its prices


def test_one_odd_model_does_not_turn_the_others(folder: Path) -> None:
    path = table(folder, 1.0, (0, 1, 2, 3))
    odd = path.read_text().splitlines()
    odd[1] = f"m0.onnx,{8 * told(folder, 0) / 1e3},float"
    path.write_text("\n".join(odd))
    calibrate(target(CHIP), read(path))
    assert told(folder, 4, kept=None) < 1.6 * told(folder, 4)


def test_rows_add_up_and_a_later_one_replaces_an_earlier_one(folder: Path) -> None:
    calibrate(target(CHIP), read(table(folder, 3.0, (0,))))
    done = calibrate(target(CHIP), read(table(folder, 1.5, (0, 1))))
    assert [row.model for row in done.rows] == ["m0", "m1"]
    assert done.rows[0].us == pytest.approx(1.5 * done.rows[0].before_us, rel=0.01)


def test_a_plan_names_the_measurements_and_its_interval(folder: Path) -> None:
    before = zif.plan(folder / "m3.onnx", CHIP, only=["qnn_htp"]).predicted
    assert before.source == "fitted"
    assert before.latency_low_us < before.latency_us < before.latency_high_us
    calibrate(target(CHIP), read(table(folder, 1.6)))
    plan = zif.plan(folder / "m3.onnx", CHIP, only=["qnn_htp"])
    assert plan.predicted.source == "corrected"
    assert "corrected by 3 measurements of your own: m0, m1, m2" in plan.predicted.latency_note
    assert zif.Plan.from_json(plan.to_json()) == plan
    forget(CHIP)
    assert zif.plan(folder / "m3.onnx", CHIP, only=["qnn_htp"]).predicted == before


def test_a_correction_holds_for_the_toolchain_that_was_named(folder: Path) -> None:
    one = calibrate(target(CHIP), read(table(folder, 1.6)), "9.99")
    assert one.toolchain == "9.99"
    assert zif.plan(folder / "m3.onnx", CHIP, only=["qnn_htp"]).predicted.source == "fitted"
    found = corrections.kept()
    stamp = found[0].prices
    assert corrections.find(found, CHIP, "QAIRT 9.99.1", stamp) == found[0]
    assert corrections.find(found, CHIP, "QAIRT 9.99.1", "other prices") is None


def test_what_is_kept_and_broken_counts_as_none(folder: Path) -> None:
    done = calibrate(target(CHIP), read(table(folder, 1.6)))
    for text in ("", "{}", "[1]", json.dumps({"schema": corrections.SCHEMA, "correction": {"target": 1}})):
        Path(done.path).write_text(text)
        assert told(folder, 3, kept=None) == told(folder, 3)


def test_without_measurements_factors_are_one_and_with_them_they_are_positive() -> None:
    row = Measurement("m", "f", "int8", 100.0, dict.fromkeys(GROUPS, 20.0), 0.0, "here")
    assert np.allclose([list(by.values()) for by in factors([row]).values()], 1.0, atol=1e-3)
    found = factors([Measurement("m", "f", "int8", 400.0, dict.fromkeys(GROUPS, 20.0), 0.0, "here")])
    assert all(factor > 1 for by in found.values() for factor in by.values())
    assert found["int8"]["matrix"] > found["fp16"]["matrix"]  # what was not measured follows, not as far


def test_a_job_of_the_cloud_is_a_measurement(folder: Path) -> None:
    (folder / "job.json").write_text(json.dumps(JOB))
    (given,) = read(folder / "job.json", folder / "m0.onnx", "w8a8")
    assert (given.us, given.precision) == (900.0, "w8a8")
    done = calibrate(target(CHIP), [given])
    assert done.rows[0].precision == "int8"
    (folder / "whole.json").write_text(json.dumps({"device": "Some phone", "profile": JOB}))
    assert read(folder / "whole.json", folder / "m0.onnx")[0].us == 900.0


def profile(kind: str, label: str = "", segments: int = 1) -> dict[str, Any]:
    one = {"id": 0, "kind": kind, "label": label, "toolchain": "QAIRT 2.50"}
    return {"schema": "zif.profile/1", "ms": {"p50": 2.5}, "segments": [one] * segments}


def test_a_profile_of_hardware_is_a_measurement_and_one_of_an_emulator_is_none(folder: Path) -> None:
    path = folder / "profile.json"
    path.write_text(json.dumps(profile("hardware")))
    (given,) = read(path, folder / "m0.onnx")
    assert (given.us, given.toolchain) == (2500.0, "QAIRT 2.50")
    for document in (profile("emulator"), profile("hardware", "host's CPU")):
        path.write_text(json.dumps(document))
        with pytest.raises(UsageError, match="not on the chip"):
            read(path, folder / "m0.onnx")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("m.csv", "", "the first line names the columns"),
        ("m.csv", "model,latency_ms\n", "holds no measurement"),
        ("m.csv", "model,latency\nm0.onnx,1\n", "unknown column 'latency'"),
        ("m.csv", "model,latency_ms,latency_us\n", "one of latency_ms and latency_us"),
        ("m.csv", "model,latency_ms\nm0.onnx,quick\n", "line 2: latency_ms must be the time of a run"),
        ("m.csv", "model,latency_ms\nm0.onnx,-3\n", "must be the time of a run"),
        ("m.csv", "model,latency_ms\nm0.onnx,nan\n", "must be the time of a run"),
        ("m.csv", "model,latency_ms\nm0.onnx,1,2\n", "3 cells under 2 columns"),
        ("m.csv", "model,latency_ms\n,1\n", "needs the path of its model"),
        ("m.csv", "model,latency_ms,precision\nm0.onnx,1,w4\n", "precision must be one of float, w8a8, w8a16"),
        ("m.csv", "model,latency_ms,device\nm0.onnx,1,HTP emulator\n", "an emulator ran"),
        ("m.json", "[]", "a list, where a profile is an object"),
        ("m.json", "{", "not valid JSON"),
        ("m.json", "{}", "no measurement that zif knows"),
        ("m.json", json.dumps(profile("hardware", segments=0)), "it has no segments"),
        ("m.json", json.dumps(profile("hardware", segments=2)), "has 2 segments"),
        ("m.json", json.dumps({"execution_summary": {"estimated_inference_time": "soon"}}), "time of a run"),
        ("m.json", json.dumps(JOB), "name it with --model"),
        ("m.json", json.dumps(JOB | {"execution_detail": [{"compute_unit": "CPU"}]}), "layers ran on the CPU"),
    ],
)
def test_what_is_no_measurement_is_one_paragraph(folder: Path, name: str, text: str, says: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(UsageError, match=says) as caught:
        read(folder / name)
    assert str(caught.value).startswith(str(folder / name))
    assert "\n" not in str(caught.value)


def test_several_toolchains_and_a_chip_without_prices_are_refused(folder: Path) -> None:
    (folder / "m.csv").write_text("model,latency_ms,toolchain\nm0.onnx,1,a\nm1.onnx,1,b\n")
    with pytest.raises(UsageError, match="2 toolchains: a, b"):
        calibrate(target(CHIP), read(folder / "m.csv"))
    bare = Target(name="bare", title="Bare", processors={})
    with pytest.raises(UsageError, match="no fitted prices"):
        calibrate(bare, read(table(folder, 1.0)))


def test_the_command_keeps_lists_and_forgets(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str) -> tuple[int, str, str]:
        try:
            code = zif_command(["calibrate", *words])
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        return int(code or 0), said.out, said.err

    path = table(folder, 1.6)
    assert run("--list") == (0, "Nothing is kept.\n", "")
    assert run(CHIP, str(path))[0] == 0
    code, out, _ = run("--list", "--json")
    document = json.loads(out)
    Draft202012Validator(schemas.schema("calibrate")).validate(document)
    assert (code, [row["model"] for row in document["calibrations"][0]["rows"]]) == (0, ["m0", "m1", "m2"])
    assert run(CHIP, str(path), "--forget")[0] == 2
    assert run(CHIP, str(folder / "none.csv"))[0] == 2
    assert run(CHIP)[0] == 2
    assert run()[0] == 2
    assert run(CHIP, str(path), "--precision", "w3")[0] == 2
    assert run(CHIP, "--forget")[:2] == (0, f"Forgotten: 3 measurements of {CHIP}.\n")
    code, _, err = run(CHIP, "--forget")
    assert code == 2
    assert f"nothing is kept of {CHIP}" in err


def test_a_published_graph_is_priced_by_what_it_took_elsewhere() -> None:
    """The file holds graphs that were measured: one that counts the same takes what those took beside their prices."""
    content = json.loads((ROOT / "plugins/qnn_runtime/src/zif_qnn_runtime/costs.json").read_text())
    table_ = fitted(target(CHIP), "fp16").table  # type: ignore[union-attr]
    assert table_ is not None
    known = table_.known[0]
    assert table_.graph(known.counts) is known
    assert table_.graph(known.counts * 1.1) is None
    assert known.took == content["known"][known.name]["took"]
