"""Drift on a terminal: one table of all models, and behind it what moved in each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zif.cli.views import terminal
from zif.files.wording import duration, listed, share, size, things

if TYPE_CHECKING:
    from zif.evaluation.drift import Drift, Kept, ModelDrift, OutputDrift

_RIGHT = ("latency", "artifacts", "moved", "verdicts", "outputs")


def show(drift: Drift) -> None:
    """Print what moved."""
    terminal.say(f"{drift.old} → {drift.new}, for {drift.target}", style="bold")
    columns = ("model", "latency", "artifacts", "moved", "verdicts", "outputs", "")
    terminal.table("", columns, [_row(model) for model in drift.models], right=_RIGHT)
    _backends(drift)
    for model in drift.models:
        _details(model)
    _outcome(drift)


def show_kept(kept: Kept, as_json: bool) -> None:
    """Print what was kept, and of what."""
    rows = [{"model": reading.model, "sets": reading.sets, "failure": reading.failure} for reading in kept.readings]
    if as_json:
        terminal.document("drift", {"kept": str(kept.folder), "source": kept.source, "models": rows})
        return
    names = listed((reading.model for reading in kept.readings), 6)
    terminal.say(f"kept {names} of {kept.source} in {kept.folder}")
    for row in rows:
        if row["failure"]:
            terminal.note(f"{row['model']}: {row['failure']}")


def _row(model_drift: ModelDrift) -> list[Any]:
    plan = model_drift.plan
    latency = "–" if plan is None else _change(plan.old.latency_us, plan.new.latency_us, duration)
    before, after = _total(model_drift, 0), _total(model_drift, 1)
    sizes = "–" if None in (before, after) else _change(before, after, size)
    moved = "–" if plan is None else things(len(plan.moved), "unit")
    verdicts = "–" if plan is None else str(sum(len(change.units) for change in plan.verdicts))
    word = ("worse", "bold red") if model_drift.worse else "moved" if model_drift.moved else "same"
    return [(model_drift.model, "bold"), latency, sizes, moved, verdicts, _outputs(model_drift.outputs), word]


def _total(model_drift: ModelDrift, side: int) -> Any:
    sizes = [pair[side] for pair in model_drift.bytes.values()]
    return sum(sizes) if sizes and None not in sizes else None


def _change(before: Any, after: Any, text: Any) -> str:
    return text(after) if before == after else f"{text(before)} → {text(after)} ({share(before, after)})"


def _outputs(outputs: tuple[OutputDrift, ...]) -> str:
    """The output that is furthest off."""
    if not outputs:
        return "–"
    apart = [output for output in outputs if not output.same]
    if not apart:
        return "equal"
    ratios = [output.figures.sqnr_db for output in apart if output.figures.sqnr_db is not None]
    return f"{min(ratios):.1f} dB" if ratios else "differ"


def _backends(drift: Drift) -> None:
    changes = {
        (row.backend, row.before, row.after): None
        for model in drift.models
        if model.plan is not None
        for row in model.plan.backends
    }
    if changes:
        terminal.table("Backends", ("backend", "old", "new"), [list(row) for row in changes])


def _details(model_drift: ModelDrift) -> None:
    from zif.report.sheets import sheets

    for sheet in () if model_drift.plan is None else list(sheets(model_drift.plan))[1:]:
        if sheet.title != "Backends":
            title = f"{model_drift.model}: {sheet.title}"
            terminal.table(title, sheet.columns, [list(row) for row in sheet.rows], right=sheet.right)
            if sheet.more:
                terminal.say(sheet.more)


def _outcome(drift: Drift) -> None:
    for model in drift.models:
        for text in model.worse:
            terminal.say(f"worse: {model.model}: {text}", style="bold red")
        if model.failure[0]:
            terminal.say(f"{model.model} in {drift.old}: {model.failure[0]}")
    if not drift.worse:
        said = "nothing is worse" if drift.moved else "nothing moved"
        terminal.say(f"{said} (growth of {100 * drift.threshold:g} % and {drift.least_db:g} dB are allowed)")
