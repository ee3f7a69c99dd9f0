"""One file as the value of one input; the ending says what the file is, and everything unknown is raw."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zif.errors import InvalidInput
from zif.inputs.raw import from_bytes
from zif.model.dtypes import numpy_dtype
from zif.records import TensorInfo

if TYPE_CHECKING:
    from zif.inputs.preprocess import Preprocess
    from zif.records import Array, Value

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})


def read(path: Path, info: TensorInfo, preprocess: Preprocess | None = None) -> Value:
    """The value in `path` for the input `info`.

    .npy and .npz (the entry of the input's name, or the only one), .pb (TensorProto and the like), .json (nested
    lists), images, turned into tensors by `preprocess`, and raw little-endian data for every other ending. Raises
    InvalidInput.
    """
    if not path.is_file():
        what = "is a folder, not a file" if path.is_dir() else "there is no such file"
        raise InvalidInput(f"input {info.name!r}: {path}: {what}")
    try:
        return _read(path, info, preprocess)
    except OSError as error:
        raise InvalidInput(f"input {info.name!r}: {path} cannot be read: {error.strerror or error}") from error


def _read(path: Path, info: TensorInfo, preprocess: Preprocess | None) -> Value:
    ending = path.suffix.lower()
    if ending in IMAGES:
        from zif.inputs.image import from_image

        return from_image(path, info, preprocess)
    if ending == ".npy":
        return as_declared(load_numpy(path), info)
    if ending == ".npz":
        return as_declared(_entry(load_numpy(path), path, info.name), info)
    if ending == ".pb":
        return _from_proto(path, info)
    if ending == ".json":
        return _from_json(path, info)
    return from_bytes(path.read_bytes(), info, str(path))


def load_numpy(path: Path) -> Any:
    """An array from .npy, a mapping of arrays from .npz. Pickled objects are refused: they could run code."""
    try:
        found = np.load(path, allow_pickle=False)
        return dict(found) if isinstance(found, np.lib.npyio.NpzFile) else found
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        pickled = "pickle" in str(
            error
        )  # numpy's words for it, and for anything that it does not know, suggest to trust it
        why = "it holds Python objects, or no arrays at all" if pickled else error
        raise InvalidInput(f"{path} is not a whole {path.suffix} file of arrays: {why}") from error


def as_declared(array: Array, info: TensorInfo) -> Array:
    """The array as it was saved; numpy forgets the names of bfloat16 and its like, the model knows them."""
    if array.dtype.kind != "V" or not info.dtype:
        return array
    wanted = numpy_dtype(info.dtype)
    return array.view(wanted) if array.dtype.itemsize == wanted.itemsize else array


def _entry(found: Any, path: Path, name: str) -> Array:
    if name in found:
        chosen: Array = found[name]
    elif len(found) == 1:
        (chosen,) = found.values()
    else:
        raise InvalidInput(f"{path} has no entry {name!r}; it holds {', '.join(found) or 'nothing'}")
    return chosen


def _from_proto(path: Path, info: TensorInfo) -> Value:
    """A file as ONNX's own test data has them: a serialised TensorProto, SequenceProto or OptionalProto."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from onnx import numpy_helper

    try:
        if info.type.startswith("seq"):
            return numpy_helper.to_list(onnx.SequenceProto.FromString(path.read_bytes()))
        if info.type.startswith("optional"):
            return numpy_helper.to_optional(onnx.OptionalProto.FromString(path.read_bytes()))
        return numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes()))
    except (DecodeError, ValueError, TypeError) as error:
        raise InvalidInput(f"{path} holds no {info.type or 'tensor'} for input {info.name!r}: {error}") from error


def _from_json(path: Path, info: TensorInfo) -> Array:
    if not info.dtype:
        raise InvalidInput(
            f"{path}: input {info.name!r} takes {info.type or 'an unknown type'}, JSON gives tensors only"
        )
    try:
        return np.array(json.loads(path.read_text(encoding="utf-8")), dtype=numpy_dtype(info.dtype))
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidInput(f"{path} is no JSON of {info.dtype} values for input {info.name!r}: {error}") from error
