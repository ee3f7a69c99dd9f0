"""A picture as a tensor, by a `Preprocess` description and what the model's input says of itself."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zif.errors import InvalidInput, UsageError
from zif.files.limits import PIXELS
from zif.files.pictures import open_picture
from zif.inputs.preprocess import Preprocess
from zif.model.dtypes import numpy_dtype
from zif.records import TensorInfo

if TYPE_CHECKING:
    from PIL.Image import Image

    from zif.records import Array


def from_image(path: Path, info: TensorInfo, preprocess: Preprocess | None = None) -> Array:
    """The picture in the dtype and layout of the input `info`, values from 0 to 255 before scale, mean and std.

    What the description leaves open follows from the input: layout from where its channels are, gray from one channel,
    the size from its height and width. Raises InvalidInput for a file that is no picture or does not fit, UsageError
    when pillow is not installed.
    """
    steps = preprocess or Preprocess()
    layout = steps.layout or _layout(info, path)
    color = steps.color or ("gray" if "c" not in layout or _dim(info, layout, "c") == 1 else "rgb")
    picture = open_picture(path, "L" if color == "gray" else "RGB")
    pixels = np.asarray(_sized(picture, steps, info, layout, path), dtype=np.float32)
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    if color == "bgr":
        pixels = pixels[:, :, ::-1]
    return _typed(_arranged(_scaled(pixels, steps, info), layout, path), info)


def _sized(picture: Image, steps: Preprocess, info: TensorInfo, layout: str, path: Path) -> Image:
    from PIL import Image

    width, height = picture.size
    if steps.resize is not None and len(steps.resize) == 1:
        factor = steps.resize[0] / min(width, height)
        size = max(1, round(height * factor)), max(1, round(width * factor))
    elif steps.resize is not None:
        size = steps.resize[0], steps.resize[1]
    else:
        own = _dim(info, layout, "h"), _dim(info, layout, "w")
        size = (height, width) if steps.crop or None in own else (int(own[0] or 1), int(own[1] or 1))
    if math.prod(size) > PIXELS.value:
        raise InvalidInput(PIXELS.exceeded(f"{path} would be resized to so many dots:", math.prod(size)))
    if size != (height, width):
        picture = picture.resize((size[1], size[0]), Image.Resampling[steps.filter.upper()])
    return _cropped(picture, steps.crop, path) if steps.crop else picture


def _cropped(picture: Image, crop: tuple[int, int], path: Path) -> Image:
    (width, height), (rows, columns) = picture.size, crop
    if rows > height or columns > width:
        raise InvalidInput(
            f"{path}: crop {rows}x{columns} is larger than the picture, {height}x{width} (height × width)"
        )
    left, top = (width - columns) // 2, (height - rows) // 2
    return picture.crop((left, top, left + columns, top + rows))


def _scaled(pixels: Array, steps: Preprocess, info: TensorInfo) -> Array:
    channels = pixels.shape[2]
    for name, values in (("mean", steps.mean), ("std", steps.std)):
        if len(values) not in (1, channels):
            raise UsageError(
                f"--preprocess: {name} has {len(values)} numbers for the {channels} channels of {info.name!r}"
            )
    mean, std = np.array(steps.mean, np.float32), np.array(steps.std, np.float32)
    pixels *= np.float32(steps.scale)  # in place: a large picture would be in memory four times
    pixels -= mean
    pixels /= std
    return pixels


def _arranged(pixels: Array, layout: str, path: Path) -> Array:
    """From height × width × channels to the layout."""
    if "c" not in layout:
        if pixels.shape[2] != 1:
            raise UsageError(f"{path}: layout {layout} has no place for {pixels.shape[2]} channels; use color=gray")
        pixels = pixels[:, :, 0]
    elif layout.endswith("chw"):
        pixels = pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(pixels[np.newaxis] if layout.startswith("n") else pixels)


def _typed(values: Array, info: TensorInfo) -> Array:
    dtype: Any = numpy_dtype(info.dtype)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
    return values.astype(dtype, copy=False)


def _layout(info: TensorInfo, path: Path) -> str:
    """Where an input has its channels: the dimension after the batch, or the last, that is 1 or 3."""
    dims = info.shape or ()
    if not info.dtype or info.dtype == "string" or len(dims) not in (2, 3, 4):
        kind = info.type or "an unknown type"
        raise InvalidInput(f"{path}: input {info.name!r} takes {kind} {list(dims)}, which is no picture")
    if len(dims) == 2:
        return "hw"
    head = "n" if len(dims) == 4 else ""
    first, last = dims[-3], dims[-1]
    if first in (1, 3) or last not in (1, 3):
        return head + "chw"
    return head + "hwc"


def _dim(info: TensorInfo, layout: str, letter: str) -> int | None:
    """The size that the input fixes for a dimension of the layout; None when it is open."""
    dims = info.shape or ()
    if len(dims) != len(layout) or letter not in layout:
        return None
    dim = dims[layout.index(letter)]
    return dim if isinstance(dim, int) else None
