"""The fit tool: its gradient, what it recovers, and that nothing is scored that was fitted."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from scipy.optimize import approx_fprime

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))

from planning.graphs import conv  # noqa: E402

from benchmarks.fit import __main__ as tool  # noqa: E402
from benchmarks.fit import data as fit_data  # noqa: E402
from benchmarks.fit import solve, validate, write  # noqa: E402

CHIPS = {"qualcomm-snapdragon-8gen3": 1.0, "qualcomm-qcs8275": 2.0, "qualcomm-sa8295p": 3.0}
SHAPES = [(64, 64, 32, 3), (128, 256, 28, 1), (256, 256, 14, 3), (512, 512, 14, 1), (96, 96, 56, 5), (320, 64, 40, 3)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows whose latency is a launch and a rate of MACs, times the chip's slowness: what a fit must find."""
    place = tmp_path_factory.mktemp("data")
    (place / "graphs").mkdir()
    with (place / "aihub-latency.csv").open("w", newline="") as file:
        names = ["model", "precision", "chipset", "runtime", "latency_ms", "layers_npu", "layers_gpu", "layers_cpu"]
        table = csv.writer(file)
        table.writerow(names)
        for index, (channels, made, size, kernel) in enumerate(SHAPES):
            found = conv(channels, made, size, kernel)
            onnx.save(found.proto, place / "graphs" / f"m{index}.onnx")
            for chip, slower in CHIPS.items():
                for precision, rate in (("float", 4e12), ("w8a8", 10e12)):
                    ms = slower * (0.15 + found.units[0].macs / rate * 1e3)
                    table.writerow([f"m{index}", precision, chip, "onnx", ms, 1, 0, 0])
        table.writerow(["m0", "float", "qualcomm-qcs8275", "tflite", 9.0, 0, 3, 0])
        table.writerow(["other", "float", "qualcomm-qcs8275", "onnx", 9.0, 1, 0, 0])
        table.writerow(["m0", "w8a16_mixed_int16", "qualcomm-qcs8275", "onnx", 9.0, 1, 0, 0])
    return place


@pytest.fixture(scope="module")
def data(folder: Path) -> fit_data.Data:
    return fit_data.Data.read(folder)


def test_only_whole_npu_rows_of_known_graphs_are_fitted(data: fit_data.Data) -> None:
    rows = data.rows()
    assert len(rows) == len(SHAPES) * len(CHIPS) * 2 + 1
    assert [row.processor for row in rows if row not in fit_data.fitted(rows)] == ["gpu"]


def test_the_gradient_is_the_slope_of_the_loss(data: fit_data.Data) -> None:
    rows = fit_data.fitted(data.rows())
    fit = solve.Fit(validate.chips_of(rows))
    table = solve.Table.of(rows, data, fit.chips)
    at = np.random.default_rng(1).normal(0, 0.3, len(fit.values))
    spread = np.ones(len(at))
    slope = approx_fprime(at, lambda v: fit._loss(v, table, spread)[0], 1e-6)
    assert np.allclose(fit._loss(at, table, spread)[1], slope, rtol=1e-3, atol=1e-2 * np.abs(slope).max())


def test_a_fit_finds_the_latencies_that_it_was_given(data: fit_data.Data) -> None:
    rows = fit_data.fitted(data.rows())
    fit = solve.Fit(validate.chips_of(rows)).fit(rows, data)
    measured = np.array([row.us for row in rows])
    # What holds prices of families together pulls at so few rows: 5.1 % is what stays of it.
    assert validate.Score.of(measured, fit.predict(rows, data)).error < 0.055
    scales = dict(zip(fit.chips, fit.scales().mean(axis=(1, 2)), strict=True))
    assert scales["snapdragon-8-gen-3"] < scales["qcs8275"] < scales["sa8295p"]


def test_no_row_is_scored_by_a_fit_that_saw_its_model(data: fit_data.Data, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = fit_data.fitted(data.rows())
    seen: list[set[str]] = []
    scored: list[set[str]] = []
    real_fit, real_predict = solve.Fit.fit, solve.Fit.predict

    def watch_fit(self: solve.Fit, part: list[fit_data.Row], source: fit_data.Data, steps: int = 9) -> solve.Fit:
        seen.append({row.model for row in part})
        return real_fit(self, part, source, steps)

    def watch_predict(self: solve.Fit, part: list[fit_data.Row], source: fit_data.Data) -> solve.Floats:
        scored.append({row.model for row in part})
        return real_predict(self, part, source)

    whole = solve.Fit(validate.chips_of(rows))
    monkeypatch.setattr(solve.Fit, "fit", watch_fit)
    monkeypatch.setattr(solve.Fit, "predict", watch_predict)
    predicted = validate.by_model(rows, data, whole)
    assert (predicted > 0).all()
    assert len(seen) == len(scored) == len(SHAPES)
    assert all(not (fitted & asked) for fitted, asked in zip(seen, scored, strict=True))
    assert set.union(*scored) == {row.model for row in rows}


def test_a_model_left_out_is_predicted_from_the_others(data: fit_data.Data) -> None:
    rows = fit_data.fitted(data.rows())
    predicted = validate.by_model(rows, data, solve.Fit(validate.chips_of(rows)).fit(rows, data))
    score = validate.Score.of(np.array([row.us for row in rows]), predicted)
    assert score.error < 0.25
    assert score.rank > 0.9


def test_the_file_is_what_core_reads(data: fit_data.Data, tmp_path: Path) -> None:
    from benchmarks.fit.predict import by_core

    rows = fit_data.fitted(data.rows())
    fit = solve.Fit(validate.chips_of(rows)).fit(rows, data)
    content = write.document(fit, rows, fit.predict(rows, data), {"date": "2026-01-01"})
    write.save(content, tmp_path / "costs.json")
    assert (tmp_path / "costs.json").read_text().startswith('{\n  "schema": "zif.costs/1"')
    assert np.allclose(by_core(rows, data, content, {}), fit.predict(rows, data), rtol=0.02)


def test_the_command_reports_and_writes_only_when_asked(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tool, "COSTS", tmp_path / "costs.json")
    tool.main(["--data", str(folder), "--quick"])
    assert not (tmp_path / "costs.json").exists()
    assert "predicted / measured" in capsys.readouterr().out
    tool.main(["--data", str(folder), "--quick", "--write"])
    assert (tmp_path / "costs.json").is_file()


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="needs aihub-latency.csv and graphs"):
        fit_data.Data.read(tmp_path)
