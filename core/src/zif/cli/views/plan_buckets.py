"""One model's plans for several sizes, a row each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zif.cli.views.terminal import document, say, table
from zif.files.wording import duration, energy, listed, things

if TYPE_CHECKING:
    from zif.planning import Plan
    from zif.runtime.buckets.plans import BucketPlan, BucketPlans


def show(made: BucketPlans) -> None:
    """Print what each size should cost, and what runs there."""
    first = made.buckets[0].plan
    say(f"{made.model} on {first.target}: {len(made.buckets)} sizes, policy {first.policy}", style="bold")
    shared = any(bucket.share for bucket in made.buckets)
    columns = ("bucket", "units", "segments", "predicted", "energy", *(("samples", "padding") if shared else ()))
    rows = [
        [(bucket.label, "bold"), *_cells(bucket.plan), *(_share(bucket) if shared else ())] for bucket in made.buckets
    ]
    if made.rest is not None:
        rows.append(["any other size", *_cells(made.rest), *(("", "") if shared else ())])
    table("", columns, rows, right=("segments", "predicted", "energy", "samples", "padding"))
    if made.rest is None:
        say(f"inputs of other sizes are refused: {made.no_rest}")
    say(_masks(made))
    for bucket in made.buckets:
        if bucket.plan.failure:
            say(f"{bucket.label}: cannot be built: {bucket.plan.failure}")
    last = made.buckets[-1].plan
    if last.emulated:
        say(f"emulated here, not run on hardware: {last.emulation}")
    for note in last.notes:
        say(f"{made.buckets[-1].label}: note: {note}")


def show_json(made: BucketPlans) -> None:
    """Print the document `zif.plan-buckets/1`."""
    document("plan-buckets", made.to_json())


def _masks(made: BucketPlans) -> str:
    """What the prices have of the operators that keep padding away."""
    if any(bucket.masks is None for bucket in made.buckets):
        return (
            "priced without masks: whether a size may be padded for, and whether its graph needs masks for that, is "
            "tried when it is built, and known to the plans after that"
        )
    told = ", ".join(f"{bucket.label} with {things(bucket.masks, 'mask')}" for bucket in made.buckets if bucket.masks)
    return f"priced as they are built: {told or 'none has masks'}"


def _cells(plan: Plan) -> list[Any]:
    where = {name: sum(unit.backend == name for unit in plan.units) for name in plan.backends}
    units = listed((f"{count} {name}" for name, count in where.items()), 5)
    open_dims = any(not info.static for info in plan.inputs)
    if open_dims:  # what such a plan predicts is of no size in particular
        return [units, len(plan.segments), "", ""]
    return [units, len(plan.segments), duration(plan.predicted.latency_us), energy(plan.predicted.energy_uj)]


def _share(bucket_plan: BucketPlan) -> tuple[str, str]:
    return (
        (str(bucket_plan.share.samples), f"{100 * bucket_plan.share.padding:.0f} %") if bucket_plan.share else ("", "")
    )
