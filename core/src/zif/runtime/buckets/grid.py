"""The buckets of a model: the dimensions that vary, the sizes that each is built for, and every input's shape."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from attrs import frozen

from zif.errors import InvalidInput, UsageError
from zif.files.wording import did_you_mean
from zif.runtime.buckets.sizes import MOST, fitted

if TYPE_CHECKING:
    from zif.model import Model
    from zif.records import TensorInfo

#: Sizes of each axis of a grid, in its order.
Point = tuple[int, ...]
Place = tuple[str, int]


@frozen
class Axis:
    """A dimension that varies: what it is called, the inputs and axes where it stands, and its sizes, ascending."""

    name: str
    places: tuple[Place, ...]
    sizes: tuple[int, ...]


@frozen
class Grid:
    """What is built. `fixed` has every input's shape with 0 where an axis of the grid stands."""

    axes: tuple[Axis, ...]
    fixed: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(
        cls, model: Model, shapes: Mapping[str, Any], buckets: Any = None, samples: Sequence[Any] | None = None
    ) -> Grid:
        """The grid of what was asked for.

        shapes: by input name or name of a dimension, numbers and collections of numbers. buckets: how many to fit to
        the sizes of `samples`, or sizes by the name of a dimension. Raises UsageError.
        """
        named, wished = _asked(model, shapes)
        if isinstance(buckets, Mapping):
            named |= {name: _sizes(name, sizes) for name, sizes in buckets.items()}
        elif buckets is not None:
            return _fitted(model, named, wished, buckets, samples)
        return _grid(model, named, wished)

    def points(self) -> list[Point]:
        """Every bucket, the one with the fewest elements first."""
        every = product(*(axis.sizes for axis in self.axes))
        return sorted(every, key=lambda point: (self._elements(point), point))

    def shapes(self, point: Point) -> dict[str, tuple[int, ...]]:
        """The inputs' shapes in a bucket."""
        made = {name: list(dims) for name, dims in self.fixed.items()}
        for axis, size in zip(self.axes, point, strict=True):
            for name, place in axis.places:
                made[name][place] = size
        return {name: tuple(dims) for name, dims in made.items()}

    def label(self, point: Point) -> str:
        """A bucket in words: "length=128"."""
        return ", ".join(f"{axis.name}={size}" for axis, size in zip(self.axes, point, strict=True))

    def point(self, shapes: Mapping[str, tuple[int, ...]]) -> Point | None:
        """The sizes of the axes in inputs of these shapes; None where another dimension is not what is built."""
        sizes: dict[Place, int] = {}
        for name, fixed in self.fixed.items():
            have = shapes.get(name)
            if have is None or len(have) != len(fixed):
                return None
            for place, (size, wanted) in enumerate(zip(have, fixed, strict=True)):
                if wanted and size != wanted:
                    return None
                sizes[name, place] = size
        sizes_of = [{sizes[place] for place in axis.places} for axis in self.axes]
        return tuple(sizes.pop() for sizes in sizes_of) if all(len(sizes) == 1 for sizes in sizes_of) else None

    def _elements(self, point: Point) -> int:
        return sum(math.prod(dims) for dims in self.shapes(point).values())


def _asked(model: Model, shapes: Mapping[str, Any]) -> tuple[dict[str, tuple[int, ...]], dict[str, list[Any]]]:
    """Sizes by the name of a dimension, and what each input is to be, dimension by dimension."""
    inputs = {info.name: info for info in model.inputs}
    symbols = {dim for info in model.inputs for dim in info.shape or () if isinstance(dim, str)}
    named: dict[str, tuple[int, ...]] = {}
    wished: dict[str, list[Any]] = {}
    for name, dims in shapes.items():
        if name in inputs:
            wished[name] = _of_input(inputs[name], dims)
        elif name in symbols and len(dims) == 1:
            named[name] = _sizes(name, dims[0])
        else:
            known = [*inputs, *sorted(symbols)]
            raise UsageError(f"the model has no input and no dimension {name!r}.{did_you_mean(name, known)}")
    return named, wished


def _of_input(info: TensorInfo, dims: Sequence[Any]) -> list[Any]:
    if info.shape is None or len(info.shape) != len(dims):
        rank = "unknown rank" if info.shape is None else f"rank {len(info.shape)}"
        raise UsageError(f"the input {info.name!r} has {rank}; the shape that was given has rank {len(dims)}.")
    made = []
    for axis, (dim, have) in enumerate(zip(dims, info.shape, strict=True)):
        sizes = _sizes(f"{info.name}[{axis}]", dim)
        if isinstance(have, int) and sizes != (have,):
            told = ", ".join(map(str, sizes))
            raise UsageError(f"dimension {axis} of the input {info.name!r} is fixed to {have}, not {told}.")
        made.append(sizes)
    return made


def _sizes(name: str, value: Any) -> tuple[int, ...]:
    """The sizes that a dimension was given, ascending."""
    many = value if isinstance(value, (Collection, range)) and not isinstance(value, str) else (value,)
    if not many or not all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in many):
        raise UsageError(f"the sizes of {name} must be whole numbers from 1, not {value!r}")
    return tuple(sorted(set(many)))


