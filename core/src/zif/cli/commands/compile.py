"""`zif compile`: a bundle for one or several targets, that runs elsewhere without the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zif.cli import options
from zif.cli.options import JsonOption
from zif.cli.shapes import one_size
from zif.cli.sizes import BucketOptions, sized
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


VerifyOption = Annotated[
    bool, typer.Option("--verify/--no-verify", help="Hold every segment against the CPU; what is wrong moves there.")
]
SamplesOption = Annotated[
    Path | None,
    typer.Option("--samples", "-s", metavar="DIR|NPZ|LIST", help="Real inputs to verify with, instead of made ones."),
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
SignOption = Annotated[
    Path | None, typer.Option("--sign", metavar="KEY.pem", help="Sign the bundle with this private key (Ed25519).")
]


@sized
@options.planned
def command(
    model: options.ModelArgument,
    output: OutputOption,
    target: TargetsOption = ["host"],  # noqa: B006 - typer reads the default and never changes it
    wanted: options.Wishes = {},  # noqa: B006 - filled in by `planned`
    sizes: BucketOptions = BucketOptions(),  # noqa: B008 - filled in by `sized`
    isolate: options.IsolateOption = False,
    also: AlsoOption = [],  # noqa: B006
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a bundle that is there.")] = False,
    verify: VerifyOption = True,
    samples: SamplesOption = None,
    quantize: QuantizeOption = "",
    calibration: CalibrationOption = None,
    preprocess: PreprocessOption = "",
    sign: SignOption = None,
    no_cache: options.NoCacheOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compile a model into a bundle for one or several targets."""
    from zif.artifacts.bundle import check_place
    from zif.cli.inputs import note_folder
    from zif.cli.overwriting import check_folder, read_by
    from zif.cli.views import terminal as out
    from zif.cli.views.compiled import show
    from zif.cli.views.progress import working
    from zif.runtime import verbs

    wanted |= {"isolate": isolate}
    several = sizes.several(wanted)
    if sizes.from_ is not None and samples is not None:
        raise UsageError("--from are real inputs to verify with, too: leave --samples out")
    samples = samples or sizes.from_
    fixed = one_size(wanted["shapes"])
    _check_inputs(samples, verify or several, quantize, calibration, preprocess)
    check_place(output, overwrite)  # before anything is quantized
    reads = (calibration or samples, preprocess)
    check_folder(output, lambda: read_by(model, fixed, *reads, [wanted.get("config"), sign]))
    note_folder(calibration, preprocess)
    with working(f"compiling {model.name}") as told:
        source: Path | Model = model
        sqnr = None
        if quantize:
            source, sqnr = _quantized(
                model, target, quantize, calibration, preprocess, wanted | {"shapes": fixed}, told
            )
        made = verbs.compile(
            source,
            output,
            target,
            also=[form for text in also for form in text.split(",") if form],
            overwrite=overwrite,
            cache=not no_cache,
            progress=told,
            verify=verify,
            sign=sign,
            samples=_samples(samples or calibration, source, preprocess, fixed, wanted) if verify or several else None,
            buckets=sizes.buckets,
            **wanted,
        )
    document = _document(made) | {"quantized": sqnr}
    if as_json:
        out.document("compile", document)
    else:
        show(document)


def _check_inputs(
    samples: Path | None, judging: bool, quantize: str, calibration: Path | None, preprocess: str
) -> None:
    """Refuse real inputs that nothing is done with, and a quantization without any."""
    if calibration is not None and not quantize:
        raise UsageError("--calibration goes with --quantize PRECISION; real inputs to verify with are --samples")
    if preprocess and calibration is None and samples is None:
        raise UsageError("--preprocess says how pictures become inputs: it goes with --calibration or --samples")
    if samples is not None and not judging:
        raise UsageError("--samples are to verify with: leave --no-verify out")
    if quantize and quantize != "w8" and calibration is None:
        raise UsageError(f"--quantize {quantize} needs real inputs: give --calibration DIR|NPZ|input_list.txt")


def _samples(
    path: Path | None,
    source: Path | Model,
    preprocess: str,
    shapes: Mapping[str, tuple[int, ...]],
    wanted: Mapping[str, Any],
) -> Sequence[Any] | None:
    """What to verify with: the samples that were named, else those that calibrated."""
    from zif.cli.inputs import samples_at
    from zif.model import Model

    return (
        None if path is None else samples_at(path, Model.load(source, shapes, wanted.get("custom_ops", ())), preprocess)
    )


def _quantized(
    path: Path,
    targets: Sequence[str],
    precision: str,
    calibration: Path | None,
    preprocess: str,
    wanted: Mapping[str, Any],
    told: Any,
) -> tuple[Model, dict[str, Any]]:
    """The QDQ model under the float one's name, in the forms that the backends of all targets want, and how close it
    comes on the CPU reference.
    """
    from zif.backends.extensions import verb
    from zif.model import Model
    from zif.planning.candidates.quantizer_rules import quantization_rules

    part = {key: wanted[key] for key in ("only", "exclude", "emulate") if wanted.get(key)}
    whose = quantization_rules(targets, **part)
    libraries = wanted.get("custom_ops", ())
    data = {"shapes": wanted.get("shapes"), "preprocess": preprocess, "progress": told, "custom_ops": libraries}
    quantized = verb("quantize")(path, calibration, precision, rules=whose.rules, **data)
    model = Model.load(quantized.model, None, libraries)
    model.name = path.stem
    sqnr = {name: round(db, 2) for name, db in quantized.sqnr.items()}
    return model, {
        "precision": precision,
        "held_out": quantized.held_out,
        "sqnr_db": sqnr,
        "rules": list(whose.backends),
    }


def _document(made: Compilation) -> dict[str, Any]:
    from zif.artifacts.bundle import open_bundle

    bundle = open_bundle(made.folder)
    buckets = [
        {
            "label": bucket.label,
            "padding": bucket.finding.padding,
            "refused": bucket.finding.reason,
            "masks": len(bucket.finding.guards),
            "targets": _targets(bucket.made),
        }
        for bucket in made.buckets
    ]
    files = {name: content.bytes for name, content in bundle.files.items()}
    told = {"bundle": str(made.folder), "targets": _targets(made), "versions": bundle.versions, "files": files}
    return {**told, "buckets": buckets}


def _targets(made: Compilation) -> list[dict[str, Any]]:
    """What was built for each target."""
    import attrs

    from zif.cli.running import unsaid

    return [
        {
            "target": name,
            "segments": [
                {
                    "id": segment.id,
                    "backend": segment.backend,
                    "kind": segment.kind,
                    "label": segment.label,
                    "units": len(segment.units),
                }
                for segment in plan.segments
            ],
            "emulated": plan.emulated,
            "events": [attrs.asdict(event) for event in made.events[name]],
            "notes": unsaid(plan, made.events[name]),
            "verification": made.verification[name].to_json() if name in made.verification else None,
        }
        for name, plan in made.plans.items()
    ]
