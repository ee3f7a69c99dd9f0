"""A plan on a terminal: where everything runs, what it should cost, and why not elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zif.cli.views.terminal import PIPE_WIDTH, say, table, width
from zif.cli.views.units import show_units
from zif.cli.views.whatif import show_changes
from zif.files.wording import beyond, brief, duration, energy, listed, operators, ratio, size, things
from zif.report.grouping import general

if TYPE_CHECKING:
    from zif.planning import Memory, Plan, Segment, UnitPlan
    from zif.planning.plan import Predicted

#: Columns from which on a table names examples.
WIDE = 100

#: Rows of a table before the rest is only counted.
ROWS = 40

#: Emulated work is never shown in the colour of hardware.
KIND_STYLE = {"hardware": "green", "emulator": "bold yellow"}


def show(plan: Plan, all_units: bool = False) -> None:
    """Print a plan."""
    _headline(plan)
    _segments(plan, len(plan.segments) if all_units else ROWS)
    if all_units:
        show_units(plan)
    _elsewhere(plan)
    show_changes(plan)
    _predicted(plan)
    for advice in plan.advice:
        say(f"advice [{advice.code}]: {advice.text}")
    _scores(plan)
    _absent(plan)
    for check in plan.checks:
        say(check.text, style="green" if check.met else "bold red")
    for note in plan.notes:
        say(f"note: {note}")


def _headline(plan: Plan) -> None:
    say(f"{plan.model}: {len(plan.units)} units for {plan.target}, policy {plan.policy}", style="bold")
    if plan.emulated:
        say(f"emulated here, not run on hardware: {plan.emulation}", style=KIND_STYLE["emulator"])
    if plan.request.asked:
        say(f"as asked for: {' '.join(plan.request.asked)}")


def _segments(plan: Plan, limit: int) -> None:
    members: dict[int, list[UnitPlan]] = {}
    for unit in plan.units:
        members.setdefault(unit.segment, []).append(unit)
    total = sum(segment.latency_us for segment in plan.segments)
    columns = ("segment", "backend", "kind", "units", "operators", "predicted", "share")
    rows = [_segment(segment, members.get(segment.id, []), total) for segment in plan.segments[:limit]]
    table("", columns, rows, right=("segment", "units", "predicted", "share"))
    _more(len(plan.segments), limit, "segments")
    if plan.transfers:
        moved = duration(sum(transfer.us for transfer in plan.transfers))
        tensors = things(len(plan.transfers), "tensor")
        say(f"moved between processors: {tensors}, {size(plan.predicted.transfer_bytes)}, {moved}")


def _segment(segment: Segment, units: Sequence[UnitPlan], total: float) -> list[Any]:
    share = f"{100 * segment.latency_us / total:.0f} %" if total else ""
    kind = (segment.shown, KIND_STYLE[segment.kind])
    types = operators(unit.op_type for unit in units)
    return [segment.id, (segment.backend, "bold"), kind, len(segment.units), types, duration(segment.latency_us), share]


def _scores(plan: Plan) -> None:
    """Every backend's score with its terms, best first, and the sentence behind each term."""
    ranked = sorted(plan.scores.items(), key=lambda item: -item[1].total)
    terms = list(dict.fromkeys(term for _, score in ranked for term in score.terms))
    rows = [[(name, "bold"), f"{score.total:g}", *map(_figure, map(score.terms.get, terms))] for name, score in ranked]
    if rows:
        columns = ("backend", "score", *terms)
        table("Scores for the model as a whole", columns, rows, right=("score", *terms))
    for name, score in ranked:
        say(f"{name}: {'; '.join(score.reasons.values())}")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _elsewhere(plan: Plan) -> None:
    """What does not run on the backend with the best score, grouped by code and reason."""
    if not plan.scores or not plan.units:
        return
    best, title = _best(plan)
    groups: dict[tuple[str, str], list[UnitPlan]] = {}
    for unit in plan.units:
        if unit.backend != best and best in unit.verdicts:
            verdict = unit.verdicts[best]
            groups.setdefault((verdict.code, general(verdict.reason, verdict.code, unit.name)), []).append(unit)
    away = sum(map(len, groups.values()))
    if not away:
        say(f"Everything runs on {title}.")
        return
    rows = [
        [len(units), code, _reason(units, best), operators((unit.op_type for unit in units), 3), _names(units)]
        for (code, _), units in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]
    title = f"Not on {title}: {away} of {len(plan.units)} units"
    columns = ("units", "code", "reason", "operators", "such as")[: 4 if width() < WIDE else 5]
    table(title, columns, [row[: len(columns)] for row in rows[:ROWS]], right=("units",))
    _more(len(rows), ROWS, "reasons")


