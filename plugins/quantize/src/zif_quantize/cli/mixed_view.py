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


def show(mixed: Mixed) -> None:
    """Print what was found."""
    _headline(mixed)
    judged = ["metric"] if any(candidate.metric is not None for candidate in mixed.candidates) else []
    columns = ("no.", *(f"{level} units" for level in mixed.levels), "cost", "SQNR dB", *judged, "runs on", "")
    rows = [_row(mixed, candidate, bool(judged)) for candidate in _told(mixed)]
    table("cost against accuracy", columns, rows, right=columns[:-2])
    _sensitive(mixed)
    ways = f"{things(len(mixed.candidates), 'candidate')} {'was' if len(mixed.candidates) == 1 else 'were'} measured"
    say(f"{ways}; there was no budget for more (--max-candidates)." if mixed.spent else f"{ways}.")
    emulated(list(dict.fromkeys(name for candidate in mixed.candidates for name in candidate.emulated)))
    failed = [candidate for candidate in mixed.candidates if candidate.error]
    if failed:
        say(f"{len(failed)} of them could not be made, the first: {failed[0].error.splitlines()[0]}", style="yellow")


def _headline(mixed: Mixed) -> None:
    choice, many = mixed.chosen, sum(mixed.chosen.counts.values())
    mix = ", ".join(f"{count} at {level}" for level, count in _counts(mixed, choice))
    if mixed.met:
        say(
            f"{mixed.goal}: met with {told_db(choice.sqnr_db)}{_metric(choice)}, {mix} of {things(many, 'unit')}",
            style="bold green",
        )
    else:
        say(
            f"{mixed.goal}: out of reach; the most accurate has {told_db(choice.sqnr_db)}{_metric(choice)}",
            style="bold red",
        )


def _metric(candidate: Candidate) -> str:
    return "" if candidate.metric is None else f" and a metric of {candidate.metric:g}"


def _counts(mixed: Mixed, candidate: Candidate) -> list[tuple[str, int]]:
    return [(level, candidate.counts[level]) for level in mixed.levels if level in candidate.counts]


def _told(mixed: Mixed) -> list[Candidate]:
    """The frontier, every uniform candidate and the choice, the cheapest first."""
    rows = {candidate.number: candidate for candidate in (*mixed.frontier, mixed.chosen)}
    rows |= {candidate.number: candidate for candidate in mixed.candidates if candidate.role == "uniform"}
    return sorted(rows.values(), key=lambda candidate: (candidate.cost, candidate.number))


def _row(mixed: Mixed, candidate: Candidate, judged: bool) -> list[Any]:
    counts = [candidate.counts.get(level, "") for level in mixed.levels]
    chosen = candidate.number == mixed.chosen.number
    marks = [word for word, holds in (("chosen", chosen), ("meets the goal", candidate.met and not chosen)) if holds]
    beaten = candidate not in mixed.frontier
    where = (
        candidate.error.splitlines()[0] if candidate.error else " + ".join(candidate.backends) or candidate.arithmetic
    )
    metric = ["" if candidate.metric is None else f"{candidate.metric:g}"] if judged else []
    name = (f"{candidate.number}", "bold" if chosen else "dim" if beaten else "")
    return [name, *counts, cost(candidate), decibels(candidate.sqnr_db), *metric, where, ", ".join(marks)]


def cost(candidate: Candidate) -> str:
    """A cost with its unit."""
    if candidate.cost != candidate.cost or candidate.cost == float("inf"):
        return ""
    if candidate.unit == "bitops":
        return f"{candidate.cost / 1e9:.4g} Gbitops"
    return f"{candidate.cost:.1f} {'µs' if candidate.unit == 'us' else 'µJ'}"


def _sensitive(mixed: Mixed) -> None:
    worst = sorted(mixed.sensitivities, key=lambda group: -group.burden)[:SENSITIVE]
    if worst:
        told = ", ".join(f"{group.group.name} ({_part(group.burden)})" for group in worst)
        say(f"Most sensitive, with their part of the error that the goal allows: {told}.")


def _part(burden: float) -> str:
    """A part of what is allowed; beyond ten times that a percentage is no figure any more."""
    return (
        f"{burden:.1%}" if burden < 10 else f"{burden:.3g} times all of it" if burden < 1000 else "far beyond all of it"
    )
