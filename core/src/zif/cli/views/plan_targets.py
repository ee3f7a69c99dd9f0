"""One model's plans for several targets, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from zif.cli.views.terminal import document, say, table
from zif.files.wording import duration, energy, size, things

if TYPE_CHECKING:
    from zif.planning import Plan

#: Operators of which one is named when several plans are compared.
ROWS = 40


def show(plans: Sequence[Plan]) -> None:
    """Print them: what each comes to, and where each puts the operators."""
    first = plans[0]
    say(f"{first.model}: {len(first.units)} units, policy {first.policy}", style="bold")
    names = tuple(plan.target for plan in plans)
    rows = [[title, *map(told, plans)] for title, told in _ROWS]
    table("", ("", *names), [row for row in rows if any(row[1:])], right=names)
    _places(plans)
    for plan in plans:
        if plan.emulated:
            say(f"{plan.target}: emulated here, not run on hardware: {plan.emulation}")
        for note in plan.notes:
            say(f"{plan.target}: note: {note}")


def show_json(plans: Sequence[Plan]) -> None:
    """Print the document `zif.plan-targets/1`."""
    document("plan-targets", {"model": plans[0].model, "plans": [plan.to_json() for plan in plans]})


def _places(plans: Sequence[Plan]) -> None:
    """How many units of each operator each plan puts where, those first that the plans treat differently."""
    counts = [_by_operator(plan) for plan in plans]
    types = list(dict.fromkeys(name for count in counts for name in count))
    cells = {name: [_counted(count.get(name, Counter())) for count in counts] for name in types}
    most = {name: sum(counts[0].get(name, Counter()).values()) for name in types}
    ordered = sorted(types, key=lambda name: (len(set(cells[name])) == 1, -most[name]))
    rows = [[name, *cells[name]] for name in ordered[:ROWS]]
    table("Where the operators run", ("operator", *(plan.target for plan in plans)), rows)
    if len(ordered) > ROWS:
        say(f"… and {len(ordered) - ROWS} more operators; --json has all")


def _by_operator(plan: Plan) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for unit in plan.units:
        counts.setdefault(unit.op_type, Counter())[unit.backend] += 1
    return counts


def _counted(backends: Iterable[Any] | Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in Counter(backends).most_common())


def _units(plan: Plan) -> str:
    return _counted(Counter(unit.backend for unit in plan.units))


def _moved(plan: Plan) -> str:
    if not plan.transfers:
        return ""
    return f"{things(len(plan.transfers), 'tensor')}, {size(plan.predicted.transfer_bytes)}"


_ROWS: tuple[tuple[str, Callable[[Plan], str]], ...] = (
    ("units", _units),
    ("segments", lambda plan: str(len(plan.segments))),
    ("predicted", lambda plan: duration(plan.predicted.latency_us)),
    ("energy", lambda plan: energy(plan.predicted.energy_uj)),
    ("moved between processors", _moved),
    ("cannot be built", lambda plan: plan.failure),
)
