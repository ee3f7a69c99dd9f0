"""What a bucket is tried with: inputs that it pads, each with what is right for it, down to the least size that the
model itself is made for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from zif.errors import ZifError
from zif.runtime.buckets.extents import Extent
from zif.runtime.buckets.grid import Grid, Point
from zif.runtime.buckets.measuring import Unrelated

if TYPE_CHECKING:
    from zif.runtime.buckets.trial import Trial


@frozen(eq=False)
class Pair:
    """Inputs that a bucket pads, with their sizes, and what is right for them."""

    at: Point
    own: Mapping[str, Any]
    right: Mapping[str, Any]


def paired(trial: Trial, point: Point, extents: Sequence[Extent]) -> tuple[list[Pair], Point]:
    """Inputs that the bucket pads; and the least sizes that it may pad: those that come here, if the model runs at them
    and its outputs have the sizes that they should. Raises ZifError where it runs at none, Unrelated where its outputs
    never have these sizes."""
    pairs: list[Pair] = []
    small: list[Point] = []
    failed: ZifError | None = None
    under = below(trial.grid, point)
    for at, own in trial.tried(point, under):
        compared, error = _pair(trial, at, own, extents)
        failed = failed or error
        pairs += [compared] if compared else []
        small += [] if compared else [at]
    if small and not pairs:
        raise failed or Unrelated(f"the outputs' sizes do not follow from the inputs' at {trial.grid.label(small[0])}")
    if not small:
        return pairs, tuple(size + 1 for size in under)
    kept, least = _down(trial, pairs, max(small), extents) if len(point) == 1 else _above(pairs, small)
    if not kept:
        raise Unrelated(f"the model itself does not run at every size below ({trial.grid.label(max(small))})")
    return kept, least


def _above(pairs: list[Pair], small: Sequence[Point]) -> tuple[list[Pair], Point]:
    """All of them, where all that failed is smaller along every axis; else none."""
    least = tuple(min(sizes) for sizes in zip(*(pair.at for pair in pairs), strict=True))
    smaller = all(size <= most for point in small for size, most in zip(point, least, strict=True))
    return (pairs if smaller else []), least


def _pair(
    trial: Trial, at: Point, own: Mapping[str, Any], extents: Sequence[Extent]
) -> tuple[Pair | None, ZifError | None]:
    """None for sizes that the model is not made for, as a window may be larger."""
    try:
        right = trial.run(own)
    except ZifError as error:
        return None, error
    fits = all(right[extent.name].shape == extent.of(at) for extent in extents)
    return (Pair(at, own, right) if fits else None), None


def _down(trial: Trial, pairs: list[Pair], small: Point, extents: Sequence[Extent]) -> tuple[list[Pair], Point]:
    """The least size that is not too small, found between one that is and the least that ran; it is tried, too."""
    low, high = small[0], min((pair.at[0] for pair in pairs if pair.at > small), default=small[0] + 1)
    while high - low > 1:
        middle = (low + high) // 2
        compared, _ = _pair(trial, (middle,), trial.made((middle,)), extents)
        low, high = (low, middle) if compared else (middle, high)
        pairs = [*pairs, compared] if compared else pairs
    return [pair for pair in pairs if pair.at[0] >= high], (high,)


def below(grid: Grid, point: Point) -> Point:
    """The next smaller sizes of each axis; 0 where there are none."""
    return tuple(
        max((smaller for smaller in axis.sizes if smaller < size), default=0)
        for axis, size in zip(grid.axes, point, strict=True)
    )
