"""Quantized models of the zoo on the HTP emulator, beside onnxruntime's own recipes on the same data.

Per model and precision: SQNR of the worst float output against the float model on an input that calibration never saw,
whether the task comes out the same, and how much of the model HTP takes.

    ZIF_ZOO=… python benchmarks/quantization.py [--slow] [--precision w8a8 w8a16] [--samples N] [MODEL …]
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import onnx
import zif
from quantizing.theirs import RECIPES
from zif_quantize import auto_quantize, prepare
from zif_quantize.auto import describe
from zif_quantize.on_target import accelerated
from zoo import Entry, all_entries
from zoo.calibration import feeds

#: At most so many inputs beside the entry's own are kept to measure with.
UNSEEN = 12
TARGET = "snapdragon-8-gen-3"
BOTH = ("qnn", "static")
Test = Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]
COLUMNS = (
    "model",
    "precision",
    "float on HTP",
    "onnxruntime for QNN dB",
    "task",
    "on HTP",
    "quantize_static dB",
    "task",
    "zif dB",
    "task",
    "on HTP",
    "chosen",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*")
    parser.add_argument("--precision", nargs="*", default=["w8a8", "w8a16"])
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--samples", type=int, default=0, help="calibrate with so many at most")
    arguments = parser.parse_args()
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + "---|" * len(COLUMNS), flush=True)
    known = {entry.name: entry for entry in all_entries()}
    for name in arguments.models or [entry.name for entry in known.values() if arguments.slow or not entry.slow]:
        for row in rows(known[name], arguments.precision, arguments.samples):
            print("| " + " | ".join(row) + " |", flush=True)


def rows(entry: Entry, precisions: Sequence[str], most: int = 0) -> Iterator[list[str]]:
    try:
        model = prepare(entry.path, entry.shapes, rules="qnn_htp")
    except zif.ZifError as error:
        print(f"{entry.name}: {error}", file=sys.stderr)
        return
    with zif.load(model, only=("qnn_cpu",)) as exact:
        samples = feeds(entry, exact.run)
        if not samples:
            print(f"{entry.name}: nothing to calibrate with", file=sys.stderr)
            return
        unseen = [entry.inputs(), *samples[2::3][:UNSEEN]]  # neither side calibrates with these
        samples = [sample for place, sample in enumerate(samples) if place % 3 != 2 or place > 3 * UNSEEN]
        samples = samples[: most or None]
        test = [(feed, exact.run(feed)) for feed in unseen]
        answer = entry.answer(exact.run)
    before = share(model.proto)
    for precision in precisions:
        theirs = [judged(entry, test, answer, partial(baseline, entry, method, samples, precision)) for method in BOTH]
        ours, chosen = ["–"] * 3, ""
        begun = time.perf_counter()
        try:
            made = auto_quantize(model, samples, precision)
            chosen = describe(made.recipe).split(", ", 1)[1]
            ours = judged(entry, test, answer, partial(getattr, made, "model"))
        except zif.ZifError as error:
            chosen = str(error)[:80]
        yield [
            entry.name,
            precision,
            before,
            *theirs[0],
            *theirs[1][:2],
            *ours,
            f"{chosen}, {time.perf_counter() - begun:.0f} s",
        ]


def judged(entry: Entry, test: Test, answer: Any, make: Any) -> list[str]:
    """SQNR, task and share on HTP; what went wrong instead, in the first."""
    try:
        proto = make()
        with accelerated(proto, TARGET) as session:
            got = [(wanted, session.run(feed)) for feed, wanted in test]
            told = entry.answer(session.run)
    except Exception as error:
        traceback.print_exc(limit=1)
        return [f"{type(error).__name__}", "–", "–"]
    return [f"{sqnr(got):.1f}", task(entry, answer, told), share(proto)]


def task(entry: Entry, answer: Any, told: Any) -> str:
    """ "same", or what it says instead; figures as they are."""
    if isinstance(told, float):
        return f"{told:.3f} of {answer:.3f}" + ("" if entry.good(told) else ", not good")
    return "same" if told == answer else str(told)[:40]


def sqnr(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> float:
    """Signal to quantization noise over all inputs, in dB, of the worst float output."""
    ratios = []
    for name, value in pairs[0][0].items():
        if np.asarray(value).dtype.kind == "f":
            signal = np.stack([np.asarray(wanted[name], np.float64) for wanted, _ in pairs])
            noise = np.stack([np.asarray(got[name], np.float64) for _, got in pairs]) - signal
            ratios.append(10 * np.log10(np.square(signal).sum() / max(np.square(noise).sum(), 1e-30)))
    return float(min(ratios))


def share(proto: onnx.ModelProto) -> str:
    """Units that HTP takes of all units; Q and DQ that stand alone do not count."""
    plan = zif.plan(proto, target=TARGET, exclude=("reference",))
    counted = [unit for unit in plan.units if unit.op_type not in ("QuantizeLinear", "DequantizeLinear")]
    there = sum(unit.verdicts["qnn_htp"].supported is True for unit in counted)
    return "all" if there == len(counted) else f"{there} of {len(counted)}"


def baseline(entry: Entry, recipe: str, samples: Sequence[Mapping[str, Any]], precision: str) -> onnx.ModelProto:
    """What onnxruntime's documentation does, for Qualcomm's chips or in general."""
    from zif_quantize.rewrites.prepare import whole

    return RECIPES[recipe](whole(zif.Model.load(entry.path, entry.shapes)), samples, precision)


if __name__ == "__main__":
    main()
