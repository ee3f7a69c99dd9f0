"""Measured beats estimated: profiles add up, are kept per model and toolchain, and change the next plan."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import onnx
import pytest
import zif
from zif.errors import UsageError
from zif.profiling import Profile, Stats, measure, store

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light/light_squeezenet.onnx"
ONLY = ["qnn_cpu", "reference"]


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZIF_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def profile() -> Profile:
    with zif.load(LIGHT, only=ONLY, pin={"op:Softmax": "reference"}) as session:
        inputs = {i.name: np.zeros(i.shape or (), np.float32) for i in session.inputs}
        return measure(session, inputs, runs=5, warmup=1)


def test_a_profile_adds_up(profile: Profile) -> None:
    assert [segment.backend for segment in profile.segments] == ["qnn_cpu", "reference"]
    assert sum(segment.share for segment in profile.segments) == pytest.approx(1, abs=1e-3)
    assert profile.ms.min <= profile.ms.p50 <= profile.ms.p95 <= profile.ms.p99 <= profile.ms.max
    assert profile.throughput == pytest.approx(1e3 / profile.ms.mean, rel=1e-3)
    assert set(profile.backends_ms) == set(ONLY)
    assert profile.rss_mb > 0
    assert profile.to_json()["schema"] == "zif.profile/1"


def test_statistics_are_numpys() -> None:
    times = [1.0, 2.0, 3.0, 4.0, 100.0]
    stats = Stats.of(times)
    assert (stats.mean, stats.p50, stats.min, stats.max) == (22.0, 3.0, 1.0, 100.0)
    assert stats.p99 == pytest.approx(np.percentile(times, 99))


@pytest.mark.parametrize(("runs", "warmup"), [(0, 1), (1, -1)])
def test_impossible_counts_are_refused(runs: int, warmup: int) -> None:
    with zif.load(LIGHT, only=ONLY) as session, pytest.raises(UsageError):
        measure(session, {}, runs=runs, warmup=warmup)


def test_the_next_plan_uses_what_was_measured(profile: Profile) -> None:
    before = zif.plan(LIGHT, only=ONLY)
    assert store.save(profile) is not None
    after = zif.plan(LIGHT, only=ONLY)
    assert {v.cost_source for unit in before.units for v in unit.verdicts.values()}.isdisjoint({"measured"})
    conv = next(unit for unit in after.units if unit.op_type == "Conv")
    assert conv.verdicts["qnn_cpu"].cost_source == "measured"
    assert conv.verdicts["reference"].cost_source != "measured"
    units = [unit for unit in after.units if unit.name in profile.segments[0].units]
    total = sum(unit.verdicts["qnn_cpu"].cost_us or 0 for unit in units)
    assert total == pytest.approx(profile.segments[0].ms.p50 * 1e3, rel=1e-3)


def test_a_slow_measurement_moves_the_units(profile: Profile) -> None:
    slow = attrs.evolve(profile.segments[0], ms=attrs.evolve(profile.ms, p50=1e7))
    store.save(attrs.evolve(profile, segments=(slow,)))
    plan = zif.plan(LIGHT, only=ONLY, policy="performance")
    assert {unit.backend for unit in plan.units if unit.name in slow.units} == {"reference"}


def test_neither_emulators_nor_other_targets_count(profile: Profile) -> None:
    emulated = tuple(attrs.evolve(segment, kind="emulator") for segment in profile.segments)
    assert store.save(attrs.evolve(profile, segments=emulated)) is None
    assert store.save(attrs.evolve(profile, target="snapdragon-8-elite")) is None


def test_measuring_again_replaces_and_a_damaged_file_counts_as_none(profile: Profile, data: Path) -> None:
    first, second = store.save(profile), store.save(profile)
    assert first == second
    segment = profile.segments[0]
    assert len(store.measured(profile.fingerprint, segment.backend, segment.toolchain)) == 1
    assert first is not None
    first.write_text("{")
    assert store.measured(profile.fingerprint, segment.backend, segment.toolchain) == []
    assert store.save(profile) is not None
    assert len(store.measured(profile.fingerprint, segment.backend, segment.toolchain)) == 1
