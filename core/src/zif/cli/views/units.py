"""Every unit of a plan with every verdict: a table where there is room for one, else a paragraph each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zif.cli.views.terminal import say, table, width
from zif.files.wording import duration

if TYPE_CHECKING:
    from zif.planning import Plan, UnitPlan

#: Columns from which on a row of the table is still read as a row.
ROOM = 160


def show_units(plan: Plan) -> None:
    """Print all units."""
    if width() >= ROOM:
        columns = ("unit", "operator", "segment", "backend", "cost", "why here", "elsewhere")
        table("Units", columns, [_row(unit) for unit in plan.units], right=("segment",))
        return
    say()
    say("Units", style="bold")
    names = max((len(name) for unit in plan.units for name in unit.verdicts), default=0)
    for unit in plan.units:
        say()
        say(unit.name)
        say(f"  {unit.op_type}, segment {unit.segment}, {unit.backend}, {_cost(unit)}")
        for name, verdict in unit.verdicts.items():
            say(f"  {'✓' if name == unit.backend else ' '} {name:<{names}}  {verdict.code}: {verdict.reason}")


def _row(unit: UnitPlan) -> list[object]:
    rest = [f"{name}: {v.code} ({v.reason})" for name, v in unit.verdicts.items() if name != unit.backend]
    own = unit.verdicts[unit.backend]
    return [unit.name, unit.op_type, unit.segment, (unit.backend, "bold"), _cost(unit), own.reason, "; ".join(rest)]


def _cost(unit: UnitPlan) -> str:
    own = unit.verdicts[unit.backend]
    return f"{duration(own.cost_us)} {own.cost_source}"
