"""What came out of a run: a summary of every output, and the outputs as files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zif.cli.files import write
from zif.cli.views.terminal import plain
from zif.files.wording import json_text
from zif.inputs.filenames import safe_names

#: How many of the best classes are told.
TOP = 5


def summary(value: Any) -> dict[str, Any]:
    """dtype, shape and figures of an output; for what is no tensor, its kind and length."""
    if not isinstance(value, (np.ndarray, np.generic)):
        return {"dtype": _kind(value), "shape": [len(value)] if isinstance(value, (list, dict)) else []}
    array = np.asarray(value)
    told: dict[str, Any] = {"dtype": _dtype(array), "shape": list(array.shape)}
    numbers = _numbers(array)
    if numbers is None or not numbers.size:
        return told
    finite = numbers[np.isfinite(numbers)]
    if finite.size:
        told |= {"min": float(finite.min()), "mean": float(finite.mean()), "max": float(finite.max())}
    if finite.size < numbers.size:
        told["not_finite"] = int(numbers.size - finite.size)
    if is_scores(array):
        order = np.argsort(-numbers.reshape(-1), kind="stable")[:TOP]
        told["top"] = [[int(place), float(numbers.reshape(-1)[place])] for place in order]
    return told


def _kind(value: Any) -> str:
    if isinstance(value, (list, dict)):
        return "sequence" if isinstance(value, list) else "map"
    return "none" if value is None else type(value).__name__


def is_scores(array: Any) -> bool:
    """Whether an array looks like one score per class: one row of floats."""
    row = array.ndim == 2 and array.shape[0] == 1 and array.shape[1] > 1
    return row and array.dtype.kind not in "OUSbiuc" and bool(np.isfinite(array.astype(np.float64)).all())


def save(outputs: Mapping[str, Any], folder: Path, raw: bool) -> dict[str, Path]:
    """Write each output to a file of its own: .npy (or .raw) for a tensor, .npz for a sequence, .json for a map.

    Each file is whole or not there. Raises UsageError when the folder cannot be written to.
    """
    names = safe_names(outputs)
    return {name: _save(value, folder / names[name], raw) for name, value in outputs.items()}


def there(names: Iterable[str], folder: Path, raw: bool) -> list[Path]:
    """The files that writing outputs of these names may replace."""
    endings = (".npy", ".npz", ".json", *([".raw"] if raw else []))
    made = [_with(folder / name, ending) for name in safe_names(names).values() for ending in endings]
    return [path for path in made if path.is_file()]


def _save(value: Any, stem: Path, raw: bool) -> Path:
    if isinstance(value, (np.ndarray, np.generic)):
        return _save_array(np.asarray(value), stem, raw)
    if isinstance(value, list) and value and all(isinstance(item, np.ndarray) for item in value):
        path = _with(stem, ".npz")
        arrays = {str(number): _storable(item) for number, item in enumerate(value)}
        write(path, lambda stream: np.savez(stream, **arrays))
        return path
    path = _with(stem, ".json")
    write(path, lambda stream: stream.write(json_text(_jsonable(value)).encode()))
    return path


def _save_array(array: Any, stem: Path, raw: bool) -> Path:
    if raw and array.dtype.kind not in "OUS":
        path = _with(stem, ".raw")
        write(path, lambda stream: stream.write(np.ascontiguousarray(array).tobytes()))
        return path
    path = _with(stem, ".npy")
    write(path, lambda stream: np.save(stream, _storable(array), allow_pickle=False))
    return path


def _with(stem: Path, ending: str) -> Path:
    return stem.with_name(stem.name + ending)


def _storable(array: Any) -> Any:
    """Strings as fixed-width text, which loads without pickle."""
    return array.astype(str) if array.dtype.kind == "O" else array


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    return plain(value.tolist()) if isinstance(value, (np.ndarray, np.generic)) else plain(value)


def _dtype(array: Any) -> str:
    return "string" if array.dtype.kind in "OUS" else str(array.dtype)


def _numbers(array: Any) -> Any:
    """The array as float64; None for text and complex numbers."""
    return None if array.dtype.kind in "OUSc" else array.astype(np.float64)
