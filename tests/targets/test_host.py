"""This machine as a target, from made-up /proc and /sys folders."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from zif.targets import target, targets
from zif.targets.detect import detect

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows asks the registry, not /proc")


def root(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_laptop_has_a_cpu_only(tmp_path: Path) -> None:
    info = "model name\t: Some CPU @ 3 GHz\ncpu MHz\t\t: 3000.0\nflags\t\t: sse2 avx2 avx512f avx512_vnni\n"
    here = detect(targets(), root(tmp_path, {"proc/cpuinfo": info}))
    assert (here.name, here.title, set(here.processors)) == ("host", "Some CPU @ 3 GHz", {"cpu"})
    rates = here.processors["cpu"]
    assert "3 GHz × avx512_vnni" in rates.source
    assert rates.macs_per_s["int8"] == pytest.approx(4 * rates.macs_per_s["fp32"])


def test_wider_vectors_and_higher_clocks_are_faster(tmp_path: Path) -> None:
    def rate(flags: str, mhz: float) -> float:
        info = f"model name : x\ncpu MHz : {mhz}\nflags : {flags}\n"
        return detect((), root(tmp_path, {"proc/cpuinfo": info})).processors["cpu"].macs_per_s["fp32"]

    assert rate("sse2", 2000) < rate("avx2", 2000) < rate("avx2 avx512f", 2000) < rate("avx2 avx512f", 3000)


@pytest.mark.parametrize(
    ("files", "chip"),
    [
        ({"proc/device-tree/compatible": "qcom,qcs6490-rb3gen2\0qcom,qcs6490\0qcom,qcm6490\0"}, "qcs6490"),
        ({"sys/devices/soc0/machine": "SM8650\n", "sys/devices/soc0/family": "Snapdragon\n"}, "snapdragon-8-gen-3"),
        ({"sys/devices/soc0/machine": "QCS9075\n", "proc/device-tree/compatible": "qcom,qcs9075-rb8\0"}, "qcs9075"),
    ],
)
def test_a_snapdragon_is_recognised(tmp_path: Path, files: dict[str, str], chip: str) -> None:
    here, known = detect(targets(), root(tmp_path, files)), target(chip)
    assert here.is_host
    assert here.processors == known.processors
    assert (here.vendor, here.costs_like) == (known.vendor, chip)


def test_a_snapdragon_that_is_not_in_the_table_is_a_cpu(tmp_path: Path) -> None:
    here = detect(targets(), root(tmp_path, {"proc/device-tree/compatible": "qcom,msm8998\0"}))
    assert set(here.processors) == {"cpu"}


def test_a_machine_that_says_nothing(tmp_path: Path) -> None:
    here = detect(targets(), tmp_path)
    assert here.title
    assert here.processors["cpu"].macs_per_s["fp32"] > 0
