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
    for one in plan.counterfactuals:
        if one.asked:
            _supposed(plan, one)
    found = [one for one in plan.counterfactuals if not one.asked]
    if found:
        _suggested(plan, found)


def _supposed(plan: Plan, one: Counterfactual) -> None:
    now, kinds = plan.predicted, [name for name, number in one.op_types.items() for _ in range(number)]
    rows = [
        ("latency", duration(now.latency_us), duration(one.latency_us), share(now.latency_us, one.latency_us)),
        ("energy", energy(now.energy_uj), energy(one.energy_uj), share(now.energy_uj, one.energy_uj)),
        ("moved", size(now.transfer_bytes), size(one.transfer_bytes), share(now.transfer_bytes, one.transfer_bytes)),
        ("segments", len(plan.segments), one.segments, share(len(plan.segments), one.segments)),
    ]
    table(f"What if {one.text}", ("predicted", "now", "then", "change"), rows, right=("now", "then", "change"))
    say(f"changed: {operators(kinds)}; {one.moved} of {len(plan.units)} units would run elsewhere")
    _note(one)


def _suggested(plan: Plan, found: Sequence[Counterfactual]) -> None:
    now = plan.predicted
    rows = [
        [
            one.text,
            len(one.units),
            f"{len(plan.segments)} → {one.segments}",
            f"{duration(one.latency_us)} ({share(now.latency_us, one.latency_us)})",
            f"{energy(one.energy_uj)} ({share(now.energy_uj, one.energy_uj)})",
            one.now,
        ]
        for one in found
    ]
    columns = ("if", "units", "segments", "latency", "energy", "now")
    kept = len(columns) - (width() < 100)
    table("Changes that would pay most", columns[:kept], [row[:kept] for row in rows], right=("units",))
    for one in found:
        _note(one)
    changes = " ".join(f"--what-if '{change}'" for change in found[0].changes)
    say(f"to look closer: {changes}")


def _note(one: Counterfactual) -> None:
    if one.note:
        say(f"note: {', '.join(one.changes)}: {one.note}")