def _best(plan: Plan) -> tuple[str, str]:
    """The backend that units are missed on, and how to call it: the best by score, unless it would take most of the
    model and gets nothing, because all of it is cheaper elsewhere; then the best of those that are used."""
    ranked = sorted(plan.scores, key=lambda name: -plan.scores[name].total)
    best = ranked[0]
    takes = sum(unit.verdicts[best].supported is True for unit in plan.units if best in unit.verdicts)
    if best in plan.backends or takes < len(plan.units) / 2:
        return best, f"{best}, the best by score"
    used = next(name for name in ranked if name in plan.backends)
    total = len(plan.units)
    why = "all would be dearer" if takes == total else f"the {takes} of {total} units that it takes would be dearer"
    return used, f"{used}, the best by score of those used (on {best} {why})"


def _reason(units: Sequence[UnitPlan], best: str) -> str:
    """The sentence of one unit, or what several cost together where only their figures differ."""
    first = units[0].verdicts[best]
    if len(units) == 1 or first.code not in ("slower", "boundary-cost"):
        return _brief(first.reason)
    there = sum(unit.verdicts[best].cost_us or 0.0 for unit in units)
    here = sum(unit.verdicts[unit.backend].cost_us or 0.0 for unit in units)
    where = ", ".join(dict.fromkeys(unit.backend for unit in units))
    around = "; but their tensors would have to be moved" if first.code == "boundary-cost" else ""
    return f"together {duration(there)} here, {duration(here)} on {where}{around}"


def _names(units: Sequence[UnitPlan]) -> str:
    return listed((_brief(unit.name) for unit in units), 2)


def _brief(text: str) -> str:
    """The text with long names cut in the middle on a terminal; whole where it is piped somewhere."""
    return text if width() >= PIPE_WIDTH else brief(text)


def _predicted(plan: Plan) -> None:
    told = plan.predicted
    rows = [("this plan", told.latency_us), ("greedy placement", told.greedy_latency_us)]
    rows += [(f"all on {name}", us) for name, us in told.single.items()]
    cells = [[name, duration(us), ratio(us, told.latency_us)] for name, us in rows]
    table("Predicted", ("placement", "latency", "to this plan"), cells, right=("latency", "to this plan"))
    say(f"figures: {told.source or 'none'}")
    if told.latency_note:
        between = f"{duration(told.latency_low_us)} to {duration(told.latency_high_us)}"
        say(f"{between}, eight times of ten: {told.latency_note}")
    _power(told)
    _memory(told)


def _power(told: Predicted) -> None:
    """Energy with its interval, the watts behind it with their sources, and what would take their place."""
    if not told.power:
        say(f"energy {energy(told.energy_uj)}")
        return
    between = f" ({energy(told.energy_low_uj)} to {energy(told.energy_high_uj)})"
    say(f"energy {energy(told.energy_uj)}{between} a run; {told.average_watts:.3g} W on average without a pause")
    for name, watts in told.power.items():
        say(f"  {name} draws {watts.watts:g} W ({watts.low:g} to {watts.high:g}) while it works: {watts.source}")
    say(f"  {told.power_note}")


def _memory(told: Predicted) -> None:
    """What is held where at the most; tensors between segments, inputs and outputs lie on the host."""
    rows = [
        [(name, "bold"), size(peak.weights_bytes), size(peak.activations_bytes), _brief(peak.peak_unit), _near(peak)]
        for name, peak in told.memory.items()
    ]
    columns = ("memory", "weights", "activations", "at the most in", "local memory")
    near = any(peak.local_memory_bytes for peak in told.memory.values())
    kept = len(columns) if near else len(columns) - 1
    table("", columns[:kept], [row[:kept] for row in rows], right=("weights", "activations"))


def _near(memory: Memory) -> str:
    if not memory.local_memory_bytes:
        return ""
    if not memory.beyond_local_memory:
        return "every unit fits"
    return f"{things(memory.beyond_local_memory, 'unit')} over {size(memory.local_memory_bytes)}"


def _absent(plan: Plan) -> None:
    """Who takes no part, and why."""
    for candidate in plan.candidates:
        if not candidate.takes_part:
            say(f"takes no part: {candidate.name} ({candidate.distribution} {candidate.version}): {candidate.reason}")


def _more(number: int, limit: int, what: str) -> None:
    if number > limit:
        say(beyond(number, limit, f"{what}; --all-units and --json show everything"))
