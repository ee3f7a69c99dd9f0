"""How a picture becomes a tensor, as a line of text or a small file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from attrs import evolve, fields, frozen

from zif.errors import UsageError
from zif.files.documents import read_table
from zif.files.limits import PIXELS
from zif.files.wording import cut

Layout = Literal["nchw", "nhwc", "chw", "hwc", "nhw", "hw"]
Color = Literal["rgb", "bgr", "gray"]
Filter = Literal["bilinear", "bicubic", "nearest", "box", "lanczos"]


@frozen
class Preprocess:
    """The steps in the order in which they are taken: color, resize, crop, × scale, − mean, ÷ std, layout.

    resize: (height, width), or one number for the shorter side; None takes the model's own size. crop: (height, width)
    around the centre. mean and std: one number, or one per channel. layout None follows from the model's input.
    """

    resize: tuple[int, ...] | None = None
    crop: tuple[int, int] | None = None
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    color: Color | None = None
    layout: Layout | None = None
    filter: Filter = "bilinear"


_KEYS = tuple(field.name for field in fields(Preprocess))


def parse(description: str) -> dict[str, Preprocess]:
    """Descriptions by input name, "" for all others.

    Text such as "resize=224x224,scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225,layout=nchw,color=rgb", or
    the path of a TOML or JSON file with the same keys, and a table [input.NAME] for an input of its own. Raises
    UsageError naming the key and what it takes.
    """
    path = Path(description)
    if path.suffix.lower() in (".toml", ".json"):
        return _from_table(read_table(path, lambda text: UsageError(f"--preprocess {text}")), str(path))
    pairs = [part.partition("=") for part in description.split(",") if part.strip()]
    for key, equals, _ in pairs:
        if not equals:
            raise UsageError(
                f"--preprocess: {key!r} has no value; write key=value with commas between, such as scale=1/255"
            )
    return {"": _made({key.strip(): value.strip() for key, _, value in pairs}, Preprocess(), "--preprocess")}


def _from_table(table: dict[str, Any], where: str) -> dict[str, Preprocess]:
    own = table.pop("input", {})
    if not isinstance(own, Mapping) or not all(isinstance(row, Mapping) for row in own.values()):
        raise UsageError(f"{where}: 'input' holds a table for each input, such as [input.data]")
    common = _made(table, Preprocess(), where)
    return {"": common} | {name: _made(row, common, f"{where}, input {name!r}") for name, row in own.items()}


def _made(contents: Mapping[str, Any], base: Preprocess, where: str) -> Preprocess:
    values: dict[str, Any] = {}
    for key, value in contents.items():
        if key not in _KEYS:
            raise UsageError(f"{where}: unknown key {key!r}; known: {', '.join(_KEYS)}")
        try:
            values[key] = _READERS[key](value)
        except (ValueError, TypeError, ZeroDivisionError, OverflowError):
            raise UsageError(f"{where}: {key} cannot be {cut(repr(value), 80)}; it takes {_TAKES[key]}") from None
    made = evolve(base, **values)
    if 0.0 in made.std:
        raise UsageError(f"{where}: std must not be 0")
    return made


def _size(value: Any) -> tuple[int, ...]:
    sizes = value.lower().split("x") if isinstance(value, str) else value if isinstance(value, list) else [value]
    size = tuple(map(_whole, sizes))
    if len(size) not in (1, 2) or min(size) < 1 or math.prod(size) > PIXELS.value:
        raise ValueError(value)
    return size


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(value)
    return int(value)


def _pair(value: Any) -> tuple[int, int]:
    size = _size(value)
    return size[0], size[-1]


def _number(value: Any) -> float:
    """A number or a fraction; not by the class Fraction, which would write 1e999999999 out."""
    top, _, bottom = value.partition("/") if isinstance(value, str) else (value, "", "")
    number = float(top) / float(bottom or 1)
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError(value)
    return number


def _numbers(value: Any) -> tuple[float, ...]:
    words = value.split(":") if isinstance(value, str) else value if isinstance(value, list) else [value]
    numbers = tuple(map(_number, words))
    if not numbers:
        raise ValueError(value)
    return numbers


def _word(known: Any) -> Any:
    def read(value: Any) -> str:
        if str(value).lower() not in get_args(known):
            raise ValueError(value)
        return str(value).lower()

    return read


_READERS = {
    "resize": _size,
    "crop": _pair,
    "scale": _number,
    "mean": _numbers,
    "std": _numbers,
    "color": _word(Color),
    "layout": _word(Layout),
    "filter": _word(Filter),
}
_TAKES = {
    "resize": "HEIGHTxWIDTH in pixels, or one number for the shorter side",
    "crop": "HEIGHTxWIDTH in pixels, or one number for a square",
    "scale": "a number or a fraction such as 1/255",
    "mean": "a number, or one per channel with colons between",
    "std": "a number, or one per channel with colons between",
    "color": ", ".join(get_args(Color)),
    "layout": ", ".join(get_args(Layout)),
    "filter": ", ".join(get_args(Filter)),
}
