"""What-ifs on a terminal: what was supposed, and which changes in what the backends take would pay most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zif.cli.views.terminal import say, table, width
from zif.files.wording import duration, energy, operators, share, size

if TYPE_CHECKING:
    from zif.planning import Counterfactual, Plan


def show_changes(plan: Plan) -> None:
    """Print what the caller supposed, then the suggestions."""
    for counterfactual in plan.counterfactuals:
        if counterfactual.asked:
            _supposed(plan, counterfactual)
    suggestions = [counterfactual for counterfactual in plan.counterfactuals if not counterfactual.asked]
    if suggestions:
        _suggested(plan, suggestions)


def _supposed(plan: Plan, counterfactual: Counterfactual) -> None:
    now, kinds = plan.predicted, [name for name, number in counterfactual.op_types.items() for _ in range(number)]
    rows = [
        (
            "latency",
            duration(now.latency_us),
            duration(counterfactual.latency_us),
            share(now.latency_us, counterfactual.latency_us),
        ),
        (
            "energy",
            energy(now.energy_uj),
            energy(counterfactual.energy_uj),
            share(now.energy_uj, counterfactual.energy_uj),
        ),
        (
            "moved",
            size(now.transfer_bytes),
            size(counterfactual.transfer_bytes),
            share(now.transfer_bytes, counterfactual.transfer_bytes),
        ),
        ("segments", len(plan.segments), counterfactual.segments, share(len(plan.segments), counterfactual.segments)),
    ]
    table(
        f"What if {counterfactual.text}", ("predicted", "now", "then", "change"), rows, right=("now", "then", "change")
    )
    say(f"changed: {operators(kinds)}; {counterfactual.moved} of {len(plan.units)} units would run elsewhere")
    _note(counterfactual)


def _suggested(plan: Plan, counterfactuals: Sequence[Counterfactual]) -> None:
    now = plan.predicted
    rows = [
        [
            suggestion.text,
            len(suggestion.units),
            f"{len(plan.segments)} → {suggestion.segments}",
            f"{duration(suggestion.latency_us)} ({share(now.latency_us, suggestion.latency_us)})",
            f"{energy(suggestion.energy_uj)} ({share(now.energy_uj, suggestion.energy_uj)})",
            suggestion.now,
        ]
        for suggestion in counterfactuals
    ]
    columns = ("if", "units", "segments", "latency", "energy", "now")
    kept = len(columns) - (width() < 100)
    table("Changes that would pay most", columns[:kept], [row[:kept] for row in rows], right=("units",))
    for suggestion in counterfactuals:
        _note(suggestion)
    changes = " ".join(f"--what-if '{change}'" for change in counterfactuals[0].changes)
    say(f"to look closer: {changes}")


def _note(counterfactual: Counterfactual) -> None:
    if counterfactual.note:
        say(f"note: {', '.join(counterfactual.changes)}: {counterfactual.note}")
