"""What fp16 costs in accuracy: the GPU's emulator and Qualcomm's HTP emulator against float, on the zoo's real inputs.

    python benchmarks/fp16.py [NAME …]

SQNR in dB over all float outputs: 10 · log10(Σ float² / Σ (float − fp16)²). "units" are those that the backend takes;
the rest runs on the CPU in float. The last column holds one emulator against the other: they need not agree, since the
HTP keeps its own intermediate precision and the GPU's emulator adds up in fp32.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import zif

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from zoo import Entry, ZooUnavailable, all_entries

CHIP = "snapdragon-8-gen-3"


def main(names: list[str]) -> None:
    """Print a row for each model."""
    print("| model | units on GPU | GPU emulator | units on HTP | HTP emulator | the two |")
    print("|---|---|---|---|---|---|")
    for entry in all_entries():
        if entry.name in names or not (names or entry.slow):
            try:
                print(row(entry), flush=True)
            except (ZooUnavailable, zif.ZifError) as error:
                print(f"| {entry.name} | {str(error).splitlines()[0][:100]} |", flush=True)


def row(entry: Entry) -> str:
    feeds = entry.inputs()
    exact, _ = outputs(entry, feeds, "qnn_cpu")
    gpu, on_gpu = outputs(entry, feeds, "qnn_gpu")
    htp, on_htp = outputs(entry, feeds, "qnn_htp")
    figures = (on_gpu, decibel(exact, gpu), on_htp, decibel(exact, htp), decibel(htp, gpu))
    return f"| {entry.name} | {' | '.join(figures)} |"


def outputs(entry: Entry, feeds: Any, name: str) -> tuple[dict[str, Any], str]:
    """Every output with all that a backend takes pinned there, and how much that is."""
    only = list(dict.fromkeys((name, "qnn_cpu")))
    known = zif.plan(entry.path, CHIP, only=only, shapes=entry.shapes)
    taken = [unit.name for unit in known.units if unit.verdicts[name].supported]
    pins = dict.fromkeys(taken, name)
    with zif.load(entry.path, CHIP, only=only, shapes=entry.shapes, pin=pins) as session:
        count = sum(unit.backend == name for unit in session.plan.units)
        return session.run(feeds), f"{count} of {len(session.plan.units)}"


def decibel(wanted: dict[str, Any], figures: dict[str, Any]) -> str:
    names = [name for name, value in wanted.items() if np.issubdtype(np.asarray(value).dtype, np.floating)]
    signal = sum(float(np.sum(np.square(wanted[name], dtype=np.float64))) for name in names)
    noise = sum(float(np.sum(np.square(np.subtract(wanted[name], figures[name], dtype=np.float64)))) for name in names)
    if not names or not signal:
        return "–"
    if not np.isfinite(noise):
        return "not finite"
    return "exact" if not noise else f"{10 * np.log10(signal / noise):.1f} dB"


if __name__ == "__main__":
    main(sys.argv[1:])
