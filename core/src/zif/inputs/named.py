"""`--input NAME=FILE`: which file is for which input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from zif.errors import InvalidInput, UsageError
from zif.files.archives import read_arrays
from zif.files.opening import is_plain
from zif.files.wording import did_you_mean
from zif.inputs.files import as_declared, read

if TYPE_CHECKING:
    from zif.inputs.preprocess import Preprocess
    from zif.records import TensorInfo, Value


def read_named(
    options: Iterable[str], infos: Mapping[str, TensorInfo], preprocess: Mapping[str, Preprocess] | None = None
) -> dict[str, Value]:
    """Values by input name. An option is NAME=FILE, FILE alone for a model with one input, or an .npz with them all.

    `infos` are the model's inputs, `preprocess` the descriptions for images by input name ("" for all others).
    Raises UsageError for an input given twice, InvalidInput for an unknown one and a file that does not fit.
    """
    values: dict[str, Value] = {}
    for option in options:
        name, path = split(option, infos)
        fresh = (
            _all_of(path, infos)
            if name is None
            else {name: read(path, info_of(name, infos), of(preprocess, name), infos)}
        )
        for known in fresh.keys() & values.keys():
            raise UsageError(f"--input {option}: input {known!r} is given twice")
        values.update(fresh)
    return values


def split(option: str, infos: Mapping[str, TensorInfo]) -> tuple[str | None, Path]:
    """Input name and file; None for the name when the file holds all inputs by name.

    Names and files may hold "=" themselves, so the model's own names decide.
    """
    for name in sorted(infos, key=len, reverse=True):
        if option.startswith(f"{name}="):
            return name, Path(option[len(name) + 1 :])
    path = Path(option)
    if "=" in option and not is_plain(path):
        name, _, rest = option.partition("=")
        return name, Path(rest)
    if len(infos) == 1:
        return next(iter(infos)), path
    if path.suffix.lower() == ".npz":
        return None, path
    raise UsageError(f"--input {option}: the model has {len(infos)} inputs, so say which: {_names(infos)} = FILE")


def info_of(name: str, infos: Mapping[str, TensorInfo]) -> TensorInfo:
    """What is known of an input. Raises InvalidInput listing the inputs that there are."""
    if name in infos:
        return infos[name]
    raise InvalidInput(f"the model has no input {name!r}.{did_you_mean(name, infos)} It takes {_names(infos)}.")


def of(preprocess: Mapping[str, Preprocess] | None, name: str) -> Preprocess | None:
    """The description for one input: its own, or the one for all."""
    descriptions = preprocess or {}
    return descriptions.get(name, descriptions.get(""))


def _all_of(path: Path, infos: Mapping[str, TensorInfo]) -> dict[str, Value]:
    arrays = read_arrays(path, lambda text: InvalidInput(f"--input {text}"))
    return {name: as_declared(array, info_of(name, infos)) for name, array in arrays.items()}


def _names(infos: Mapping[str, TensorInfo]) -> str:
    return ", ".join(map(repr, infos)) or "no inputs at all"
