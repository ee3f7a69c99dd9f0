"""`zif bench`: a model under the load of MLPerf's scenarios, by its own generator."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from fakes import Site
from schemas.test_schemas import check
from small import classifier

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("mlperf_loadgen"), reason="needs mlcommons-loadgen")
JUDGING = """

_capabilities = capabilities

@hookimpl
def capabilities(target, model):
    import attrs
    return attrs.evolve(_capabilities(target, model), exact={}, **MORE)
"""
SHORT = ("--random", "0", "--seconds", "0.2")
SLOW = """

_run = Run.run

def run(self, inputs):
    import time
    time.sleep(0.002)
    return _run(self, inputs)

Run.run = run
"""
FAILS = "\n\ndef fail(self, inputs):\n    raise RuntimeError('the device is on fire')\n\n\nRun.run = fail\n"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return classifier(tmp_path / "net.onnx")


@pytest.fixture
def good(site: Site) -> Site:
    from fakes import GOOD

    site.add("good", GOOD + JUDGING.replace("MORE", "{}") + SLOW)
    return site


@pytest.mark.parametrize("scenario", ["single-stream", "multi-stream", "server", "offline"])
def test_every_scenario_has_its_figures(good: Site, model: Path, scenario: str) -> None:
    done = good.zif("bench", model, *SHORT, "--scenario", scenario, "--queries", "5", "--streams", "2", "--json")
    assert done.code in (0, 1), done.err
    check(done.json)
    outcome = done.json["outcome"]
    assert outcome["load"]["scenario"] == scenario
    assert outcome["latency_ms"]["min"] >= 2.0
    assert outcome["latency_ms"]["p50"] <= outcome["latency_ms"]["p99"] <= outcome["latency_ms"]["max"]
    assert 0 < outcome["samples_per_second"] <= 500
    assert outcome["queries"] >= 1
    assert outcome["valid"] or outcome["reasons"]
    assert outcome["valid"] == (outcome["figures"]["validity"] == "VALID") == (done.code == 0)
    assert done.json["no_result"] == ""


def test_what_runs_long_enough_is_valid(good: Site, model: Path, tmp_path: Path) -> None:
    done = good.zif("bench", model, *SHORT, "--html", tmp_path / "b.html", "--logs", tmp_path / "logs")
    assert done.code == 0, done.out + done.err
    assert "valid by the load generator's rules" in done.out
    assert "single-stream" in (tmp_path / "b.html").read_text()
    assert (tmp_path / "logs" / "mlperf_log_summary.txt").exists()


def test_accuracy_runs_every_input_once_and_holds_it_against_the_judge(good: Site, model: Path, tmp_path: Path) -> None:
    import numpy as np

    lines = []
    for number in range(4):
        np.save(tmp_path / f"{number}.npy", np.full((1, 4), number, np.float32))
        lines.append(f"{number}.npy")
    (tmp_path / "list.txt").write_text("\n".join(lines))
    done = good.zif("bench", model, "--input-list", tmp_path / "list.txt", "--accuracy", "--json")
    assert done.code == 0, done.err
    check(done.json)
    assert done.json["accuracy"] | {"precision": ""} == {
        **{"judge": ["good"], "samples": 4, "precision": "", "word": "right"},
        **{"worst": done.json["accuracy"]["worst"], "sqnr_db": None},
    }


def test_what_was_emulated_is_no_result(site: Site, model: Path, tmp_path: Path) -> None:
    from fakes import GOOD

    site.add("npu", GOOD + JUDGING.replace("MORE", '{"kind": "emulator"}'))
    done = site.zif("bench", model, *SHORT, "--emulate", "--queries", "5", "--html", tmp_path / "b.html", "--json")
    assert done.json["emulated"] == ["npu"]
    assert done.json["no_result"].startswith("no result: emulated here")
    assert "no result: emulated here" in (tmp_path / "b.html").read_text()


def test_a_fault_under_load_is_the_backends_error(site: Site, model: Path) -> None:
    from fakes import GOOD

    site.add("bad", GOOD + FAILS)
    done = site.zif("bench", model, *SHORT)
    assert done.code not in (0, 2)
    assert "the device is on fire" in done.err


def test_what_cannot_be_is_refused(good: Site, model: Path, tmp_path: Path) -> None:
    wrong = good.zif("bench", model, *SHORT, "--scenario", "rush-hour")
    assert (wrong.code, wrong.out) == (2, "")
    assert "single-stream, multi-stream, server, offline" in wrong.err
    good.zif("compile", model, "-o", tmp_path / "b", "--no-cache")
    bundle = good.zif("bench", tmp_path / "b", *SHORT, "--accuracy")
    assert (bundle.code, bundle.out) == (2, "")
    assert "give the model" in bundle.err


def test_without_the_generator_one_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from zif import UsageError
    from zif.evaluation.scenarios import generator

    monkeypatch.setitem(sys.modules, "mlperf_loadgen", None)
    with pytest.raises(UsageError, match="pip install 'mlcommons-loadgen.*zif profile"):
        generator()
