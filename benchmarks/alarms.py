"""Verification of real models: how many segments it calls wrong, on real inputs and on made ones from several seeds.

    python benchmarks/alarms.py [NAME…] [--target snapdragon-8-gen-3] [--seeds 0 1 2]

Every model of the zoo that is not slow (or those that are named) is verified as it is planned, once on its real input
and once for each seed on random ones. Told is each segment that is not right, with its figures: whether that is an
alarm for noise is for the reader to say. Exits with 1 where a segment is wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zif

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from zif.evaluation.verification import verify
from zif.inputs import random_inputs
from zoo import Entry, all_entries

os.environ.setdefault("ZIF_DEADLINE", "300")  # the machine may be busy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--target", default="snapdragon-8-gen-3")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    arguments = parser.parse_args()
    total, runs = Counter[str](), 0
    for entry in all_entries():
        if entry.name not in arguments.names if arguments.names else entry.slow:
            continue
        for about, samples in _inputs(entry, arguments.seeds):
            try:
                verification = verify(entry.path, arguments.target, samples, shapes=dict(entry.shapes))
            except zif.ZifError as error:
                print(f"{entry.name}, {about}: {type(error).__name__}: {str(error).splitlines()[0]}", flush=True)
                continue
            words = Counter(segment.word for segment in verification.segments)
            runs, total = runs + 1, total + words
            told = ", ".join(f"{count} {word}" for word, count in words.most_common()) or "nothing to verify"
            print(f"{entry.name}, {about}: {told}", flush=True)
            for segment in verification.segments:
                if segment.word != "right":
                    print(
                        f"    segment {segment.segment} on {segment.backend}: {segment.word} {segment.worst}",
                        flush=True,
                    )
    print(f"{runs} verifications, segments: {', '.join(f'{count} {word}' for word, count in total.most_common())}")
    raise SystemExit(bool(total["wrong"]))


def _inputs(entry: Entry, seeds: list[int]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    yield "real input", [dict(entry.inputs())]
    model = zif.Model.load(entry.path, dict(entry.shapes))
    whole = any(info.dtype.startswith(("int", "uint")) for info in model.inputs)
    for seed in () if whole else seeds:  # random whole numbers are no inputs of a model that knows what it counts
        yield f"seed {seed}", [dict(random_inputs(model.inputs, seed))]


if __name__ == "__main__":
    main()
