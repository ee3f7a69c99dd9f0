"""`zif calibrate`: a few measurements of yours correct the prices of a chip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zif.cli.options import JsonOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zif.evaluation.calibration import Calibrated


def command(
    target: Annotated[str, typer.Argument(metavar="[TARGET]", help="The chip that was measured on.")] = "",
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE...]", help="Tables (.csv), profiles (.json).", show_default=False),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", metavar="MODEL", help="The graph of profiles that do not hold it.")
    ] = None,
    precision: Annotated[
        str,
        typer.Option("--precision", metavar="w8a8", help="What it ran as where the file is silent."),
    ] = "",
    toolchain: Annotated[
        str, typer.Option("--toolchain", metavar="WORD", help="Holds for toolchains whose version has this word.")
    ] = "",
    listed: Annotated[bool, typer.Option("--list", help="Show what is kept, of one chip or of all.")] = False,
    forgotten: Annotated[bool, typer.Option("--forget", help="Forget what is kept of the chip.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Correct a chip's prices by times that you measured there; plans for it use and name them from then on."""
    from zif.errors import UsageError

    chip, files = _chip(target), files or []
    if (listed and forgotten) or (files and (listed or forgotten)):
        raise UsageError("--list and --forget stand alone: neither files nor the other go with them.")
    if listed:
        _tell(_kept(chip), as_json)
    elif not chip:
        raise UsageError("zif calibrate needs a chip and a file of measurements: zif calibrate TARGET measured.csv")
    elif forgotten:
        _forget(chip, toolchain, as_json)
    else:
        if not files:
            raise UsageError(f"zif calibrate {chip} needs a file of measurements, --list or --forget.")
        _tell([_calibrated(chip, files, model, precision, toolchain)], as_json)


def _chip(target: str) -> str:
    from zif.targets import target as find

    return find(target).name if target else ""


def _calibrated(chip: str, files: Sequence[Path], model: Path | None, precision: str, toolchain: str) -> Calibrated:
    from zif.errors import UsageError
    from zif.evaluation.calibration import calibrate, read
    from zif.evaluation.calibration.reading import PRECISIONS
    from zif.targets import target as find

    if precision not in PRECISIONS:
        raise UsageError(f"--precision {precision!r} is none of {', '.join(PRECISIONS[1:])}.")
    measurements = [measurement for file in files for measurement in read(file, model, precision)]
    return calibrate(find(chip), measurements, toolchain)


def _kept(chip: str) -> list[Calibrated]:
    from zif.evaluation.calibration.verb import shown
    from zif.planning.costs import corrections

    return [shown(correction) for correction in corrections.kept() if chip in ("", correction.target)]


def _forget(chip: str, toolchain: str, as_json: bool) -> None:
    from zif.cli.views import terminal
    from zif.evaluation.calibration import forget

    gone = forget(chip, toolchain or None)
    if as_json:
        rows = [
            {"target": correction.target, "toolchain": correction.toolchain, "rows": len(correction.rows)}
            for correction in gone
        ]
        terminal.document("calibrate", {"calibrations": [], "forgotten": rows})
        return
    for correction in gone:
        of = f" with {correction.toolchain}" if correction.toolchain else ""
        terminal.say(f"Forgotten: {len(correction.rows)} measurements of {correction.target}{of}.")


def _tell(corrections: Sequence[Calibrated], as_json: bool) -> None:
    from zif.cli.views import terminal
    from zif.files.wording import duration

    if as_json:
        document: dict[str, Any] = {
            "calibrations": [calibrated.to_json() for calibrated in corrections],
            "forgotten": [],
        }
        terminal.document("calibrate", document)
        return
    for calibrated in corrections:
        of = f" with {calibrated.toolchain}" if calibrated.toolchain else ""
        rows = [
            [row.model, row.precision, duration(row.us), duration(row.before_us), duration(row.after_us), row.source]
            for row in calibrated.rows
        ]
        columns = ("model", "precision", "measured", "priced", "corrected", "from")
        terminal.table(f"{calibrated.target}{of}", columns, rows, right=columns[2:5])
        terminal.say(f"Kept in {calibrated.path}: plans for {calibrated.target} use this. `--forget` undoes it.")
    if not corrections:
        terminal.say("Nothing is kept.")
