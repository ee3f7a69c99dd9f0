"""What a toolchain makes of models: plan, sizes of artifacts, outputs; as records, and as a folder that is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from attrs import Factory, frozen

from zif.errors import UsageError
from zif.files.archives import read_arrays, save_arrays
from zif.files.documents import read_json
from zif.files.opening import is_plain
from zif.files.records import value
from zif.files.wording import json_text
from zif.files.writing import refused, write_whole
from zif.model.dtypes import numpy_dtype
from zif.planning.plan import SCHEMA as PLAN
from zif.planning.plan import Plan

if TYPE_CHECKING:
    from zif.records import Array, Arrays

SCHEMA = "zif.drift-kept/1"
FILE = "drift.json"


@frozen
class Reading:
    """One model on one toolchain.

    plan: as `Plan.to_json` gives it; None where nothing could be planned. bytes: of the artifacts, by backend; None
    where nothing was built. inputs, outputs: dtype by tensor, the values lie beside it; no outputs where it failed.
    sets: how many sets of inputs there are. failure: why it was not built or not run; "" when it was.
    """

    model: str
    plan: Mapping[str, Any] | None = None
    bytes: Mapping[str, int] | None = None
    inputs: Mapping[str, str] = Factory(dict)
    outputs: Mapping[str, str] = Factory(dict)
    sets: int = 0
    failure: str = ""


@frozen
class Kept:
    """Readings with the folder where their arrays lie; None for plans alone. source: whose they are."""

    source: str
    readings: tuple[Reading, ...]
    folder: Path | None = None

    def of(self, model: str) -> Reading | None:
        """The reading of a model by its name."""
        return next((reading for reading in self.readings if reading.model == model), None)

    def arrays(self, reading: Reading, what: str, number: int) -> Arrays:
        """The "inputs" or "outputs" of a set by tensor. Raises UsageError for a file that is gone or damaged."""
        assert self.folder is not None
        kinds = reading.inputs if what == "inputs" else reading.outputs
        return unpacked(self.folder / place(self.readings.index(reading), what, number), kinds)


def place(model: int, what: str, number: int) -> str:
    """Where the arrays of a set lie in the folder: models and sets are numbered, as their names need not be files'."""
    return f"{model:02d}-{what}-{number:02d}.npz"


def pack(path: Path, arrays: Mapping[str, Array]) -> dict[str, str]:
    """Write arrays of one set; dtypes by tensor, in the order in which they lie there. Raises OSError."""
    save_arrays(path, {f"v{number}": _plain(np.asarray(array)) for number, array in enumerate(arrays.values())})
    return {name: _kind(np.asarray(array)) for name, array in arrays.items()}


def unpacked(path: Path, kinds: Mapping[str, str]) -> Arrays:
    """The arrays that `pack` wrote, by tensor. Raises UsageError."""
    arrays = read_arrays(path, UsageError)
    if len(arrays) != len(kinds):
        raise UsageError(f"{path} holds {len(arrays)} arrays, and {FILE} beside it names {len(kinds)}: keep it anew")
    return {name: _as(arrays[f"v{number}"], kind) for number, (name, kind) in enumerate(kinds.items())}


def write_kept(folder: Path, source: str, readings: Sequence[Reading]) -> None:
    """The document beside the arrays. Raises UsageError or NotWritten."""
    document = {"schema": SCHEMA, "source": source, "readings": [attrs.asdict(reading) for reading in readings]}
    try:
        write_whole(folder / FILE, json_text(document, indent=1) + "\n")
    except OSError as error:
        raise refused(str(folder / FILE), error) from error


def read_kept(path: Path) -> Kept:
    """A folder that `zif drift --keep` wrote, or a plan (or a list of plans) that `zif plan --json` did.

    Raises UsageError, saying what it is instead.
    """
    if path.is_dir():
        if not is_plain(path / FILE):
            raise UsageError(f"{path} has no {FILE}: `zif drift MODEL --keep {path}` writes one")
        data = read_json(path / FILE, UsageError)
        if not isinstance(data, Mapping) or data.get("schema") != SCHEMA:
            raise UsageError(f"{path / FILE} is no {SCHEMA}: `zif drift MODEL --keep DIR` writes one")
        readings = value(tuple[Reading, ...], data.get("readings"), f"{path / FILE}: readings", UsageError)
        return Kept(str(data.get("source")), readings, path)
    data = read_json(path, UsageError)
    plans = data if isinstance(data, list) else [data]
    if not plans or not all(isinstance(plan, Mapping) and plan.get("schema") == PLAN for plan in plans):
        raise UsageError(f"{path} is neither a plan nor a list of plans: `zif plan MODEL --json > {path}` writes one")
    return Kept(str(path), tuple(Reading(str(plan.get("model")), plan) for plan in plans))


def plan_of(reading: Reading, where: str) -> Plan | None:
    """The plan, every field held to its type. Raises UsageError."""
    if reading.plan is None:
        return None
    return Plan.from_json(reading.plan, f"{where}: the plan of {reading.model}", UsageError)


def _plain(array: Array) -> Array:
    """What any numpy reads: types of ml_dtypes as the unsigned numbers of their bytes, objects as text."""
    if array.dtype.kind == "O":
        return array.astype(str)
    return array.view(f"u{array.dtype.itemsize}") if array.dtype.kind == "V" else array


def _kind(array: Array) -> str:
    return "" if array.dtype.kind in "OU" else array.dtype.name


def _as(array: Array, kind: str) -> Array:
    dtype = numpy_dtype(kind) if kind else array.dtype
    return array if array.dtype == dtype else array.view(dtype)


__all__ = ["FILE", "SCHEMA", "Kept", "Reading", "pack", "place", "plan_of", "read_kept", "unpacked", "write_kept"]
