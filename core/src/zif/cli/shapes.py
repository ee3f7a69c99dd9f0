"""The text of --shape: the dimensions of an input, or one of a name, each of one size or of several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zif.errors import UsageError


def shapes(options: Iterable[str]) -> dict[str, tuple[Any, ...]]:
    """The shapes of --shape by the name of an input or a dimension; several sizes are a tuple. Raises UsageError."""
    return dict(map(_shape, options))


def one_size(wanted: Mapping[str, tuple[Any, ...]]) -> dict[str, tuple[int, ...]]:
    """The shapes if they are of one size; nothing where there are several, and the model stays open."""
    from zif.runtime.buckets.sizes import several

    return {} if several(wanted) else dict(wanted)


def _shape(text: str) -> tuple[str, tuple[Any, ...]]:
    from zif.runtime.buckets.sizes import dimension, split

    name, equals, dims = text.rpartition("=")
    if not (name and equals):
        raise UsageError(f"--shape {text}: write NAME=1,3,224,224, with the name of an input")
    try:
        made = tuple(map(dimension, split(dims))) if dims else ()
        if 0 in made:
            raise UsageError(
                f"--shape {text}: a dimension of 0 leaves nothing to compute; write the size that it will run with"
            )
        return name, made
    except ValueError as error:
        raise UsageError(f"--shape {text}: {error.args[0]}") from None
