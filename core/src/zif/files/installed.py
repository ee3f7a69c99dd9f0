"""Entry points of installed distributions by their metadata, of which some may be damaged: those are left out alone.

One file that was half written at an installation would otherwise take every plugin along.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import importlib_metadata as metadata


def points(group: str) -> list[Any]:
    """Every entry point of a group; of distributions of one name, the first on the path counts."""
    try:
        return list(metadata.entry_points(group=group))
    except Exception:  # one of them is damaged: importlib_metadata raises what it likes
        return [point for point in every() if point.group == group]


def every() -> list[Any]:
    """Those of all groups."""
    try:
        return list(metadata.entry_points())
    except Exception:
        return [point for _, points in _readable() for point in points]


def damaged() -> list[str]:
    """The distributions whose entry points cannot be read, by their folders' names."""
    try:
        metadata.entry_points()
    except Exception:
        return sorted(name for name, points in _by_distribution() if points is None)
    return []


def owner(dist: Any) -> str:
    """The name of a distribution; "?" where that is not to be read."""
    try:
        return str(dist.metadata["Name"]) if dist else "?"
    except Exception:  # the file is gone or unreadable
        return "?"


def _readable() -> Iterator[tuple[str, Iterable[metadata.EntryPoint]]]:
    seen = set()
    for name, points in _by_distribution():
        key = name.partition("-")[0].lower()
        if points is not None and key not in seen:
            seen.add(key)
            yield name, points


def _by_distribution() -> Iterator[tuple[str, list[metadata.EntryPoint] | None]]:
    """Every distribution under the name of its folder, and its entry points; None for damaged ones."""
    for dist in metadata.distributions():
        name = getattr(getattr(dist, "_path", None), "name", "?")
        try:
            yield name, list(dist.entry_points)
        except Exception:
            yield name, None
