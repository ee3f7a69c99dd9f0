"""How large shapes are, as they are and as the NPU lays them out. A dimension that is not known counts as one."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Final

Shape = tuple[int | str | None, ...]

LOCAL: Final = 4.0  # million padded elements that stay in the processor's own memory, whatever their width
BLOCK: Final = 32  # channels are laid out in blocks of
_ROW: Final = 8  # rows and columns of a convolution's output are computed in tiles of


def count(dim: Any) -> int:
    """The dimension as a number; one for an unknown or empty one."""
    return dim if isinstance(dim, int) and dim > 0 else 1


def up(number: int, block: int = BLOCK) -> int:
    """The number filled up to whole blocks."""
    return -(-number // block) * block


@lru_cache(maxsize=1 << 16)
def sizes(shape: Shape) -> tuple[float, float, float]:
    """(elements, padded when the last axis holds the channels, padded when the second does), in millions."""
    dims = [count(dim) for dim in shape]
    plain = math.prod(dims)
    if len(dims) < 2:
        return plain / 1e6, plain / 1e6, plain / 1e6
    last = plain // dims[-1] * up(dims[-1])
    second = plain // dims[1] * up(dims[1]) if len(dims) >= 4 else last
    return plain / 1e6, last / 1e6, second / 1e6


@lru_cache(maxsize=1 << 14)
def tiles(shape: Shape) -> int:
    """Positions of a convolution's output with both inner axes filled up to whole tiles."""
    outer = math.prod(map(count, shape[2:-2])) * count(shape[0])
    rows, columns = (count(shape[-2]) if len(shape) >= 4 else 1), count(shape[-1])
    if rows == 1 or columns == 1:
        return outer * (1 if rows * columns == 1 else up(rows * columns, _ROW))
    return outer * up(rows, _ROW) * up(columns, _ROW)


def channels(per_group: int, made: int, groups: int) -> int:
    """Products per output position of a convolution. Thin groups share a block; a picture's few channels are packed."""
    if groups > 1:
        return BLOCK * up(made) if per_group < BLOCK else up(per_group) * groups * up(made // groups)
    return (up(per_group, 8) if per_group <= 4 else up(per_group)) * up(made)
