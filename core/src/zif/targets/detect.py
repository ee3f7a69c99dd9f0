"""This machine as a target: what its CPU should do, and whether it is a chip that somebody describes."""

from __future__ import annotations

import math
import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path

import attrs

from zif.records import Rates, Target
from zif.targets.machine import facts, recognise, text, windows_name

#: Multiply-accumulates per cycle and core by the widest vector extension: (flag, fp32, int8), widest first.
_WIDTHS = (
    ("amx_int8", 64, 1024),
    ("avx512_vnni", 32, 128),
    ("avx512f", 32, 64),
    ("avx_vnni", 16, 64),
    ("avx2", 16, 32),
    ("i8mm", 16, 128),
    ("asimddp", 16, 64),
    ("asimd", 8, 16),
)
_EFFICIENCY = 0.7  # what a good convolution reaches of the peak [estimated]


def detect(chips: Sequence[Target], root: Path = Path("/")) -> Target:
    """The target "host". `chips` are those that may be recognised; `root` is where /proc and /sys lie."""
    cpu = _cpu_rates(root)
    chip = recognise(chips, facts(root))
    title = _cpu_name(root) or platform.machine() or "unknown CPU"
    if chip is None:
        sources = {"processors": "estimated from what the operating system says of the CPU"}
        return Target("host", title=title, processors={"cpu": cpu}, sources=sources)
    like = chip.costs_like or chip.name
    return attrs.evolve(chip, name="host", title=f"{title} ({chip.title})", aliases=(), machine={}, costs_like=like)


def _cpu_rates(root: Path) -> Rates:
    cores, ghz, flags = _cores(), _clock_ghz(root), _flags(root)
    name, fp32, int8 = next((row for row in _WIDTHS if row[0] in flags), ("scalar", 2, 2))
    base = cores * ghz * 1e9 * _EFFICIENCY
    source = f"estimated: {cores} cores × {ghz:.2g} GHz × {name}, 70 % of the peak; memory, launch and watts estimated"
    macs = {
        "fp32": base * fp32,
        "fp16": base * fp32,
        "fp64": base * fp32 / 2,
        "int8": base * int8,
        "int16": base * fp32,
    }
    return Rates(
        macs,
        10e9,
        op_us=3.0,
        launch_us=5.0,
        link_bytes_per_s=math.inf,
        watts=7.0 * cores,
        source=source,
        watts_source="estimated, 7 W for each core",
    )


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _clock_ghz(root: Path) -> float:
    """The highest clock of core 0; 2.5 GHz when the system does not say."""
    maximum = text(root / "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq").strip()
    if maximum.isdigit():
        return int(maximum) / 1e6
    match = re.search(r"^cpu MHz\s*:\s*([\d.]+)", text(root / "proc/cpuinfo"), re.MULTILINE)
    return float(match[1]) / 1e3 if match else 2.5


def _flags(root: Path) -> frozenset[str]:
    match = re.search(r"^(?:flags|Features)\s*:(.*)$", text(root / "proc/cpuinfo"), re.MULTILINE)
    if match:
        return frozenset(match[1].split())
    # Windows and macOS do not list them; every 64-bit machine that runs either of them today has these.
    return frozenset({"asimddp"} if platform.machine().lower() in ("arm64", "aarch64") else {"avx2"})


def _cpu_name(root: Path) -> str:
    match = re.search(r"^model name\s*:\s*(.+)$", text(root / "proc/cpuinfo"), re.MULTILINE)
    return match[1].strip() if match else windows_name() or platform.processor()
