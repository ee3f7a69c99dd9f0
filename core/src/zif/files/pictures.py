"""Pictures: of the formats that are named here and no others, and no larger than they may be."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from zif.errors import InvalidInput, UsageError
from zif.files.installing import to_install
from zif.files.limits import PIXELS
from zif.files.opening import open_plain
from zif.files.paths import Refusal

if TYPE_CHECKING:
    from PIL.Image import Image

#: Pillow tells formats by content, whatever the file is called, and would call Ghostscript for an EPS.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")


def open_picture(path: str | Path, mode: str, error: Refusal = InvalidInput) -> Image:
    """The picture upright, in one of Pillow's modes ("L", "RGB").

    Raises what `error` makes, UsageError when pillow is not installed.
    """
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError as problem:
        raise UsageError(f"{path}: reading pictures needs pillow: {to_install('zif[image]')}") from problem
    with open_plain(path, error) as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damage in metadata that nobody asks for, and of sizes, which we judge
        try:
            with Image.open(stream, formats=_FORMATS) as picture:
                pixels = picture.width * picture.height
                if pixels <= PIXELS.value:
                    return ImageOps.exif_transpose(picture).convert(mode)
        except Exception as problem:  # decoders raise what comes: OSError, SyntaxError, struct.error, KeyError, …
            why = "its content is of none of them" if isinstance(problem, UnidentifiedImageError) else problem
            formats = ", ".join(_FORMATS)
            raise error(f"{path} is no picture that can be read ({formats}): {why}") from problem
    raise error(PIXELS.exceeded(f"{path} has so many dots:", pixels))
