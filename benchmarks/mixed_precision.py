"""How few units at 16 bits meet a goal for accuracy, on the NPU's arithmetic in Qualcomm's emulator.

    python benchmarks/mixed_precision.py [transformer] [mobilenet] [faces] [--goal DB] [--cost bitops] [--most N]

Prints all units at one precision beside the mix that was chosen: units, cost, SQNR on samples that calibration did not
see. The transformer has planted outlier channels; the two networks are trained, and their inputs real.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from transformer import sentences, transformer
from zif import Model
from zif_quantize import calibrate, prepare
from zif_quantize.search.goal import AccuracyGoal
from zif_quantize.search.mixed import Mixed, mixed_precision
from zoo import entry
from zoo.calibration import feeds

TARGET = "snapdragon-8-gen-3"
#: The zoo's model, and a goal that 8 bits miss and 16 bits meet.
CASES = {"transformer": ("", 26.0), "mobilenet": ("ppocr-cls", 55.0), "faces": ("mtcnn-rnet", 27.0)}


def case(name: str) -> tuple[Model, list[Any], list[Any]]:
    """A prepared model, what it is calibrated with and what it is measured on."""
    known = CASES[name][0]
    if not known:
        data = sentences(16)
        return prepare(transformer(), rules="qnn_htp"), data[:12], data[12:]
    network = entry(known)
    data = feeds(network, lambda _: {})
    return (
        prepare(network.path, network.shapes, rules="qnn_htp"),
        data[:-2] or data,
        [dict(network.inputs()), *data[-2:]],
    )


def tell(name: str, goal: float, mixed: Mixed) -> None:
    """One row per candidate that matters."""
    print(f"\n{name}: at least {goal:g} dB, {len(mixed.candidates)} candidates")
    rows = [(level, mixed.uniform(level)) for level in mixed.levels] + [("the mix", mixed.chosen)]
    for label, row in rows:
        if row is not None:
            counts = ", ".join(f"{count} {level}" for level, count in sorted(row.counts.items()))
            print(f"  {label:8} {row.sqnr_db:6.1f} dB  {row.cost:14.1f} {row.unit}  {counts}")
    both = mixed.uniform("w8a16")
    if both is not None:
        units = len(mixed.chosen.levels)
        above = units - mixed.chosen.counts.get("w8a8", 0)
        print(f"  units above 8 bits: {above} of {units}; cost {mixed.chosen.cost / both.cost:.3f} of all w8a16")


def main() -> None:
    """Run the cases that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=list(CASES))
    parser.add_argument("--goal", type=float)
    parser.add_argument("--cost", default="")
    parser.add_argument("--most", type=int, default=64)
    parser.add_argument("--levels", default="w8a8,w8a16,float")
    arguments = parser.parse_args()
    for name in arguments.cases:
        model, calibration, held = case(name)
        goal = arguments.goal or CASES[name][1]
        ranges = calibrate(model, calibration)
        wishes: dict[str, Any] = {"target": TARGET, "only": ["qnn_htp"], "cost": arguments.cost, "most": arguments.most}
        wishes["levels"] = arguments.levels.split(",")
        search = mixed_precision(model, ranges, held, AccuracyGoal(goal), **wishes)
        tell(name, goal, search)


if __name__ == "__main__":
    main()
