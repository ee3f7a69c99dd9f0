"""Drift on a terminal: one table of all models, and behind it what moved in each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zif.cli.views import terminal
from zif.files.wording import duration, listed, share, size, things

if TYPE_CHECKING:
    from zif.evaluation.drift import Drift, Kept, ModelDrift, OutputDrift

_RIGHT = ("latency", "artifacts", "moved", "verdicts", "outputs")


def show(found: Drift) -> None:
    """Print what moved."""
    terminal.say(f"{found.old} → {found.new}, for {found.target}", style="bold")
    columns = ("model", "latency", "artifacts", "moved", "verdicts", "outputs", "")
    terminal.table("", columns, [_row(one) for one in found.models], right=_RIGHT)
    _backends(found)
    for one in found.models:
        _details(one)
    _outcome(found)


def show_kept(kept: Kept, as_json: bool) -> None:
    """Print what was kept, and of what."""
    rows = [{"model": one.model, "sets": one.sets, "failure": one.failure} for one in kept.readings]
    if as_json:
        terminal.document("drift", {"kept": str(kept.folder), "source": kept.source, "models": rows})
        return
    names = listed((one.model for one in kept.readings), 6)
    terminal.say(f"kept {names} of {kept.source} in {kept.folder}")
    for row in rows:
        if row["failure"]:
            terminal.note(f"{row['model']}: {row['failure']}")


def _row(one: ModelDrift) -> list[Any]:
    plan = one.plan
    latency = "–" if plan is None else _change(plan.old.latency_us, plan.new.latency_us, duration)
    before, after = _total(one, 0), _total(one, 1)
    sizes = "–" if None in (before, after) else _change(before, after, size)
    moved = "–" if plan is None else things(len(plan.moved), "unit")
    verdicts = "–" if plan is None else str(sum(len(change.units) for change in plan.verdicts))
    word = ("worse", "bold red") if one.worse else "moved" if one.moved else "same"
    return [(one.model, "bold"), latency, sizes, moved, verdicts, _outputs(one.outputs), word]


def _total(one: ModelDrift, side: int) -> Any:
    sizes = [pair[side] for pair in one.bytes.values()]
    return sum(sizes) if sizes and None not in sizes else None


def _change(before: Any, after: Any, text: Any) -> str:
    return text(after) if before == after else f"{text(before)} → {text(after)} ({share(before, after)})"


def _outputs(outputs: tuple[OutputDrift, ...]) -> str:
    """The output that is furthest off."""
    if not outputs:
        return "–"
    apart = [one for one in outputs if not one.same]
    if not apart:
        return "equal"
    ratios = [one.figures.sqnr_db for one in apart if one.figures.sqnr_db is not None]
    return f"{min(ratios):.1f} dB" if ratios else "differ"


def _backends(found: Drift) -> None:
    changes = {
        (row.backend, row.before, row.after): None
        for one in found.models
        if one.plan is not None
        for row in one.plan.backends
    }
    if changes:
        terminal.table("Backends", ("backend", "old", "new"), [list(row) for row in changes])


def _details(one: ModelDrift) -> None:
    from zif.report.sheets import sheets

    for sheet in () if one.plan is None else list(sheets(one.plan))[1:]:
        if sheet.title != "Backends":
            title = f"{one.model}: {sheet.title}"
            terminal.table(title, sheet.columns, [list(row) for row in sheet.rows], right=sheet.right)
            if sheet.more:
                terminal.say(sheet.more)


def _outcome(found: Drift) -> None:
    for one in found.models:
        for text in one.worse:
            terminal.say(f"worse: {one.model}: {text}", style="bold red")
        if one.failure[0]:
            terminal.say(f"{one.model} in {found.old}: {one.failure[0]}")
    if not found.worse:
        said = "nothing is worse" if found.moved else "nothing moved"
        terminal.say(f"{said} (growth of {100 * found.threshold:g} % and {found.least_db:g} dB are allowed)")
