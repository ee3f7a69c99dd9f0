"""The difference of two plans as tables of text: what a terminal and a markdown page both show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from zif.files.wording import beyond, duration, energy, listed, operators, share, size, things
from zif.report.grouping import general

if TYPE_CHECKING:
    from zif.planning.changes.difference import PlanDiff, VerdictChange

#: Rows of one table before the rest is only counted.
ROWS = 30


@frozen
class Sheet:
    """A titled table of text; `right` names the columns that hold figures, `more` says what was left out."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[str, ...] = ()
    more: str = ""


def headline(difference: PlanDiff) -> str:
    """What is compared: the model, the target and the policy, and where the two differ in them."""
    pairs = [(getattr(difference.old, key), getattr(difference.new, key)) for key in ("model", "target", "policy")]
    model, target, policy = (then if then == now else f"{then} → {now}" for then, now in pairs)
    changed = "" if difference.old.digest == difference.new.digest else ", the model's content has changed"
    return f"{model} for {target}, policy {policy}{changed}"


def outcome(difference: PlanDiff) -> list[str]:
    """The last lines: what got worse by more than was allowed, or that nothing did."""
    if difference.regressions:
        return [f"regression: {text}" for text in difference.regressions]
    if difference.threshold is None:
        return ["nothing was held against a threshold: the targets differ; --threshold does it all the same"]
    return [f"no regression past {100 * difference.threshold:g} %"]


def sheets(difference: PlanDiff) -> Iterator[Sheet]:
    """Every table that has something to say, the most telling first."""
    yield _figures(difference)
    for sheet in (
        _backends(difference),
        _moves(difference),
        _verdicts(difference),
        _costs(difference),
        _models(difference),
    ):
        if sheet.rows:
            yield sheet


def _figures(difference: PlanDiff) -> Sheet:
    old, new = difference.old, difference.new
    rows = [
        ("latency", duration(old.latency_us), duration(new.latency_us), share(old.latency_us, new.latency_us)),
        ("energy", energy(old.energy_uj), energy(new.energy_uj), share(old.energy_uj, new.energy_uj)),
        ("moved", size(old.transfer_bytes), size(new.transfer_bytes), share(old.transfer_bytes, new.transfer_bytes)),
        ("memory", size(old.memory_bytes), size(new.memory_bytes), share(old.memory_bytes, new.memory_bytes)),
        ("segments", str(old.segments), str(new.segments), _signed(new.segments - old.segments)),
        ("units", str(old.units), str(new.units), _signed(new.units - old.units)),
    ]
    return Sheet("", ("predicted", "old", "new", "change"), tuple(rows), ("old", "new", "change"))


def _signed(number: int) -> str:
    return f"{number:+d}" if number else "="


def _backends(difference: PlanDiff) -> Sheet:
    rows = tuple((backend.backend, backend.before, backend.after) for backend in difference.backends)
    return Sheet("Backends", ("backend", "old", "new"), rows)


def _moves(difference: PlanDiff) -> Sheet:
    """What moved, grouped by from, to and why; figures of single units are left out of the comparison of reasons."""
    groups: dict[tuple[str, ...], list[tuple[str, str, str]]] = {}
    for move in difference.moved:
        key = (
            move.before,
            move.after,
            move.cause,
            general(move.why, "slower" if move.cause == "cost" else "", move.unit),
        )
        groups.setdefault(key, []).append((move.unit, move.op_type, move.why))
    rows = [
        (str(len(hits)), f"{before} → {after}", cause, hits[0][2], operators(op for _, op, _ in hits), _names(hits))
        for (before, after, cause, _), hits in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    columns = ("units", "from → to", "cause", "why", "operators", "such as")
    title = f"Runs elsewhere: {things(len(difference.moved), 'unit')}"
    return Sheet(title, columns, tuple(rows[:ROWS]), ("units",), _more(rows, "reasons"))


def _names(hits: Sequence[tuple[str, str, str]]) -> str:
    return listed((unit for unit, _, _ in hits), 2)


def _verdicts(difference: PlanDiff) -> Sheet:
    rows = [
        (
            verdict.backend,
            str(len(verdict.units)),
            _said(verdict, 0),
            _said(verdict, 1),
            verdict.reason,
            verdict.units[0],
        )
        for verdict in difference.verdicts
    ]
    columns = ("backend", "units", "said", "says", "reason", "such as")
    return Sheet("Verdicts that changed", columns, tuple(rows[:ROWS]), ("units",), _more(rows, "changes"))


def _said(verdict_change: VerdictChange, side: int) -> str:
    word = {True: "takes it", False: "refuses", None: "does not know"}[verdict_change.supported[side]]
    code, basis = verdict_change.code[side], verdict_change.basis[side]
    return f"{word} ({basis})" if code == "ok" else f"{word}: {code} ({basis})"


def _costs(difference: PlanDiff) -> Sheet:
    rows = [
        (
            cost.backend,
            f"{cost.op_type} × {cost.units}",
            duration(cost.before_us),
            duration(cost.after_us),
            share(cost.before_us, cost.after_us),
            " → ".join(dict.fromkeys(cost.source)),
        )
        for cost in difference.costs
    ]
    columns = ("backend", "operator", "old", "new", "change", "figures")
    right = ("old", "new", "change")
    return Sheet("Costs that changed", columns, tuple(rows[:ROWS]), right, _more(rows, "operators"))


def _models(difference: PlanDiff) -> Sheet:
    told = (("only in the new model", difference.added), ("only in the old model", difference.removed))
    rows = [(str(len(names)), what, listed(names, 8)) for what, names in told]
    kept = tuple(row for row in rows if row[0] != "0")
    return Sheet("Units without a counterpart", ("units", "where", "which"), kept, ("units",))


def _more(rows: Sequence[object], what: str) -> str:
    return beyond(len(rows), ROWS, f"{what}; --json has all")
