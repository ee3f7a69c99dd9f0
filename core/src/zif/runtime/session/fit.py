"""What is known of a tensor as a numpy array can be held against it: element type, shape, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from zif.model.dtypes import numpy_dtype
from zif.records import TensorInfo

Shape = tuple[int | str | None, ...]
Values = Mapping[str, Any]
#: Where each symbolic dimension stands in the inputs: their names and axes.
Places = Mapping[str | int | None, Sequence[tuple[str, int]]]


def dtype_of(info: TensorInfo) -> np.dtype[Any] | None:
    """The dtype that its arrays have; None for what is no tensor, or of an unknown type."""
    return numpy_dtype(info.dtype) if info.dtype else None


def exact(info: TensorInfo) -> tuple[int, ...] | None:
    """The shape when it is wholly fixed."""
    return tuple(d for d in info.shape if isinstance(d, int)) if info.static and info.shape is not None else None


def fits(shape: tuple[int, ...], wanted: Shape | None, sizes: Mapping[str, int]) -> bool:
    """Whether a shape is one that was wanted; `sizes` are those of symbolic dimensions, as far as they are known."""
    return wanted is None or (
        len(shape) == len(wanted)
        and all(
            want is None or have == (want if isinstance(want, int) else sizes.get(want, have))
            for have, want in zip(shape, wanted, strict=True)
        )
    )


def pattern(wanted: Shape | None, places: Places) -> Callable[[tuple[int, ...], Values], bool]:
    """A function that says whether a shape fits, given the inputs where the same symbols stand; False also in doubt."""
    rank = None if wanted is None else len(wanted)
    numbers = tuple((axis, dim) for axis, dim in enumerate(wanted or ()) if isinstance(dim, int))
    symbols = tuple((axis, *place) for axis, dim in enumerate(wanted or ()) for place in places.get(dim, ()))

    def fitting(shape: tuple[int, ...], values: Values) -> bool:
        if rank is None:
            return True
        if len(shape) != rank:
            return False
        for axis, number in numbers:
            if shape[axis] != number:
                return False
        for axis, name, place in symbols:  # noqa: SIM110 - twice as fast as all()
            if name in values and shape[axis] != values[name].shape[place]:
                return False
        return True

    return fitting


def places_of(inputs: Sequence[TensorInfo]) -> Places:
    """Where each symbolic dimension stands in these inputs."""
    places: dict[str | int | None, list[tuple[str, int]]] = {}
    for info in inputs:
        for axis, dim in enumerate(info.shape or ()):
            if isinstance(dim, str):
                places.setdefault(dim, []).append((info.name, axis))
    return places


def same_dtype(have: np.dtype[Any], want: np.dtype[Any]) -> bool:
    """Whether elements are of this type and in this machine's byte order; text may also be of fixed width."""
    return have == want or (want.kind == "O" and have.kind in "UST")


def wanted(info: TensorInfo) -> str:
    """What is known of a tensor, for a reader: "float32 [1, n, ?]"."""
    if not info.dtype:
        return info.type or "a value"
    dims = (
        "any shape" if info.shape is None else "[" + ", ".join("?" if d is None else str(d) for d in info.shape) + "]"
    )
    return f"{info.dtype} {dims}"


def had(value: Any) -> str:
    """What an array is in the same words; for anything else, its type."""
    if isinstance(value, (np.ndarray, np.generic)):
        order = "" if value.dtype.isnative else ", in the other byte order"
        return f"{value.dtype.newbyteorder('=')} {list(value.shape)}{order}"
    return "None" if value is None else f"a {type(value).__name__}"
