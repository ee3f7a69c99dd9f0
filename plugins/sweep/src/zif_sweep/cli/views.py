"""What `zif sweep` prints: of a sweep, of two side by side, and of one that was only counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zif.plugin import duration, print_document, say, show_table, things

if TYPE_CHECKING:
    from zif_sweep.difference import Change
    from zif_sweep.resolved import Sweep
    from zif_sweep.rows import Row
    from zif_sweep.run import Outcome

#: Failures that are told one by one.
_MOST = 20


def show(outcome: Outcome, html: Path | None, as_json: bool, markdown: bool) -> None:
    """A sweep, done: how many cells, what of each model, and what failed."""
    if as_json:
        print_document("sweep", document(outcome))
        return
    if markdown:
        from zif.plugin import terminal

        from zif_sweep.markdown import of_sweep

        terminal.page(of_sweep(outcome).rstrip())
        return
    rows = [_line(*place, rows) for place, rows in _by_model(outcome.rows).items()]
    show_table(
        "",
        ("model", "precision", "targets", "latency, best to worst", "on accelerators", "failed"),
        rows,
        right=("targets", "failed"),
    )
    for row in outcome.failed[:_MOST]:
        say(f"failed: {row.model} on {row.target} in {row.precision}, {row.stage}: {row.reason}")
    if len(outcome.failed) > _MOST:
        say(f"… and {len(outcome.failed) - _MOST} more failures: {outcome.output} has them all")
    say(sentence(outcome))
    if html is not None:
        say(f"wrote {html}")


def sentence(outcome: Outcome) -> str:
    """A sweep in one line."""
    states = Counter(row.state for row in outcome.rows)
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    done = f"; {outcome.done} done now in {outcome.seconds:.1f} s" if outcome.done or outcome.seconds else ""
    return f"{outcome.output}: {things(len(outcome.rows), 'cell')} ({told}){done}"


def document(outcome: Outcome) -> dict[str, Any]:
    """The fields of `zif.sweep/1`."""
    states = Counter(row.state for row in outcome.rows)
    return {
        "output": str(outcome.output),
        "cells": len(outcome.rows),
        "done": outcome.done,
        "seconds": round(outcome.seconds, 3),
        "states": {state: states.get(state, 0) for state in ("ok", "failed", "skipped")},
        "rows": [row.to_json() for row in outcome.rows],
    }


def _by_model(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    by_model: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        by_model[row.model, row.precision].append(row)
    return by_model


def _line(model: str, precision: str, rows: Sequence[Row]) -> list[Any]:
    times = [us for row in rows if (us := row.measured_us or row.latency_us) is not None]
    shares = [row.coverage for row in rows if row.coverage is not None]
    span = f"{duration(min(times))} – {duration(max(times))}" if times else "–"
    share = f"{100 * min(shares):.0f} – {100 * max(shares):.0f} %" if shares else "–"
    failed = sum(row.state == "failed" for row in rows)
    return [model, precision, len({row.target for row in rows}), span, share, failed]


def show_changes(outcome: Outcome, old: Path, threshold: Sequence[str], as_json: bool, markdown: bool) -> int:
    """Two sweeps side by side. Returns 1 when something got worse by more than the thresholds allow."""
    import attrs

    from zif_sweep.difference import changes, thresholds
    from zif_sweep.table import read_rows

    allowed = thresholds(threshold)
    moved = changes(read_rows(old).values(), outcome.rows, allowed)
    counts = Counter(change.word for change in moved)
    worse = counts["worse"]
    told = ", ".join(f"{counts[word]} {word}" for word in ("worse", "better", "same", "new", "gone") if counts[word])
    if as_json:
        rows = [attrs.asdict(change) for change in moved if change.word != "same"]
        fields = {"old": str(old), "new": str(outcome.output), "thresholds": allowed, "worse": worse, "changes": rows}
        print_document("sweep-diff", fields)
    elif markdown:
        from zif.plugin import terminal

        from zif_sweep.markdown import of_changes

        terminal.page(of_changes(moved).rstrip())
    else:
        lines = [_change(change) for change in moved if change.word != "same"]
        columns = ("", "model", "target", "precision", "stage", "figure", "before", "now", "change")
        if lines:
            show_table("", columns, lines[:_LINES], right=("before", "now", "change"))
        if len(lines) > _LINES:
            say(f"… and {len(lines) - _LINES} more changes")
        say(f"{old} and {outcome.output}, figure by figure: {told or 'nothing to compare'}")
    return 1 if worse else 0


def _change(change: Change) -> list[str]:
    from zif_sweep.difference import loss_shown, shown

    place = [change.word, change.model, change.target, change.precision, change.stage, change.figure]
    if change.figure == "state":
        return [*place, change.told, "", ""]
    return [*place, shown(change.figure, change.old), shown(change.figure, change.new), loss_shown(change)]


#: Rows of a difference that are shown in a terminal.
_LINES = 40


def show_estimate(settled: Sweep, scale: str, costs: Path | None, workers: int, as_json: bool) -> int:
    """What a sweep would cost. Returns 0."""
    import attrs
    from zif.plugin import size

    from zif_sweep.costs import estimate, scale_of
    from zif_sweep.table import read_rows

    source = costs or (settled.output if settled.output.exists() else None)
    measured = list(read_rows(source).values()) if source is not None else []
    expected = estimate(settled.cells, measured, scale_of(scale) if scale else None, workers)
    if as_json:
        print_document("sweep-estimate", {"costs": str(source) if source else None, **attrs.asdict(expected)})
        return 0
    rows = [[stage.stage, stage.cells, f"{stage.seconds:.2f} s", stage.measured] for stage in expected.stages]
    show_table("", ("stage", "cells", "a cell", "measured cells"), rows, right=("cells", "a cell", "measured cells"))
    say(
        f"{expected.cells:,} cells: {expected.hours:.3g} hours of one worker, {expected.wall_hours:.3g} with "
        f"{expected.workers}"
    )
    sizes = f"{size(expected.table_bytes)} of rows, {size(expected.store_bytes)} of bundles"
    say(f"{sizes}, {expected.tasks_per_s:.3g} tasks a second")
    for limit in expected.limits:
        place = "at this size" if limit.workers is None else f"at {limit.workers:,} workers"
        say(f"{limit.what}, {place}: {limit.text}")
    if not all(stage.measured for stage in expected.stages):
        say("stages without measured cells have the figures of docs/sweep.md: --costs TABLE gives your own")
    return 0
