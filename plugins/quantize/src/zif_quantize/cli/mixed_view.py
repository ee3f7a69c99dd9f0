"""A search for precisions on a terminal: what was chosen, the frontier of cost against accuracy, what was sensitive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zif.plugin import decibels, say, things, told_db
from zif.plugin import show_table as table

from zif_quantize.cli.view import emulated

if TYPE_CHECKING:
    from zif_quantize.search.candidate import Candidate
    from zif_quantize.search.mixed import Mixed

#: How many of the most sensitive groups are told.
SENSITIVE = 5


def show(found: Mixed) -> None:
    """Print what was found."""
    _headline(found)
    judged = ["metric"] if any(one.metric is not None for one in found.candidates) else []
    columns = ("no.", *(f"{level} units" for level in found.levels), "cost", "SQNR dB", *judged, "runs on", "")
    rows = [_row(found, one, bool(judged)) for one in _told(found)]
    table("cost against accuracy", columns, rows, right=columns[:-2])
    _sensitive(found)
    ways = f"{things(len(found.candidates), 'candidate')} {'was' if len(found.candidates) == 1 else 'were'} measured"
    say(f"{ways}; there was no budget for more (--max-candidates)." if found.spent else f"{ways}.")
    emulated(list(dict.fromkeys(name for one in found.candidates for name in one.emulated)))
    failed = [one for one in found.candidates if one.error]
    if failed:
        say(f"{len(failed)} of them could not be made, the first: {failed[0].error.splitlines()[0]}", style="yellow")


def _headline(found: Mixed) -> None:
    one, many = found.chosen, sum(found.chosen.counts.values())
    mix = ", ".join(f"{count} at {level}" for level, count in _counts(found, one))
    if found.met:
        say(
            f"{found.goal}: met with {told_db(one.sqnr_db)}{_metric(one)}, {mix} of {things(many, 'unit')}",
            style="bold green",
        )
    else:
        say(
            f"{found.goal}: out of reach; the most accurate has {told_db(one.sqnr_db)}{_metric(one)}",
            style="bold red",
        )


def _metric(one: Candidate) -> str:
    return "" if one.metric is None else f" and a metric of {one.metric:g}"


def _counts(found: Mixed, one: Candidate) -> list[tuple[str, int]]:
    return [(level, one.counts[level]) for level in found.levels if level in one.counts]


def _told(found: Mixed) -> list[Candidate]:
    """The frontier, every uniform candidate and the choice, the cheapest first."""
    rows = {one.number: one for one in (*found.frontier, found.chosen)}
    rows |= {one.number: one for one in found.candidates if one.role == "uniform"}
    return sorted(rows.values(), key=lambda one: (one.cost, one.number))


def _row(found: Mixed, one: Candidate, judged: bool) -> list[Any]:
    counts = [one.counts.get(level, "") for level in found.levels]
    chosen = one.number == found.chosen.number
    marks = [word for word, holds in (("chosen", chosen), ("meets the goal", one.met and not chosen)) if holds]
    beaten = one not in found.frontier
    where = one.error.splitlines()[0] if one.error else " + ".join(one.backends) or one.arithmetic
    metric = ["" if one.metric is None else f"{one.metric:g}"] if judged else []
    name = (f"{one.number}", "bold" if chosen else "dim" if beaten else "")
    return [name, *counts, cost(one), decibels(one.sqnr_db), *metric, where, ", ".join(marks)]


def cost(one: Candidate) -> str:
    """A cost with its unit."""
    if one.cost != one.cost or one.cost == float("inf"):
        return ""
    if one.unit == "bitops":
        return f"{one.cost / 1e9:.4g} Gbitops"
    return f"{one.cost:.1f} {'µs' if one.unit == 'us' else 'µJ'}"


def _sensitive(found: Mixed) -> None:
    worst = sorted(found.sensitivities, key=lambda one: -one.burden)[:SENSITIVE]
    if worst:
        told = ", ".join(f"{one.group.name} ({_part(one.burden)})" for one in worst)
        say(f"Most sensitive, with their part of the error that the goal allows: {told}.")


def _part(burden: float) -> str:
    """A part of what is allowed; beyond ten times that a percentage is no figure any more."""
    return (
        f"{burden:.1%}" if burden < 10 else f"{burden:.3g} times all of it" if burden < 1000 else "far beyond all of it"
    )
