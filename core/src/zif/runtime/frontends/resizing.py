"""Other sizes for the open dimensions of a converted model: an exporter may have fixed what only looks open."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from zif.records import Arrays

#: Twice as large first, which keeps dimensions that belong together in their proportion.
_STEPS: tuple[Callable[[int], int], ...] = (
    lambda size: 2 * size,
    lambda size: size + 1,
    lambda size: max(1, size // 2),
    lambda size: max(1, size - 1),
)

Shapes = Mapping[str, tuple[int, ...]]


def other_shapes(path: Path, before: Shapes) -> Iterator[Shapes]:
    """Shapes for the inputs of the model at `path` that differ from the given ones where its dimensions are open."""
    from zif.model.source import read

    inputs = read(path).proto.graph.input
    opened = {value.name: tuple(not dim.dim_value for dim in value.type.tensor_type.shape.dim) for value in inputs}
    for step in _STEPS:
        shapes = {
            name: tuple(step(size) if is_open else size for size, is_open in zip(dims, opened[name], strict=True))
            for name, dims in before.items()
            if name in opened and len(opened[name]) == len(dims)
        }
        if shapes != {name: before[name] for name in shapes}:
            yield shapes


def resized(sample: Arrays, shapes: Shapes) -> Arrays:
    """The values of a sample, repeated or cut to these shapes: what is valid in one is in the other."""
    return {
        name: np.resize(value, shapes[name]) if name in shapes else np.asarray(value) for name, value in sample.items()
    }


def told(shapes: Shapes) -> str:
    """As `--shape` takes them."""
    return " ".join(f"{name}={','.join(map(str, dims))}" for name, dims in shapes.items())
