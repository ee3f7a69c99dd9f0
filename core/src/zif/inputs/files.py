"""One file as the value of one input; the ending says what the file is, and everything unknown is raw."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zif.errors import InvalidInput
from zif.files.archives import read_arrays
from zif.files.arrays import read_array
from zif.files.documents import read_json
from zif.files.paths import Refusal
from zif.files.protobufs import read_value
from zif.files.unused import unused
from zif.inputs.raw import from_file
from zif.model.dtypes import decoded, numpy_dtype
from zif.records import TensorInfo

if TYPE_CHECKING:
    from zif.inputs.preprocess import Preprocess
    from zif.records import Array, Value

#: What numpy calls an array that was saved without a name.
_UNNAMED = frozenset({"arr_0"})
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})


def read(path: Path, info: TensorInfo, preprocess: Preprocess | None = None, inputs: Collection[str] = ()) -> Value:
    """The value in `path` for the input `info`; `inputs` are the names of all that the model has.

    .npy and .npz (the entry of the input's name, or the only one), .pb (TensorProto and the like), .json (nested
    lists), images, turned into tensors by `preprocess`, and raw little-endian data for every other ending. Raises
    InvalidInput.
    """
    ending = path.suffix.lower()

    def refuse(text: str) -> InvalidInput:
        return InvalidInput(f"input {info.name!r}: {text}")

    if ending in IMAGES:
        from zif.inputs.image import from_image

        return from_image(path, info, preprocess)
    if ending == ".npy":
        return as_declared(read_array(path, refuse), info)
    if ending == ".npz":
        return as_declared(_entry(read_arrays(path, refuse), path, info.name, inputs), info)
    if ending == ".pb":
        return read_value(path, info.type, decoded, refuse)
    if ending == ".json":
        return _from_json(path, info, refuse)
    return from_file(path, info)


def as_declared(array: Array, info: TensorInfo) -> Array:
    """The array as it was saved; numpy forgets the names of bfloat16 and its like, the model knows them."""
    if array.dtype.kind != "V" or not info.dtype:
        return array
    wanted = numpy_dtype(info.dtype)
    return array.view(wanted) if array.dtype.itemsize == wanted.itemsize else array


def _entry(arrays: Mapping[str, Array], path: Path, name: str, inputs: Collection[str]) -> Array:
    if name not in arrays and len(arrays) > 1:
        raise InvalidInput(f"{path} has no entry {name!r}; it holds {', '.join(arrays)}")
    if name not in arrays:
        other = next(iter(arrays))
        if other not in _UNNAMED:
            unused(f"{path}: its array is called {other!r}, and is taken for the input {name!r}: it is the only one")
        return arrays[other]
    for other in arrays:
        if other != name and other not in inputs:
            unused(f"{path}: the array {other!r} is not used: the model has no input of that name")
    return arrays[name]


def _from_json(path: Path, info: TensorInfo, refuse: Refusal) -> Array:
    if not info.dtype:
        raise refuse(f"{path}: it takes {info.type or 'an unknown type'}, and JSON gives tensors only")
    values = read_json(path, refuse, finite=False)
    try:
        return _numbers(values, numpy_dtype(info.dtype)) if info.dtype != "string" else _texts(values)
    except (ValueError, TypeError, OverflowError) as error:
        raise refuse(f"{path} is no JSON of {info.dtype} values: {error}") from error


def _numbers(values: Any, dtype: np.dtype[Any]) -> Array:
    """The array of numbers; numpy would read them from text, too, and drop what is behind the point."""
    plain = np.array(values)
    if plain.size and plain.dtype.kind not in "biuf":
        raise ValueError("it holds something else than numbers, or numbers beyond 64 bits")
    with np.errstate(over="ignore"):
        array = np.array(values, dtype=dtype)
    whole = dtype.name.startswith(("int", "uint"))
    held = np.equal(array.astype(plain.dtype), plain) if whole else np.isfinite(array) | ~np.isfinite(plain)
    if not held.all():
        raise ValueError("it holds numbers that the type cannot hold")
    return array


def _texts(values: Any) -> Array:
    array = np.array(values, dtype=object)
    if not all(isinstance(text, str) for text in array.flat):
        raise ValueError("it holds something else than texts, or lists of different lengths")
    return array
