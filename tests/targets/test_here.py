"""A CPU that stands in for a chip's is not called hardware: it is not the chip's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zif
from zif.records import Capabilities, Target
from zif.targets import this_machine

from tests.small import classifier

CHIP = Target("some-chip", vendor={"acme": {"model": 7}})


@pytest.fixture(params=[True, False], ids=["on the chip", "elsewhere"])
def on_chip(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    machine = Target("host", vendor=CHIP.vendor if request.param else {})
    monkeypatch.setattr(this_machine, "host", lambda: machine)
    return bool(request.param)


def test_a_cpu_is_called_so_where_the_machine_is_another(on_chip: bool) -> None:
    assert this_machine.label_of(Capabilities("cpu"), CHIP) == ("" if on_chip else this_machine.HOST_CPU)
    assert this_machine.label_of(Capabilities("cpu"), Target("host")) == ""


def test_accelerators_and_labels_stay_as_they_are(on_chip: bool) -> None:
    assert this_machine.is_here(CHIP) is on_chip
    assert this_machine.label_of(Capabilities("npu"), CHIP) == ""
    assert this_machine.label_of(Capabilities("npu", kind="emulator"), CHIP) == ""
    assert this_machine.label_of(Capabilities("cpu", label="own"), CHIP) == "own"


def test_plans_sessions_and_bundles_say_it(tmp_path: Path) -> None:
    model = classifier(tmp_path / "m.onnx")
    chip = "snapdragon-8-gen-3"
    if this_machine.is_here(zif.target(chip)):
        pytest.skip("this machine is the chip")
    assert [one.label for one in zif.plan(model, target=chip, only=["qnn_cpu"]).segments] == [this_machine.HOST_CPU]
    assert [one.label for one in zif.plan(model, only=["qnn_cpu"]).segments] == [""]
    zif.compile(model, tmp_path / "m.zif", target=chip, only=["qnn_cpu"])
    with zif.load(tmp_path / "m.zif", target=chip) as session:
        session.run({"x": np.zeros((1, 4), np.float32)})
        assert [one.label for one in session.plan.segments] == [this_machine.HOST_CPU]
