"""Two sweeps side by side: what got better, what got worse, what came and went, cell by cell and figure by figure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from attrs import frozen
from zif import UsageError
from zif.plugin import did_you_mean

from zif_sweep.rows import Row

Word = Literal["worse", "better", "same", "new", "gone"]


@frozen
class Figure:
    """A figure of a row. bigger: whether more is better. share: whether its loss is told as a share of what it was."""

    name: str
    bigger: bool
    share: bool

    def of(self, row: Row) -> float | None:
        """The figure of a row; None where it has none. Latency is measured where it was, else predicted."""
        if self.name == "latency":
            return row.measured_us if row.measured_us is not None else row.latency_us
        figure: float | None = getattr(row, {"sqnr": "sqnr_db"}.get(self.name, self.name))
        return figure

    def loss(self, old: float, new: float) -> float:
        """How much worse: a share of what it was, or the difference; below 0 where it got better."""
        lost = old - new if self.bigger else new - old
        return lost / old if self.share and old else lost


FIGURES = (
    Figure("latency", bigger=False, share=True),
    Figure("bytes", bigger=False, share=True),
    Figure("coverage", bigger=True, share=False),
    Figure("accuracy", bigger=True, share=False),
    Figure("sqnr", bigger=True, share=False),
)

#: What is forgiven unless the caller says otherwise: shares, of what was or of all; dB for sqnr.
ALLOWED: Mapping[str, float] = {"latency": 0.05, "bytes": 0.05, "coverage": 0.01, "accuracy": 0.01, "sqnr": 1.0}


@frozen
class Change:
    """One figure of one cell, then and now. figure "state": whether it was done; then `told` says why not."""

    model: str
    target: str
    precision: str
    stage: str
    figure: str
    word: Word
    old: float | None = None
    new: float | None = None
    loss: float = 0.0
    told: str = ""


def changes(old: Iterable[Row], new: Iterable[Row], allowed: Mapping[str, float] = ALLOWED) -> tuple[Change, ...]:
    """What differs, worst first. A figure is worse (or better) where it changed by more than `allowed` says.

    A cell that failed and did not fail before is worse; one that is in one of the two only is new or gone, which is no
    loss.
    """
    before, after = ({row.place: row for row in rows} for rows in (old, new))
    differences: list[Change] = []
    for place in sorted({*before, *after}):
        then, now = before.get(place), after.get(place)
        if then is None or now is None:
            differences.append(Change(*place, "state", "new" if then is None else "gone"))
        else:
            differences += _of_cell(then, now, {**ALLOWED, **allowed})
    order = ("worse", "better", "new", "gone", "same")
    return tuple(sorted(differences, key=lambda change: (order.index(change.word), -abs(change.loss))))


def _of_cell(then: Row, now: Row, allowed: Mapping[str, float]) -> list[Change]:
    if then.state != now.state:
        word: Word = "worse" if now.state == "failed" else "better" if then.state == "failed" else "same"
        return [Change(*now.place, "state", word, told=now.reason or "it is done now")]
    rows = []
    for figure in FIGURES:
        old, new = figure.of(then), figure.of(now)
        if old is None or new is None:
            continue
        loss = figure.loss(old, new)
        rows.append(Change(*now.place, figure.name, _word(loss, allowed[figure.name]), old, new, loss))
    return rows


def _word(loss: float, most: float) -> Word:
    return "worse" if loss > most else "better" if loss < -most else "same"


def thresholds(words: Sequence[str]) -> dict[str, float]:
    """What may get worse, from "5%", "latency=5%", "accuracy=0.5%" or "sqnr=2". Raises UsageError."""
    return {**ALLOWED, **dict(map(_threshold, words))}


def _threshold(text: str) -> tuple[str, float]:
    name, equals, amount = text.rpartition("=")
    name = name.strip() if equals else "latency"
    if name not in ALLOWED:
        known = ", ".join(ALLOWED)
        raise UsageError(
            f"--threshold {text}: no figure is called {name!r}.{did_you_mean(name, ALLOWED)} Known are {known}"
        )
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", amount)
    if match is None or bool(match[2]) == (name == "sqnr"):
        unit = "dB, such as sqnr=2" if name == "sqnr" else "a percentage, such as latency=5%"
        raise UsageError(f"--threshold {text}: write {unit}")
    return name, float(match[1]) / (100 if match[2] else 1)


def shown(figure: str, value: float | None) -> str:
    """A figure as people read it."""
    from zif.plugin import duration, size

    if value is None:
        return "–"
    if figure == "latency":
        return duration(value)
    if figure == "bytes":
        return size(value)
    if figure == "sqnr":
        return f"{value:.1f} dB"
    return f"{100 * value:.1f} %" if figure == "coverage" else f"{value:.4g}"


def loss_shown(change: Change) -> str:
    """How much a figure changed, with its sign as the figure has it: "+12 %", "−0.3 dB"."""
    if change.old is None or change.new is None:
        return ""
    if change.figure in ("latency", "bytes"):
        return f"{100 * change.loss:+.1f} %"
    unit = {"sqnr": " dB", "coverage": " points"}.get(change.figure, "")
    return f"{(change.new - change.old) * (100 if change.figure == 'coverage' else 1):+.3g}{unit}"
