"""The inputs that a masked graph has beside the model's own, and what stands in them for inputs of some sizes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from attrs import frozen

from zif.files.limits import ELEMENTS, is_shape
from zif.model.dtypes import numpy_dtype
from zif.runtime.buckets.extents import Rule
from zif.runtime.buckets.grid import Point

#: The element types that a graph is masked in.
FLOATS = frozenset({"float32", "float16", "bfloat16", "float64"})
DTYPES = FLOATS | {"int32", "int64"}

#: mask: 1 in the valid part, 0 beyond it. fill: 0 there, `value` beyond it. share: how many times larger the whole is
#: than the valid part. window: the same for each place of a pooling. length: how long the valid part is.
Kind = Literal["mask", "fill", "share", "window", "length"]


@frozen
class Window:
    """A pooling along one axis; `padded`: what stands before and behind counts as elements, too."""

    kernel: int
    stride: int
    dilation: int
    before: int
    behind: int
    padded: bool

    def counts(self, places: int, size: int) -> Any:
        """How many elements each place's window has, of an axis of this size."""
        starts = np.arange(places)[:, None] * self.stride - self.before
        taken = starts + np.arange(self.kernel)[None, :] * self.dilation
        low, high = (-self.before, size + self.behind) if self.padded else (0, size)
        return ((taken >= low) & (taken < high)).sum(axis=1)


@frozen
class Guard:
    """One of these inputs. rule: how long the valid part of its axis is; size: how long that axis is in the bucket;
    value: what a fill has beyond; window: of a window.
    """

    name: str
    kind: Kind
    dtype: str
    shape: tuple[int, ...]
    rule: Rule
    size: int
    value: float = 0.0
    window: Window | None = None

    def of(self, point: Point) -> Any:
        """The array for inputs whose axes have these sizes."""
        valid = max(0, min(self.rule.of(point[self.rule.axis]), self.size))
        dtype = numpy_dtype(self.dtype)
        if self.kind == "length":
            return np.full(self.shape, valid, dtype)
        if self.kind == "share":
            return np.full(self.shape, self.size / max(valid, 1), dtype)
        count = math.prod(self.shape)
        if self.window is not None:
            own, whole = self.window.counts(count, valid), self.window.counts(count, self.size)
            return (whole / np.maximum(own, 1) * (own > 0)).astype(dtype).reshape(self.shape)
        inside = np.arange(count) < valid
        made = inside if self.kind == "mask" else np.where(inside, 0.0, self.value)
        return made.astype(dtype).reshape(self.shape)


#: A window over so many places may be counted, each element of each.
WINDOWED = 1 << 28


def possible(guard: Guard) -> bool:
    """Whether a guard of somebody else's is one that can be filled: of a size and type that tensors have."""
    sizes = (guard.size, *((w.kernel, w.stride, w.dilation) if (w := guard.window) else ()))
    around = (w.before, w.behind) if w else ()
    return (
        guard.dtype in DTYPES
        and is_shape(guard.shape)
        and math.prod(guard.shape) < ELEMENTS
        and all(0 < size < ELEMENTS for size in sizes)
        and all(abs(size) < ELEMENTS for size in around)
        and (w is None or math.prod(guard.shape) * w.kernel <= WINDOWED)
    )


def guarding(guards: Iterable[Guard], point: Point) -> dict[str, Any]:
    """The values of all of them, by name, for inputs of these sizes."""
    return {guard.name: guard.of(point) for guard in guards}
