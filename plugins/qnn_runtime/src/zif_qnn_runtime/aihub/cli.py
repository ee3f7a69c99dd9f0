"""`zif aihub`: measure on a phone that Qualcomm hosts, and take what was measured into plans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from zif.plugin import JsonOption, options

if TYPE_CHECKING:
    from zif import Model

    from zif_qnn_runtime.aihub.results import Measured

app = typer.Typer(no_args_is_help=True, help="Measure on phones of Qualcomm AI Hub; plans go by what was measured.")

ModelArgument = Annotated[Path, typer.Argument(metavar="MODEL", help="An ONNX file.", show_default=False)]
DeviceOption = Annotated[
    str, typer.Option("--device", metavar="NAME", help="As `qai-hub list-devices` calls it.", show_default=False)
]
ChipOption = Annotated[
    str, typer.Option("--target", "-t", metavar="CHIP", help="The device's chip: plans for it go by these times.")
]
HubOption = Annotated[str, typer.Option("--options", metavar="TEXT", help="Handed to AI Hub as they are.")]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Tell what would be sent, and send nothing.")]
PageOption = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write the plan for --target with the layers as a page.")
]
KeepOption = Annotated[bool, typer.Option("--keep/--no-keep", help="Keep the times for plans for --target.")]


@app.command()
def profile(
    model: ModelArgument,
    device: DeviceOption,
    target: ChipOption = "",
    hub_options: HubOption = "",
    keep: KeepOption = True,
    html: PageOption = None,
    dry_run: DryOption = False,
    as_json: JsonOption = False,
) -> None:
    """Time a model on a device of AI Hub, layer by layer."""
    from zif.plugin import working

    from zif_qnn_runtime.aihub.jobs import Request, check_model, run

    _check_page(html, target, [model])
    loaded = _model(model, target)
    check_model(model, loaded)
    request = Request(model, device, hub_options)
    if dry_run:
        return _tell_request(request.told(), as_json)
    with working(f"waiting for {device}"):
        done = run(request, profile=True)
    assert done.measured is not None
    about = {"job": done.id, "url": done.url, "device": device}
    return _tell(loaded, done.measured, target, keep, as_json, about, html)


@app.command()
@options.fed
def inference(
    model: ModelArgument,
    device: DeviceOption,
    feed: options.FeedOptions,
    hub_options: HubOption = "",
    min_sqnr: Annotated[
        float, typer.Option("--min-sqnr", metavar="DB", help="Exit 1 when an output is further from the CPU's.")
    ] = 20.0,
    dry_run: DryOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run a model on a device of AI Hub, and hold its outputs against those of this machine's CPU."""
    from zif.plugin import working

    from zif_qnn_runtime.aihub.held import against_cpu, fed
    from zif_qnn_runtime.aihub.jobs import Request, check_model, run

    loaded = _model(model, "")
    check_model(model, loaded)
    sets = fed(loaded, feed)
    names = list(sets[0])
    request = Request(model, device, hub_options, {name: [sample[name] for sample in sets] for name in names})
    if dry_run:
        return _tell_request(request.told(), as_json)
    with working(f"waiting for {device}"):
        done = run(request, profile=False)
    rows = against_cpu(loaded, sets, done.outputs)
    _tell_outputs(rows, {"job": done.id, "url": done.url, "device": device}, as_json)
    if any(not row["close"](min_sqnr) for row in rows):
        raise typer.Exit(1)
    return None


@app.command()
def read(
    results: Annotated[
        Path, typer.Argument(metavar="FILE|DIR", help="A profile, or a job's folder.", show_default=False)
    ],
    model: ModelArgument,
    target: ChipOption = "",
    keep: KeepOption = True,
    html: PageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in a profile that AI Hub's client wrote; it need not be installed."""
    from zif_qnn_runtime.aihub.results import read_results

    _check_page(html, target, [model, results])
    measured, file = read_results(results)
    _tell(_model(model, target), measured, target, keep, as_json, {"file": str(file)}, html)


def _check_page(html: Path | None, target: str, read: list[Path]) -> None:
    """Raise UsageError for a page that would be written over what is read, or has no chip to plan for."""
    from zif import UsageError
    from zif.plugin import check_outputs

    if html is not None:
        if not target:
            raise UsageError("--html is the page of a plan: --target names the chip")
        check_outputs([html], lambda: read)


def _model(path: Path, target: str) -> Model:
    """The model; the chip is looked up first. Raises UsageError."""
    import zif

    if target:
        zif.target(target)
    return zif.Model.load(path)


def _tell(
    model: Model,
    measured: Measured,
    target: str,
    keep: bool,
    as_json: bool,
    about: dict[str, Any],
    html: Path | None,
) -> None:
    from zif.plugin import note, print_document, say, show_table

    from zif_qnn_runtime.aihub.keeping import keep_groups
    from zif_qnn_runtime.aihub.units import by_unit

    groups = by_unit(measured, model)
    kept = keep_groups(model, target, groups) if keep and target else ()
    if html is not None:
        from zif.plugin import write_text

        from zif_qnn_runtime.aihub.page import page

        write_text(html, page(model, target, measured, groups, about.get("device", target)))
    units: list[dict[str, Any]] = [
        {"unit": unit, "processor": group.processor, "us": us, "layers": list(group.layers[unit])}
        for group in groups.groups
        for unit, us in sorted(group.parts.items(), key=lambda item: -item[1])
    ]
    if as_json:
        fields = {"model": model.name, "target": target, "us": measured.us, "units": units, "kept": list(kept)}
        return print_document("layers", {**about, **fields, "strange": list(groups.strange)})
    say(f"{model.name}: {measured.us:g} µs on {about.get('device', target or 'the device')}")
    rows = [[unit["unit"], unit["processor"], f"{unit['us']:.1f}", ", ".join(unit["layers"])] for unit in units]
    show_table("", ("unit", "processor", "µs", "layers of the device"), rows, right=("µs",))
    if groups.strange:
        note(
            f"no unit was found for {len(groups.strange)} layers; their time is spread: {', '.join(groups.strange[:5])}"
        )
    if kept:
        say(f"kept for plans for {target}: {', '.join(kept)}")
    elif keep:
        note("nothing is kept: " + ("no layer is a unit of this model" if target else "--target names the chip"))
    return None


def _tell_request(told: dict[str, Any], as_json: bool) -> None:
    from zif.plugin import print_document, say

    if as_json:
        return print_document("layers", {"dry_run": told})
    say(f"would send {told['file']} ({told['bytes']} bytes) for {told['device']}, options {told['options'] or 'none'}")
    for name, spec in told["inputs"].items():
        say(f"with {spec['sets']} sets of {name}: {spec['dtype']} {spec['shape']}")
    say(f"through qai-hub {told['client']}" if told["client"] else "qai-hub is not installed: `pip install qai-hub`")
    return None


def _tell_outputs(rows: list[dict[str, Any]], about: dict[str, Any], as_json: bool) -> None:
    from zif.plugin import print_document, say, show_table

    plain = [{name: figure for name, figure in row.items() if name != "close"} for row in rows]
    if as_json:
        return print_document("layers", {**about, "outputs": plain})
    say(f"job {about['job']} on {about['device']}: {about['url']}")
    show_table("", ("output", "SQNR dB", "max error"), [[row["name"], row["sqnr_db"], row["max_abs"]] for row in plain])
    return None


__all__ = ["app"]
