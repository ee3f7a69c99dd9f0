"""`zif compile`: a bundle for one or several targets, that runs elsewhere without the model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zif.cli import options
from zif.cli.options import JsonOption
from zif.errors import UsageError

if TYPE_CHECKING:
    from zif.model import Model
    from zif.runtime.to_bundle import Compilation

OutputOption = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="The bundle's folder.", show_default=False)
]
TargetsOption = Annotated[
    list[str], typer.Option("--target", "-t", help="host, or a chip; repeatable, the first is the default to run.")
]
AlsoOption = Annotated[
    list[str],
    typer.Option("--also", metavar="FORM", help="The segments for other tools, too: dlc, source; repeatable."),
]


QuantizeOption = Annotated[
    str, typer.Option("--quantize", metavar="PRECISION", help="Quantize first: w8a8, w8a16, w4a16, w16a16 or w8.")
]
CalibrationOption = Annotated[
    Path | None, typer.Option("--calibration", "-c", metavar="DIR|NPZ|LIST", help="Real inputs for --quantize.")
]
PreprocessOption = Annotated[
    str, typer.Option("--preprocess", metavar="TEXT|FILE", help="Images: resize=224x224,scale=1/255,mean=…,std=…,…")
]


@options.planned
def command(
    model: options.ModelArgument,
    output: OutputOption,
    target: TargetsOption = ["host"],  # noqa: B006 - typer reads the default and never changes it
    wanted: options.Wishes = {},  # noqa: B006 - filled in by `planned`
    isolate: options.IsolateOption = False,
    also: AlsoOption = [],  # noqa: B006
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a bundle that is there.")] = False,
    quantize: QuantizeOption = "",
    calibration: CalibrationOption = None,
    preprocess: PreprocessOption = "",
    no_cache: options.NoCacheOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compile a model into a bundle for one or several targets."""
    from zif.cli.inputs import note_folder
    from zif.cli.overwriting import check_folder, read_by
    from zif.cli.views import terminal as out
    from zif.cli.views.progress import working
    from zif.runtime import verbs
    from zif.runtime.bundle import check_place

    wanted |= {"isolate": isolate}
    if (calibration is not None or preprocess) and not quantize:
        raise UsageError("--calibration and --preprocess go with --quantize PRECISION")
    if quantize and quantize != "w8" and calibration is None:
        raise UsageError(f"--quantize {quantize} needs real inputs: give --calibration DIR|NPZ|input_list.txt")
    check_place(output, overwrite)  # before anything is quantized
    reads = (calibration, preprocess) if quantize else (None, "")
    check_folder(output, lambda: read_by(model, wanted.get("shapes"), *reads, [wanted.get("config")]))
    note_folder(calibration, preprocess)
    with working(f"compiling {model.name}") as told:
        source, sqnr = _quantized(model, quantize, calibration, preprocess, wanted, told) if quantize else (model, None)
        made = verbs.compile(
            source,
            output,
            target,
            also=[form for text in also for form in text.split(",") if form],
            overwrite=overwrite,
            cache=not no_cache,
            progress=told,
            **wanted,
        )
    document = _document(made) | {"quantized": sqnr}
    if as_json:
        out.document("compile", document)
    else:
        _show(document)


def _quantized(
    path: Path, precision: str, calibration: Path | None, preprocess: str, wanted: Mapping[str, Any], told: Any
) -> tuple[Model, dict[str, Any]]:
    """The QDQ model under the float one's name, and how close it comes on the CPU reference."""
    from zif.backends.extensions import verb
    from zif.model import Model

    found = verb("quantize")(
        path, calibration, precision, shapes=wanted.get("shapes"), preprocess=preprocess, progress=told
    )
    model = Model.load(found.model)
    model.name = path.stem
    sqnr = {name: round(db, 2) for name, db in found.sqnr.items()}
    return model, {"precision": precision, "held_out": found.held_out, "sqnr_db": sqnr}


def _document(made: Compilation) -> dict[str, Any]:
    import attrs

    from zif.cli.running import unsaid
    from zif.runtime.bundle import open_bundle

    bundle = open_bundle(made.folder)
    targets = [
        {
            "target": name,
            "segments": [
                {"id": one.id, "backend": one.backend, "kind": one.kind, "label": one.label, "units": len(one.units)}
                for one in plan.segments
            ],
            "emulated": plan.emulated,
            "events": [attrs.asdict(event) for event in made.events[name]],
            "notes": unsaid(plan, made.events[name]),
        }
        for name, plan in made.plans.items()
    ]
    files = {name: content.bytes for name, content in bundle.files.items()}
    return {"bundle": str(made.folder), "targets": targets, "versions": bundle.versions, "files": files}


def _show(document: dict[str, Any]) -> None:
    from zif.cli.views.compare import told_db
    from zif.cli.views.plan import KIND_STYLE
    from zif.cli.views.terminal import say, table
    from zif.wording import size, things

    rows = [
        [
            row["target"],
            one["id"],
            (one["backend"], "bold"),
            (one["label"] or one["kind"], KIND_STYLE[one["kind"]]),
            one["units"],
        ]
        for row in document["targets"]
        for one in row["segments"]
    ]
    table("", ("target", "segment", "backend", "kind", "units"), rows, right=("segment", "units"))
    for row in document["targets"]:
        for event in row["events"]:
            say(f"{row['target']}: {event['kind']} ({event['backend']}): {event['text']}")
        for note in row["notes"]:
            say(f"{row['target']}: note: {note}")
    if document["quantized"]:
        told = ", ".join(f"{name} {told_db(db)}" for name, db in document["quantized"]["sqnr_db"].items())
        say(f"quantized to {document['quantized']['precision']}" + (f": SQNR of {told}" if told else ""))
    files = document["files"]
    told = f"{things(len(files), 'file')}, {size(sum(files.values()))}"
    say(f"{document['bundle']}: {told}; `zif run {document['bundle']}` runs it")
