"""Small networks of many kinds, quantized with few samples, beside onnxruntime's recipes on the HTP emulator.

    python benchmarks/few_samples.py [--samples 1 2 4 8] [--precision w8a8 w8a16] [--seed 0] [--on-target] [NET …]

Per network, precision and count of samples: SQNR in dB of the worst output on inputs that nobody calibrated with, of
onnxruntime's two recipes and of `zif.quantize` (with --on-target on the chip's arithmetic), and what zif chose. The
last line counts where zif is below the better of the two recipes. --kept FILE keeps theirs for the next run.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import zif
from quantizing.data import samples
from quantizing.pictures import PICTURES
from quantizing.sequences import SEQUENCES
from quantizing.theirs import RECIPES
from zif_quantize.auto import describe
from zif_quantize.on_target import accelerated

os.environ.setdefault("ZIF_DEADLINE", "300")  # the machine may be busy
TARGET = "snapdragon-8-gen-3"
UNSEEN = 12
#: Less than this below the better of their recipes is called even.
EVEN = 0.5
NETS = {make.__name__: make for make in (*PICTURES, *SEQUENCES)}
Feeds = Sequence[Mapping[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nets", nargs="*")
    parser.add_argument("--precision", nargs="*", default=["w8a8", "w8a16"])
    parser.add_argument("--samples", nargs="*", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--on-target", action="store_true")
    parser.add_argument("--kept", type=Path)
    arguments = parser.parse_args()
    kept = json.loads(arguments.kept.read_text()) if arguments.kept and arguments.kept.exists() else {}
    gains = []
    print("| net | precision | samples | onnxruntime for QNN dB | quantize_static dB | zif dB | | chosen |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for name in arguments.nets or NETS:
        for precision in arguments.precision:
            for count in arguments.samples:
                gain, row = compared(name, precision, count, arguments.seed, arguments.on_target, kept)
                gains.append(gain)
                print("| " + " | ".join(row) + " |", flush=True)
                if arguments.kept:
                    arguments.kept.write_text(json.dumps(kept))
    told = np.array(gains)
    below, above = (told < -EVEN).sum(), (told > EVEN).sum()
    print(f"{len(told)} cases: {above} better by more than {EVEN} dB, {below} worse; median {np.median(told):+.1f} dB, "
          f"worst {told.min():+.1f} dB")  # fmt: skip


def compared(
    name: str, precision: str, count: int, seed: int, on_target: bool, kept: dict[str, Any]
) -> tuple[float, list[str]]:
    """How much better zif is than the better of their recipes, and the row of the table."""
    proto = NETS[name](seed)
    seen, unseen = samples(proto, 1000 * seed + 7, count), samples(proto, 1000 * seed + 11, UNSEEN)
    theirs = []
    for recipe, make in RECIPES.items():
        key = f"{name} {precision} {count} {seed} {recipe}"
        if key not in kept:
            kept[key] = ran(proto, unseen, lambda make=make: make(proto, seen, precision))
        theirs.append(kept[key])
    begun = time.perf_counter()
    chosen: list[str] = []

    def ours() -> onnx.ModelProto:
        made = zif.quantize(
            proto, seen, precision, **({"target": TARGET} if on_target else {"rules": "qnn_htp"})
        )  # fmt: skip
        chosen.append(describe(made.recipe).split(", ", 1)[1] + f", told {min(made.sqnr.values()):.1f}")
        return made.model

    mine = ran(proto, unseen, ours)
    gain = mine - max(theirs)
    told = "worse" if gain < -EVEN else "better" if gain > EVEN else ""
    figures = [f"{figure:.1f}" for figure in (*theirs, mine)]
    return gain, [
        name,
        precision,
        str(count),
        *figures,
        told,
        f"{''.join(chosen)}, {time.perf_counter() - begun:.0f} s",
    ]


def ran(proto: onnx.ModelProto, unseen: Feeds, make: Callable[[], onnx.ModelProto]) -> float:
    """SQNR on the emulator of the worst output; -99 for what cannot be made or run."""
    try:
        made = make()
        with zif.load(proto, only=("qnn_cpu",)) as exact:
            wanted = [exact.run(feed) for feed in unseen]
        with accelerated(made, TARGET) as session:
            return sqnr([(expected, session.run(feed)) for expected, feed in zip(wanted, unseen, strict=True)])
    except Exception as error:
        print(f"{type(error).__name__}: {str(error)[:300]}", flush=True)
        return -99.0


def sqnr(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> float:
    """Signal to quantization noise over all inputs, in dB, of the worst float output."""
    ratios = []
    for name in pairs[0][0]:
        signal = np.stack([np.asarray(wanted[name], np.float64) for wanted, _ in pairs])
        noise = np.stack([np.asarray(got[name], np.float64) for _, got in pairs]) - signal
        ratios.append(10 * np.log10(np.square(signal).sum() / max(np.square(noise).sum(), 1e-30)))
    return float(min(ratios))


if __name__ == "__main__":
    main()
