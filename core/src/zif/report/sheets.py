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


def headline(found: PlanDiff) -> str:
    """What is compared: the model, the target and the policy, and where the two differ in them."""
    pairs = [(getattr(found.old, key), getattr(found.new, key)) for key in ("model", "target", "policy")]
    model, target, policy = (then if then == now else f"{then} → {now}" for then, now in pairs)
    changed = "" if found.old.digest == found.new.digest else ", the model's content has changed"
    return f"{model} for {target}, policy {policy}{changed}"


def outcome(found: PlanDiff) -> list[str]:
    """The last lines: what got worse by more than was allowed, or that nothing did."""
    if found.regressions:
        return [f"regression: {text}" for text in found.regressions]
    if found.threshold is None:
        return ["nothing was held against a threshold: the targets differ; --threshold does it all the same"]
    return [f"no regression past {100 * found.threshold:g} %"]


def sheets(found: PlanDiff) -> Iterator[Sheet]:
    """Every table that has something to say, the most telling first."""
    yield _figures(found)
    for sheet in (_backends(found), _moves(found), _verdicts(found), _costs(found), _models(found)):
        if sheet.rows:
            yield sheet


def _figures(found: PlanDiff) -> Sheet:
    old, new = found.old, found.new
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


def _backends(found: PlanDiff) -> Sheet:
    rows = tuple((one.backend, one.before, one.after) for one in found.backends)
    return Sheet("Backends", ("backend", "old", "new"), rows)


def _moves(found: PlanDiff) -> Sheet:
    """What moved, grouped by from, to and why; figures of single units are left out of the comparison of reasons."""
    groups: dict[tuple[str, ...], list[tuple[str, str, str]]] = {}
    for one in found.moved:
        key = (one.before, one.after, one.cause, general(one.why, "slower" if one.cause == "cost" else "", one.unit))
        groups.setdefault(key, []).append((one.unit, one.op_type, one.why))
    rows = [
        (str(len(hits)), f"{before} → {after}", cause, hits[0][2], operators(op for _, op, _ in hits), _names(hits))
        for (before, after, cause, _), hits in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    columns = ("units", "from → to", "cause", "why", "operators", "such as")
    title = f"Runs elsewhere: {things(len(found.moved), 'unit')}"
    return Sheet(title, columns, tuple(rows[:ROWS]), ("units",), _more(rows, "reasons"))


def _names(hits: Sequence[tuple[str, str, str]]) -> str:
    return listed((unit for unit, _, _ in hits), 2)


def _verdicts(found: PlanDiff) -> Sheet:
    rows = [
        (one.backend, str(len(one.units)), _said(one, 0), _said(one, 1), one.reason, one.units[0])
        for one in found.verdicts
    ]
    columns = ("backend", "units", "said", "says", "reason", "such as")
    return Sheet("Verdicts that changed", columns, tuple(rows[:ROWS]), ("units",), _more(rows, "changes"))


def _said(one: VerdictChange, side: int) -> str:
    word = {True: "takes it", False: "refuses", None: "does not know"}[one.supported[side]]
    code, basis = one.code[side], one.basis[side]
    return f"{word} ({basis})" if code == "ok" else f"{word}: {code} ({basis})"


def _costs(found: PlanDiff) -> Sheet:
    rows = [
        (
            one.backend,
            f"{one.op_type} × {one.units}",
            duration(one.before_us),
            duration(one.after_us),
            share(one.before_us, one.after_us),
            " → ".join(dict.fromkeys(one.source)),
        )
        for one in found.costs
    ]
    columns = ("backend", "operator", "old", "new", "change", "figures")
    right = ("old", "new", "change")
    return Sheet("Costs that changed", columns, tuple(rows[:ROWS]), right, _more(rows, "operators"))


def _models(found: PlanDiff) -> Sheet:
    told = (("only in the new model", found.added), ("only in the old model", found.removed))
    rows = [(str(len(names)), what, listed(names, 8)) for what, names in told]
    kept = tuple(row for row in rows if row[0] != "0")
    return Sheet("Units without a counterpart", ("units", "where", "which"), kept, ("units",))


def _more(rows: Sequence[object], what: str) -> str:
    return beyond(len(rows), ROWS, f"{what}; --json has all")
