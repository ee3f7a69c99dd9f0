"""`zif encodings`: files of quantization encodings: shown, checked against a model, converted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from zif import InvalidInput, InvalidModel
from zif.plugin import JsonOption, options

from zif_quantize.cli.options import FORMATS_HELP, RulesOption

if TYPE_CHECKING:
    from zif_quantize.qdq import Encodings

app = typer.Typer(no_args_is_help=True, help="Quantization encodings: show, check, convert between formats.")

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="Encodings (.json), or a QDQ model (.onnx).", show_default=False)
]
ModelOption = Annotated[Path | None, typer.Argument(metavar="[MODEL]", help="The float model that they are for.")]


@app.command("show")
def show(file: FileArgument, as_json: JsonOption = False) -> None:
    """Every entry of a file or of a QDQ model."""
    from zif.plugin import terminal, things

    encodings = _read(file)
    if as_json:
        terminal.document("encodings", _document(file, encodings))
        return
    rows = [
        [
            entry.name,
            entry.kind,
            entry.dtype,
            _range(entry.scale),
            _range(entry.zero_point),
            "" if entry.axis is None else entry.axis,
        ]
        for entry in encodings.entries
    ]
    columns = ("tensor", "kind", "type", "scale", "zero point", "axis")
    terminal.table(
        f"{file}: {encodings.format}, {things(len(rows), 'entry', 'entries')}", columns, rows, right=columns[3:]
    )
    _tell_problems(encodings)


@app.command("check")
def check(
    file: FileArgument,
    model: ModelOption = None,
    shape: options.ShapeOption = [],  # noqa: B006 - typer reads the default and never changes it
    rules: RulesOption = "",
    as_json: JsonOption = False,
) -> None:
    """What is wrong with a file, and how it fits a model.

    Exit code 1 when an entry is wrong or matches nothing, and for whatever else `quantize --encodings` would refuse.
    """
    from zif.plugin import listed, terminal, things

    file_ = _read(file)
    document = _document(file, file_) | {"unmatched": None, "uncovered": None, "misfit": None}
    if not file_.entries and not file_.problems:
        document |= {"misfit": "the file has no entry"}
    elif model is not None:
        document |= _fit(file_, model, shape, rules)
    bad = bool(file_.problems or document["unmatched"] or document["misfit"])
    if as_json:
        terminal.document("encodings", document)
    else:
        good = things(len(file_.entries), "good entry", "good entries")
        terminal.say(f"{file}: {file_.format}, {good}, {len(file_.problems)} wrong")
        _tell_problems(file_)
        match, have = ("entry matches", "entries match"), ("tensor has", "tensors have")
        for key, forms, what in (("unmatched", match, "no tensor"), ("uncovered", have, "no entry")):
            names = document[key] or ()
            if names:
                terminal.say(f"{things(len(names), *forms)} {what}: {listed(names, 10)}")
        if document["misfit"]:
            terminal.say(document["misfit"])
    if bad:
        raise typer.Exit(1)


@app.command("convert")
def convert(
    file: FileArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", show_default=False)],
    to: Annotated[str, typer.Option("--to", help=FORMATS_HELP)] = "overrides",
    model: Annotated[
        Path | None, typer.Option("--model", metavar="MODEL", help="Says which entries are weights, and their axes.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Take min and max where an entry contradicts itself.")
    ] = False,
    rules: RulesOption = "",
) -> None:
    """Write a file, or what a QDQ model carries, in another format."""
    import json

    from zif.plugin import called_format, check_output, encodings_format, say, things, write_text

    from zif_quantize import prepare
    from zif_quantize.qdq import refuse, repaired, settled, write

    check_output(output, file, model)
    file_ = _read(file)
    file_ = repaired(file_) if repair else file_
    refuse(file_)
    if model is not None:
        file_ = settled(prepare(model, rules=rules or None), file_)
    write_text(output, json.dumps(write(file_, to), indent=1) + "\n")
    say(f"{output}: {things(len(file_.entries), 'entry', 'entries')} as {called_format(encodings_format(to))}")


def _read(file: Path) -> Encodings:
    from zif.plugin import export_encodings

    from zif_quantize.qdq import read

    if file.suffix.lower() != ".onnx":
        return read(file)
    import zif
    from zif.plugin import read_model as read_model

    zif.Model.load(file)  # raises what is wrong with it, which whoever exports does not ask
    encodings = export_encodings(read_model(file).proto)
    if not encodings.entries:
        raise InvalidInput(f"{file} carries no encodings: it is not quantized, or only at run time")
    return encodings


def _fit(encodings: Encodings, model: Path, shape: list[str], rules: str) -> dict[str, Any]:
    """How the good entries fit a model, which is found out by applying them."""
    import attrs

    from zif_quantize import prepare
    from zif_quantize.calibration.sample_sources import check_shapes
    from zif_quantize.qdq import apply

    prepared = prepare(model, options.shapes(shape), rules=rules or None)
    check_shapes(prepared)
    try:
        made = apply(prepared, attrs.evolve(encodings, problems=()))
    except (InvalidInput, InvalidModel) as error:
        return {"misfit": str(error)}
    return {"unmatched": list(made.unmatched), "uncovered": list(made.uncovered)}


def _document(file: Path, encodings: Encodings) -> dict[str, Any]:
    import attrs

    return {
        "file": str(file),
        "format": encodings.format,
        "defaults": dict(encodings.defaults),
        "entries": [attrs.asdict(entry) for entry in encodings.entries],
        "problems": [attrs.asdict(problem) for problem in encodings.problems],
    }


def _tell_problems(encodings: Encodings) -> None:
    from zif.plugin import say

    for problem in encodings.problems:
        say(f"wrong: {problem}" + (" (--repair of quantize and convert takes min and max)" if problem.fixable else ""))


def _range(values: tuple[float, ...]) -> str:
    if not values:
        return ""
    low, high = min(values), max(values)
    return f"{low:.6g}" if low == high else f"{low:.4g} to {high:.4g}, {len(values)} channels"
