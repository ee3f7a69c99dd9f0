"""Measurements as users have them: a table of their own, a profile of zif's, a profile of a job in the cloud."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from zif.errors import UsageError
from zif.files.documents import read_json
from zif.files.text import read_text
from zif.planning.candidates.assumed import ASSUMED

COLUMNS = ("model", "latency_ms", "latency_us", "precision", "toolchain", "device")
PRECISIONS = ("", "float", *ASSUMED)
#: Less than a launch takes, and more than a day: a figure in another unit, or of another column.
_LEAST_US, _MOST_US = 1.0, 8.64e10


@frozen
class Measured:
    """One measurement as somebody handed it over.

    model: the path of its graph. us: microseconds of a run. precision: "float", "w8a8", "w8a16", or "" for what the
    graph itself holds. where: file and line, for errors and for the list of what is kept.
    """

    model: Path
    us: float
    precision: str
    toolchain: str
    where: str


def read(path: Path, model: Path | None = None, precision: str = "") -> list[Measured]:
    """Every measurement in a file.

    model: of which graph a profile is that does not name a file. precision: of rows that do not say it. Raises
    UsageError with the file, the place and what belongs there; also for times of an emulator, which say nothing of
    the chip.
    """
    if path.suffix.lower() in (".csv", ".tsv"):
        return _table(path, precision)
    document = read_json(path, UsageError)
    if not isinstance(document, Mapping):
        raise UsageError(f"{path} holds no measurement: it is {_kind(document)}, where a profile is an object.")
    if str(document.get("schema", "")).startswith("zif.profile/"):
        return [_profile(path, document, model, precision)]
    estimated = _estimated(document)
    if estimated is not None:
        return [_job(path, document, estimated, model, precision)]
    raise UsageError(
        f"{path} holds no measurement that zif knows: neither a profile of `zif profile --json` nor one of a job, "
        "which has execution_summary.estimated_inference_time."
    )


def _table(path: Path, precision: str) -> list[Measured]:
    tab = "\t" if path.suffix.lower() == ".tsv" else ","
    table = csv.reader(read_text(path, UsageError).splitlines(), delimiter=tab)
    try:
        head = [name.strip().lower() for name in next(table, [])]
        _head(path, head)
        rows = [_row(path, table.line_num, head, cells, precision) for cells in table if any(map(str.strip, cells))]
    except csv.Error as error:
        raise UsageError(f"{path}: line {table.line_num}: {error}.") from error
    if not rows:
        raise UsageError(f"{path} holds no measurement: it needs rows of model and latency_ms.")
    return rows


def _head(path: Path, head: Sequence[str]) -> None:
    unknown = next((name for name in head if name not in COLUMNS), None)
    if unknown is not None:
        raise UsageError(f"{path}: unknown column {unknown!r}; known are {', '.join(COLUMNS)}.")
    times = [name for name in head if name.startswith("latency_")]
    if "model" not in head or len(times) != 1 or len(set(head)) < len(head):
        raise UsageError(
            f"{path}: the first line names the columns, each once: model, and one of latency_ms and latency_us."
        )


def _row(path: Path, line: int, head: Sequence[str], cells: Sequence[str], precision: str) -> Measured:
    where = f"{path}: line {line}"
    if len(cells) > len(head):
        raise UsageError(f"{where} has {len(cells)} cells under {len(head)} columns.")
    row = dict.fromkeys(COLUMNS, "") | {name: cell.strip() for name, cell in zip(head, cells, strict=False)}
    if not row["model"]:
        raise UsageError(f"{where}: a row needs the path of its model.")
    name = next(column for column in head if column.startswith("latency_"))
    us = _us(where, name, row[name], 1e3 if name == "latency_ms" else 1.0)
    word = row["precision"].lower() or precision
    if word not in PRECISIONS:
        raise UsageError(f"{where}: precision must be one of {', '.join(PRECISIONS[1:])}, or empty, not {word!r}.")
    _no_emulator(where, row["device"])
    model = Path(row["model"])
    return Measured(model if model.is_absolute() else path.parent / model, us, word, row["toolchain"], where)


def _us(where: str, name: str, value: Any, factor: float) -> float:
    try:
        us = float(value) * factor
    except (TypeError, ValueError, OverflowError):
        us = math.nan
    if not _LEAST_US <= us <= _MOST_US:
        raise UsageError(f"{where}: {name} must be the time of a run, such as 2.4, not {value!r}.")
    return us


def _no_emulator(where: str, words: str) -> None:
    if "emulat" in words.lower() or "simulat" in words.lower():
        raise UsageError(f"{where}: {words!r} says that an emulator ran; its times say nothing of the chip.")


def _profile(path: Path, document: Mapping[str, Any], model: Path | None, precision: str) -> Measured:
    segments = document.get("segments")
    if not isinstance(segments, list) or not segments or not all(isinstance(segment, Mapping) for segment in segments):
        raise UsageError(f"{path} is no whole profile: it has no segments.")
    other = [segment for segment in segments if segment.get("kind") != "hardware" or segment.get("label")]
    if other:
        raise UsageError(
            f"{path}: segment {other[0].get('id')} ran on {other[0].get('label') or other[0].get('kind')}, not on the "
            "chip; only a profile that is hardware throughout says what the chip takes."
        )
    if len(segments) != 1:
        raise UsageError(f"{path} has {len(segments)} segments; prices are corrected by models that ran as one.")
    ms = document.get("ms")
    us = _us(str(path), "ms.p50", ms.get("p50") if isinstance(ms, Mapping) else None, 1e3)
    return Measured(_named(path, model), us, precision, str(segments[0].get("toolchain", "")), str(path))


def _estimated(document: Mapping[str, Any]) -> Any:
    """The time in the profile of a job, also where that lies inside a record of the job; None without one."""
    for inner in (document, document.get("profile"), document.get("result")):
        summary = inner.get("execution_summary") if isinstance(inner, Mapping) else None
        if isinstance(summary, Mapping) and "estimated_inference_time" in summary:
            return inner
    return None


def _job(
    path: Path, document: Mapping[str, Any], profile: Mapping[str, Any], model: Path | None, precision: str
) -> Measured:
    us = _us(str(path), "estimated_inference_time", profile["execution_summary"]["estimated_inference_time"], 1.0)
    detail = profile.get("execution_detail", [])
    units = (
        {
            str(layer.get("compute_unit", ""))
            for layer in detail
            if isinstance(layer, Mapping) and layer.get("compute_unit")
        }
        if isinstance(detail, list)
        else set()
    )
    others = sorted(units - {"NPU"})
    if others:
        raise UsageError(
            f"{path}: layers ran on the {', '.join(others)}, too; prices are corrected by models that the NPU "
            "ran whole."
        )
    device = document.get("device")
    _no_emulator(str(path), device if isinstance(device, str) else "")
    named = model or (Path(document["model"]) if isinstance(document.get("model"), str) else None)
    return Measured(_named(path, named), us, precision, "", str(path))


def _named(path: Path, model: Path | None) -> Path:
    if model is None:
        raise UsageError(f"{path} does not hold the graph it is of: name it with --model.")
    return model


def _kind(value: Any) -> str:
    return {list: "a list", str: "a text", bool: "a truth value", type(None): "null"}.get(type(value), "a number")
