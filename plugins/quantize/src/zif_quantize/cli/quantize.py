"""`zif quantize`: a float model to QDQ, from real inputs or from encodings, with what it costs in accuracy."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from zif import UsageError
from zif.plugin import JsonOption, options

from zif_quantize.cli import goal_search as goal_search
from zif_quantize.cli.options import FORMATS_HELP, RulesOption

if TYPE_CHECKING:
    from zif_quantize import Quantization

CalibrationOption = Annotated[
    Path | None,
    typer.Option(
        "--calibration", "-c", metavar="DIR|NPZ|LIST", help="Real inputs: a folder, an .npz or .npy, an input list."
    ),
]
OutputOption = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="The QDQ model.", show_default=False)
]
PrecisionOption = Annotated[
    str,
    typer.Option(
        "--precision",
        help="w8a8 (where --encodings say no other), w8a16, w4a16, w16a16; w8: weights only, data just to measure.",
    ),
]
MethodOption = Annotated[
    str,
    typer.Option("--method", help="Ranges by minmax, percentile, entropy or mse; auto measures and takes the best."),
]
PercentileOption = Annotated[float | None, typer.Option("--percentile", help="What percentile keeps, in %.")]
ChannelOption = Annotated[
    bool | None, typer.Option("--per-channel/--per-tensor", help="Scales of weights; auto measures both.")
]
SymmetricOption = Annotated[bool, typer.Option("--symmetric", help="Activations around zero.")]
EncodingsOption = Annotated[
    Path | None,
    typer.Option("--encodings", metavar="FILE", help="Encodings to apply: overrides, or AIMET's 0.6.1 to 2.0.0."),
]
RepairOption = Annotated[bool, typer.Option("--repair", help="Take min and max where an entry contradicts itself.")]
UnitOption = Annotated[
    list[str], typer.Option("--unit", metavar="NAME=PRECISION", help="Another precision, or float; repeatable.")
]
PreprocessOption = Annotated[
    str, typer.Option("--preprocess", metavar="TEXT|FILE", help="Images: resize=224x224,scale=1/255,mean=…,std=…,…")
]
RandomOption = Annotated[
    bool, typer.Option("--random-calibration", help="Random values instead of data: the ranges mean nothing then.")
]
TargetOption = Annotated[
    str, typer.Option("--target", "-t", help="Choose and measure on a chip's arithmetic, emulated if need be.")
]
FormatOption = Annotated[str, typer.Option("--encodings-format", help=f"Of the file written beside: {FORMATS_HELP}")]


@options.converting
def command(
    model: options.ModelArgument,
    output: OutputOption,
    calibration: CalibrationOption = None,
    precision: PrecisionOption = "",
    method: MethodOption = "auto",
    percentile: PercentileOption = None,
    per_channel: ChannelOption = None,
    symmetric: SymmetricOption = False,
    encodings: EncodingsOption = None,
    repair: RepairOption = False,
    unit: UnitOption = [],  # noqa: B006 - typer reads the default and never changes it
    preprocess: PreprocessOption = "",
    random_calibration: RandomOption = False,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="For --random-calibration; 0 if not given.")] = None,
    shape: options.ShapeOption = [],  # noqa: B006
    custom_ops: options.CustomOption = [],  # noqa: B006
    target: TargetOption = "",
    rules: RulesOption = "",
    encodings_format: FormatOption = "overrides",
    accuracy_goal: goal_search.GoalOption = [],  # noqa: B006
    function: goal_search.EvalOption = "",
    max_candidates: goal_search.BudgetOption = 64,
    cost: goal_search.CostOption = "",
    sensitivity: goal_search.SensitivityOption = "target",
    frontier: goal_search.FrontierOption = None,
    as_json: JsonOption = False,
) -> None:
    """Quantize a float model to QDQ, and measure what that costs; or give a QDQ model the forms that a chip takes."""
    from zif.plugin import check_outputs, note_folder, read_by, working

    from zif_quantize import quantize
    from zif_quantize.cli.saving import beside, check_format, save
    from zif_quantize.ort.libraries import using

    check_format(encodings_format)
    shapes = options.shapes(shape)
    outputs = [output, beside(output), *([goal_search.table_of(output, frontier)] if accuracy_goal else [])]
    others = (encodings, goal_search.script(function))
    check_outputs(outputs, lambda: read_by(model, shapes, calibration, preprocess, others, custom_ops))
    note_folder(calibration, preprocess)
    if seed is not None and not random_calibration:
        raise UsageError("--seed goes with --random-calibration")
    if preprocess and calibration is None:
        raise UsageError("--preprocess says how pictures become inputs: it goes with --calibration DIR|LIST")
    random = (seed or 0) if random_calibration else None
    changes: dict[str, Any] = {"per_channel": per_channel, "percentile": percentile}
    changes = {key: value for key, value in changes.items() if value is not None}
    changes |= {"symmetric": True} if symmetric else {}
    if accuracy_goal or function:
        fixed = changes or encodings or repair or unit or precision not in ("", "w8a8")
        wanted = goal_search.Search(accuracy_goal, function, max_candidates, cost, sensitivity, frontier, bool(fixed))
        data = {"calibration": calibration, "preprocess": preprocess, "random": random}
        with using(custom_ops):
            goal_search.reach(model, output, wanted, data, shapes, target, method, rules, encodings_format, as_json)
        return
    if frontier is not None or cost or sensitivity != "target" or max_candidates != 64:
        raise UsageError("--frontier, --cost, --sensitivity and --max-candidates shape the search of --accuracy-goal")
    _check_options(repair, encodings, percentile, method)
    with working(f"quantizing {model.name}") as told:
        made = quantize(
            model,
            calibration,
            precision,
            method,
            encodings=encodings,
            overrides=dict(map(_unit, unit)),
            shapes=shapes,
            target=target,
            preprocess=preprocess,
            random=random,
            repair=repair,
            rules=rules or None,
            custom_ops=custom_ops,
            progress=told,
            **changes,
        )
    written = save(made.model, made.encodings, output, encodings_format)
    document = described(model, made) | {"output": str(output), "encodings": str(written)}
    if as_json:
        from zif.plugin import print_document as emit

        emit("quantize", document)
    else:
        from zif_quantize.cli.view import show

        show(document)


def _check_options(repair: bool, encodings: Path | None, percentile: float | None, method: str) -> None:
    """Refuse options of which another is missing, and a percentile that is none."""
    if repair and encodings is None:
        raise UsageError("--repair goes with --encodings FILE")
    if percentile is not None and method != "percentile":
        raise UsageError("--percentile goes with --method percentile")
    if percentile is not None and not 50 <= percentile <= 100:
        raise UsageError(f"--percentile {percentile:g}: what is kept, in % from 50 to 100, such as 99.99")


def _unit(text: str) -> tuple[str, str]:
    name, equals, precision = text.rpartition("=")
    if not (name and equals):
        raise UsageError(f"--unit {text}: write NAME=PRECISION, such as Conv_12=w8a16 or Softmax_3=float")
    return name, precision


def described(model: Path, made: Quantization) -> dict[str, Any]:
    """The document of `--json`."""
    import attrs

    from zif_quantize.auto import describe
    from zif_quantize.rules import document as rules_document
    from zif_quantize.search.candidate import ratios

    trials = [
        {"recipe": describe(trial.recipe) + (", smoothed" if trial.smoothed else ""), "sqnr_db": dict(trial.sqnr)}
        for trial in made.trials
    ]
    return {
        "model": str(model),
        "precision": made.precision,
        "recipe": None if made.recipe is None else attrs.asdict(made.recipe) | {"text": describe(made.recipe)},
        "calibration": {
            "samples": made.samples,
            "held_out": made.held_out,
            "chosen_on": made.chosen_on,
            "chosen_unseen": made.chosen_unseen,
            "spread_db": round(made.spread, 2) if made.held_out and math.isfinite(made.spread) else None,
            "random": made.random,
        },
        "smoothed": made.smoothed,
        "mended": dict(made.mended),
        "reformed": None if made.reformed is None else dict(made.reformed),
        "outputs": ratios(made.sqnr),
        "rules": rules_document(made.rules),
        "target": made.target or None,
        "target_outputs": ratios(made.target_sqnr),
        "target_backends": list(made.target_backends),
        "emulated": list(made.emulated),
        "trials": trials,
        "tensors": _tensors(made),
        "unmatched": list(made.unmatched),
        "uncovered": list(made.uncovered),
        "repaired": [str(problem) for problem in made.repairs],
    }


def _tensors(made: Quantization) -> dict[str, int]:
    """How many of what were quantized."""
    from zif_quantize.weights_only import counts

    if made.precision == "w8":
        return counts(made.model)
    entries = [entry for entry in made.encodings.entries if not entry.is_float]
    return {
        "activations": sum(entry.kind == "activation" and not entry.readers for entry in entries),
        "weights": sum(entry.kind == "param" and entry.bits < 32 for entry in entries),
        "biases": sum(entry.kind == "param" and entry.bits == 32 for entry in entries),
        "conversions": sum(bool(entry.readers) for entry in entries),
    }
