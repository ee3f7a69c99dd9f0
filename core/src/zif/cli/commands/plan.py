"""`zif plan`: what runs where, what it should cost, and why; nothing is compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zif.cli import options
from zif.cli.options import JsonOption
from zif.cli.sizes import BucketOptions, sized
from zif.errors import UsageError

if TYPE_CHECKING:
    from zif.planning import Plan
    from zif.planning.why import Explained


@sized
@options.planned
def command(
    model: Annotated[Path | None, typer.Argument(metavar="MODEL", help="An ONNX file.", show_default=False)] = None,
    target: Annotated[
        list[str],
        typer.Option("--target", "-t", help="This machine (host), or a chip; several for their plans side by side."),
    ] = [],  # noqa: B006
    wanted: options.Wishes = {},  # noqa: B006 - filled in by `planned`
    sizes: BucketOptions = BucketOptions(),  # noqa: B008 - filled in by `sized`
    assume: Annotated[
        str, typer.Option("--assume", metavar="w8a8|w8a16", help="Costs of a float model as if it were quantized so.")
    ] = "",
    all_units: Annotated[bool, typer.Option("--all-units", help="List every unit with every verdict.")] = False,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the plan as an HTML page.")] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(
            "--overlay",
            metavar="FILE",
            help=".onnx: the model annotated for Netron; .json: node data for Model Explorer.",
        ),
    ] = None,
    what_if: Annotated[
        list[str],
        typer.Option(
            "--what-if",
            metavar="BACKEND+PATTERN",
            help="Suppose a backend took (or with - refused) an operator, units or code:CODE; repeatable.",
        ),
    ] = [],  # noqa: B006
    explain: Annotated[
        list[str],
        typer.Option(
            "--explain",
            metavar="UNIT",
            help="Instead of the plan, who said what of a unit: its name, an output, op:TYPE or a glob; repeatable.",
        ),
    ] = [],  # noqa: B006
    suggest: Annotated[
        int, typer.Option("--suggest", min=0, metavar="N", help="Look for this many changes that would pay most.")
    ] = 5,
    diff: Annotated[
        tuple[Path, Path] | None,
        typer.Option("--diff", metavar="OLD NEW", help="Compare two plans that --json wrote; takes no MODEL."),
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option("--threshold", metavar="5%", help="With --diff: exit 1 when latency or energy grows by more."),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="With --diff: print markdown.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Show where each part of a model would run, and why; or how two plans differ."""
    from zif.cli.overwriting import check_outputs, read_by
    from zif.cli.views import terminal
    from zif.cli.views.progress import working
    from zif.runtime import planners

    if model is None or diff is not None:
        own = {"--html": html, "--overlay": overlay, "--what-if": what_if, "--assume": assume, "--explain": explain}
        if diff is not None:
            _one_only(own, "--diff compares two saved ones")
        return _compare(model, diff, threshold, as_json, markdown)
    if threshold is not None or markdown:
        raise UsageError("--threshold and --markdown go with --diff OLD NEW")
    targets = list(dict.fromkeys(target)) or ["host"]
    pages = {"--html": html, "--overlay": overlay, "--what-if": what_if, "--explain": explain}
    if sizes.several(wanted):
        _one_only(pages | {"--target": targets[1:]}, "several sizes have one each, and only for one target")
        return _buckets(model, targets[0], assume, wanted, sizes, as_json)
    if len(targets) > 1:
        _one_only(pages)
        return _side_by_side(model, targets, assume, wanted, as_json)
    check_outputs(filter(None, (html, overlay)), lambda: read_by(model, others=[wanted["config"]]))
    if overlay is not None:
        from zif.cli.overlays import check_ending

        check_ending(overlay)
    with working(f"planning {model.name}") as told:
        made = planners.planner(model, targets[0], progress=told, assume=assume, **wanted)
        told("looking for changes that would pay")
        plan = planners.explored(made, what_if, suggest if html or not explain else 0)
        why = planners.explained(made, plan, explain, what_if) if explain else None
    _write(plan, html, overlay, model, wanted)
    if as_json:
        terminal.document("plan", plan.to_json()) if why is None else terminal.document("plan-explain", why.to_json())
    else:
        _show(plan, why, all_units)
        for file in filter(None, (html, overlay)):
            terminal.say(f"wrote {file}")
    if plan.failure:
        terminal.note(f"{plan.model} for {plan.target}: {plan.failure}")
    return 1 if plan.failure else 0


def _write(plan: Plan, html: Path | None, overlay: Path | None, model: Path, wanted: Mapping[str, Any]) -> None:
    """The page and the overlay, where they are wanted."""
    if html is not None:
        from zif.cli.files import write_text
        from zif.report import plan_html

        write_text(html, plan_html(plan))
    if overlay is not None:
        from zif.cli.overlays import write_overlay

        write_overlay(overlay, plan, model, wanted["shapes"], wanted["custom_ops"])


def _one_only(options: Mapping[str, object], instead: str = "several --target show one each") -> None:
    """Raise UsageError for an option that is about one plan."""
    for name, value in options.items():
        if value:
            raise UsageError(f"{name} is about one plan of a model; {instead}")


def _side_by_side(model: Path, targets: Sequence[str], assume: str, wanted: Mapping[str, Any], as_json: bool) -> int:
    from zif.cli.views import plan_targets
    from zif.cli.views.progress import working
    from zif.runtime import planners

    with working(f"planning {model.name}") as told:
        plans = [
            planners.explored(planners.planner(model, target, progress=told, assume=assume, **wanted), (), 0)
            for target in targets
        ]
    (plan_targets.show_json if as_json else plan_targets.show)(plans)
    return 1 if any(plan.failure for plan in plans) else 0


def _buckets(
    model: Path, target: str, assume: str, wanted: Mapping[str, Any], sizes: BucketOptions, as_json: bool
) -> int:
    from zif.cli.views import plan_buckets
    from zif.cli.views.progress import working
    from zif.model import Model
    from zif.runtime import planners
    from zif.runtime.buckets.plans import plans

    with working(f"planning {model.name}") as told:
        opened = Model.load(model, None, wanted["custom_ops"])
        asked = planners.bucketed(opened, sizes.buckets, sizes.samples(opened), **wanted)
        wishes = {name: value for name, value in wanted.items() if name != "policy"}
        made = plans(asked, target, wanted["policy"], wishes, progress=told, assume=assume)
    (plan_buckets.show_json if as_json else plan_buckets.show)(made)
    return 1 if any(bucket.plan.failure for bucket in made.buckets) else 0


def _show(plan: Plan, why: Explained | None, all_units: bool) -> None:
    from zif.cli.views import plan as plans
    from zif.cli.views import why as lists

    plans.show(plan, all_units) if why is None else lists.show(why)


def _compare(
    model: Path | None, files: tuple[Path, Path] | None, threshold: str | None, as_json: bool, markdown: bool
) -> int:
    from zif.cli.views.plan_diff import compare

    if files is None:
        raise UsageError("which model? `zif plan MODEL`, or `zif plan --diff OLD NEW` for two plans that --json wrote")
    if model is not None:
        raise UsageError(f"--diff compares two saved plans and takes no model ({model})")
    if as_json and markdown:
        raise UsageError("--json and --markdown are two forms of the same: give one")
    return compare(files, threshold, as_json, markdown)
