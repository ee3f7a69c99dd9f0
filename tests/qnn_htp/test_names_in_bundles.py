"""What the files of the NPU's segments are called in a bundle, and which of its chips this machine takes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
import zif
from chips import changed
from qnn_htp.graphs import cnn
from zif.runtime import from_bundle

GEN3, ELITE, OTHER_ELITE = "snapdragon-8-gen-3", "snapdragon-8-elite", "snapdragon-8-elite-for-galaxy"


@pytest.mark.parametrize(
    ("chips", "names"),
    [
        ([GEN3, ELITE], {"htp-v75", "htp-v79"}),
        ([GEN3, ELITE, OTHER_ELITE], {"htp-v75", f"htp-v79-{ELITE}", f"htp-v79-{OTHER_ELITE}"}),
    ],
)
def test_binaries_are_called_by_their_hexagon(htp: None, tmp_path: Path, chips: list[str], names: set[str]) -> None:
    pins = {"conv": "qnn_htp", "relu": "qnn_htp", "erf": "reference", "pool": "qnn_htp"}
    made = zif.compile(cnn().proto, tmp_path / "b", chips, pin=pins, cache=False)
    files = [path.name for path in (made.folder / "context_binaries").iterdir() if path.suffix == ".bin"]
    assert {name[3:-4] for name in files} == names
    assert "00-htp-v75.bin" in files


def test_without_a_chip_the_backend_and_the_target_give_the_name(htp: None, chip: zif.Target) -> None:
    backend = zif.backend("qnn_htp")
    assert backend.capabilities(chip, None).artifact_label == "htp-v75"
    assert backend.capabilities(zif.Target("host"), None).artifact_label == ""
    assert backend.capabilities(chip, None).local_memory_bytes == 8 << 20


def test_a_device_takes_the_chip_that_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    here = attrs.evolve(changed(zif.target(OTHER_ELITE), vtcm_mb=4), name="host")
    monkeypatch.setattr(from_bundle, "host", lambda: here)
    bundle: Any = SimpleNamespace(targets=[GEN3, ELITE, "sa8295p"], segments=lambda _: ())
    assert from_bundle.chosen(bundle, "host").name == ELITE
    monkeypatch.setattr(from_bundle, "host", lambda: zif.Target("host"))
    assert from_bundle.chosen(bundle, "host").name == GEN3
