"""Arrays filled up to a bucket's shape, and cut back to the part that is valid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np

#: What stands beyond an input's own part: zeros (an empty text, false), or its last element over and over.
Padding = Literal["zero", "edge"]
PADDINGS: tuple[Padding, ...] = get_args(Padding)


def filled(value: Any, shape: tuple[int, ...], padding: str) -> Any:
    """The array with padding behind it along every axis where the shape is larger; itself when it has that shape."""
    if value.shape == shape:
        return value
    made = np.full(shape, "", object) if value.dtype.kind == "O" else np.zeros(shape, value.dtype)
    made[tuple(map(slice, value.shape))] = value
    if padding == "edge":
        for axis, (have, want) in enumerate(zip(value.shape, shape, strict=True)):
            if have < want:
                behind, last = (
                    (slice(None),) * axis + (place,) for place in (slice(have, None), slice(have - 1, have))
                )
                made[behind] = made[last]
    return made


def cut(value: Any, shape: tuple[int, ...]) -> Any:
    """The first elements along every axis, in memory of their own; itself when it has that shape."""
    if value.shape == shape:
        return value
    return np.ascontiguousarray(value[tuple(map(slice, shape))])


def first(values: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """A sample made smaller: the first elements of each array, up to these shapes."""
    return {name: cut(value, shapes[name]) if name in shapes else value for name, value in values.items()}
