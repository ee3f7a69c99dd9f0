"""Watts: an estimate says that it is one and how far off it may be; what was measured takes its place, by mode."""

from __future__ import annotations

from pathlib import Path

import pytest
import zif
from small import classifier
from zif.errors import UsageError
from zif.report.html import plan_html
from zif.targets import host, target, targets
from zif.targets.watts import read_watts

CHIP = "snapdragon-8-gen-3"
HEAD = "target,processor,mode,watts,low,high,source\n"


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "watts.csv"
    path.write_text(f"{HEAD}Snapdragon 8 Gen 3,npu,,3.1,2.9,3.4,a meter\n{CHIP},npu,burst,5,,,\nhost,cpu,,38,,,RAPL\n")
    monkeypatch.setenv("ZIF_TARGETS", str(path))
    return path


@pytest.mark.parametrize("one", targets(), ids=lambda one: one.name)
def test_every_estimate_says_that_it_is_one_and_has_an_interval(one: zif.Target) -> None:
    for rates in one.processors.values():
        drawn = rates.drawn()
        assert not drawn.measured
        assert drawn.low < drawn.watts < drawn.high
        assert "estimated" in drawn.source
        assert "half to twice is assumed" in drawn.source


def test_what_was_measured_takes_the_place_of_the_estimate_by_mode(measured: Path) -> None:
    npu = target(CHIP).processors["npu"]
    assert (npu.drawn().watts, npu.drawn().low, npu.drawn().high, npu.drawn().source) == (3.1, 2.9, 3.4, "a meter")
    assert npu.drawn("balanced") == npu.drawn()
    assert npu.drawn("burst").watts == npu.drawn("burst").high == 5.0
    assert "watts.csv line 3" in npu.drawn("burst").source
    assert not target(CHIP).processors["gpu"].drawn().measured
    assert host().processors["cpu"].drawn().source == "RAPL"
    measured.write_text(f"{HEAD}{CHIP},npu,,4,,,\n")
    assert target(CHIP).processors["npu"].drawn().watts == 4.0, "an edited file is read again"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the first line names the columns"),
        (HEAD, "holds no measurement"),
        ("target,processor,volts\n", "unknown column 'volts'"),
        ("target,processor\n", "the first line names the columns"),
        (f"{HEAD}{CHIP},npu,,much,,,\n", "line 2: watts must be watts from 0 up"),
        (f"{HEAD}{CHIP},npu,,nan,,,\n", "line 2: watts must be watts from 0 up"),
        (f"{HEAD}{CHIP},npu,,3,4,5,\n", "must lie between low 4 and high 5"),
        (f"{HEAD}{CHIP},dsp,,3,,,\n", "a processor of npu, gpu, cpu"),
        (f"{HEAD}{CHIP},npu,,3,,,a,b\n", "8 cells under 7 columns"),
        (f"{HEAD}{CHIP},npu,,3,,,\nSnapdragon-8-Gen-3,npu,,4,,,\n", "stand in .*line 2, too"),
        (f'{HEAD}{CHIP},npu,,3,,,"a\n', None),
    ],
)
def test_what_is_no_table_of_watts_is_refused_with_its_line(tmp_path: Path, text: str, said: str | None) -> None:
    path = tmp_path / "watts.csv"
    path.write_text(text)
    if said is None:
        assert read_watts(path)[0].drawn.source == "a"
        return
    with pytest.raises(UsageError, match=said):
        read_watts(path)


@pytest.mark.parametrize(
    ("row", "said"), [("snapdragon-8-gen-33,npu,,3,,,", "Did you mean"), ("snapdragon-8-gen-3,npu,,3,,,", "")]
)
def test_a_chip_that_nobody_knows_is_refused_with_the_nearest(tmp_path: Path, row: str, said: str) -> None:
    path = tmp_path / "watts.csv"
    path.write_text(f"{HEAD}{row}\n")
    if said:
        with pytest.raises(UsageError, match=rf"line 2: no chip is called 'snapdragon-8-gen-33'.*{said}"):
            targets([path])
    else:
        assert len(targets([path])) == len(targets())


def test_the_plan_has_interval_source_and_what_would_replace_them(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    model = classifier(tmp_path / "net.onnx")
    told = zif.plan(model, only=["qnn_cpu", "reference"]).predicted
    assert told.energy_low_uj == pytest.approx(told.energy_uj / 2, rel=1e-3)
    assert told.energy_high_uj == pytest.approx(told.energy_uj * 2, rel=1e-3)
    assert set(told.power) == {"qnn_cpu"}
    assert told.average_watts == pytest.approx(told.power["qnn_cpu"].watts)
    assert "target,processor,mode,watts,low,high" in told.power_note
    request.getfixturevalue("measured")
    plan = zif.plan(model, only=["qnn_cpu"])
    assert plan.predicted.power["qnn_cpu"].source == "RAPL"
    assert plan.predicted.energy_low_uj == plan.predicted.energy_high_uj == plan.predicted.energy_uj
    assert "watts are measured" in plan.predicted.power_note
    page = plan_html(plan)
    assert "Energy, power and heat" in page
    assert "RAPL" in page
    assert zif.Plan.from_json(plan.to_json()).predicted == plan.predicted


def test_the_mode_that_is_asked_for_counts(tmp_path: Path, measured: Path) -> None:
    from planning.boards import CPU, chain, fast, planner
    from zif.planning import energy

    made = planner(chain(["Relu"]), {"npu": fast(), "cpu": CPU}, config={"npu": {"performance_mode": "burst"}})
    assert energy.modes(made.request) == {"npu": "burst"}
    text = _plan(classifier(tmp_path / "net.onnx"), {"cpu_config": {"performance_mode": "balanced"}})
    assert text == 38.0


def _plan(model: Path, config: dict[str, dict[str, str]]) -> float:
    return zif.plan(model, only=["qnn_cpu"], config=config).predicted.power["qnn_cpu"].watts