def _grid(
    model: Model, named: Mapping[str, tuple[int, ...]], wished: Mapping[str, Sequence[Any]], vary: Collection[str] = ()
) -> Grid:
    """vary: dimensions that are axes even where they have one size."""
    places: dict[str, list[Place]] = {}
    sizes: dict[str, tuple[int, ...]] = {}
    fixed = {info.name: [0] * len(info.shape or ()) for info in model.inputs}
    for info in model.inputs:
        for axis, dim in enumerate(info.shape or ()):
            own = f"{info.name}[{axis}]"
            key = dim if isinstance(dim, str) else own
            wish = wished[info.name][axis] if info.name in wished else named.get(key)
            wish = (dim,) if isinstance(dim, int) else wish or sizes.get(key) or ((1,) if axis == 0 else None)
            if wish is None:
                raise UsageError(_open(info, axis))
            if sizes.setdefault(key, wish) != wish:
                raise UsageError(f"the dimension {key!r} is given different sizes in the input {info.name!r}")
            places.setdefault(key, []).append((info.name, axis))
    varying = [key for key in places if len(sizes[key]) > 1 or key in vary]
    axes = [Axis(_name(key, places[key], wished), tuple(places[key]), sizes[key]) for key in varying]
    for key, stands in places.items():
        for name, axis in stands:
            fixed[name][axis] = 0 if key in varying else sizes[key][0]
    if not axes:
        raise UsageError("one size is no choice of buckets: give several, such as --shape 'x=1,3,48,{160,320}'")
    grid = Grid(tuple(axes), {name: tuple(dims) for name, dims in fixed.items()})
    count = math.prod(len(axis.sizes) for axis in axes)
    if count > MOST:
        raise UsageError(f"these sizes make {count} buckets, and {MOST} are the most: each is compiled and verified")
    return grid


def _name(key: str, places: Sequence[Place], wished: Collection[str]) -> str:
    """What an axis is called: by its dimension's own name, or by the input that the caller named."""
    first = next((place for place in places if place[0] in wished), None)
    return f"{first[0]}[{first[1]}]" if first else key


def _open(info: TensorInfo, axis: int) -> str:
    dim = (info.shape or ())[axis]
    example = f"--shape {dim}=1..512:4" if isinstance(dim, str) and dim.isidentifier() else f"--shape {info.name}=…"
    return f"dimension {axis} of the input {info.name!r} is open and was given no size: {example} does"


def _fitted(model: Model, named: Any, wished: Any, count: Any, samples: Sequence[Any] | None) -> Grid:
    """The grid whose one axis has the sizes that pad the samples the least."""
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST:
        raise UsageError(f"buckets={count!r}: how many (1 to {MOST}), or sizes by the name of a dimension")
    if not samples:
        raise UsageError("buckets are fitted to real inputs: give samples (--from DIR|NPZ|LIST)")
    wanted_sizes = {place: sizes for name, dims in wished.items() for place, sizes in _placed(name, dims)}
    seen = _seen(model, samples)
    vary = {key: sizes for key, sizes in seen.items() if len(set(sizes)) > 1}
    vary = {key: sizes for key, sizes in vary.items() if key not in named and not _fixed_by(model, key, wanted_sizes)}
    if len(vary) > 1:
        told = " and ".join(vary)
        raise UsageError(f"the samples vary in {told}, and buckets are fitted to one dimension: fix the others")
    fixed = {key: (sizes[0],) for key, sizes in seen.items() if key not in vary}
    varied = {key: fitted(sizes, count) for key, sizes in vary.items()}
    return _grid(model, {**fixed, **varied, **named}, wished, vary)


def _placed(name: str, dims: Iterable[Any]) -> Iterable[tuple[Place, Any]]:
    return (((name, axis), sizes) for axis, sizes in enumerate(dims))


def _fixed_by(model: Model, key: str, fixed: Mapping[Place, Any]) -> bool:
    """Whether the caller's shapes say what this dimension is."""
    stands = ((i.name, a) for i in model.inputs for a, dim in enumerate(i.shape or ()) if _key(i, a, dim) == key)
    return any(place in fixed for place in stands)


def _key(info: TensorInfo, axis: int, dim: Any) -> str:
    return dim if isinstance(dim, str) else f"{info.name}[{axis}]"


def _seen(model: Model, samples: Sequence[Any]) -> dict[str, list[int]]:
    """The sizes of every open dimension, sample by sample."""
    import numpy as np

    seen: dict[str, list[int]] = {}
    for number in range(len(samples)):
        source = samples[number]
        sample = source() if callable(source) else source
        sizes: dict[str, int] = {}
        for info in model.inputs:
            shape = np.shape(sample[info.name]) if info.name in sample else ()
            if len(shape) != len(info.shape or ()):
                raise InvalidInput(f"sample {number + 1} has {list(shape)} for the input {info.name!r}")
            for axis, dim in enumerate(info.shape or ()):
                if not isinstance(dim, int):
                    sizes[_key(info, axis, dim)] = int(shape[axis])
        for key, size in sizes.items():
            seen.setdefault(key, []).append(size)
    return seen
