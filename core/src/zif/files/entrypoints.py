"""Entry points read straight from the folders of the import path, as `zif --help` needs them.

They are those that `importlib_metadata` finds, without the time in which it comes up; where the import path is more
than folders, or somebody finds distributions in a way of their own, it is asked after all.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from functools import lru_cache, reduce
from importlib import import_module
from typing import Any, NamedTuple


class Point(NamedTuple):
    """One entry point: `value` is "module:attribute", `folder` that of its distribution's metadata; "" for unknown."""

    group: str
    name: str
    value: str
    folder: str

    def load(self) -> Any:
        """The object behind it; raises whatever the import raises."""
        module, _, attribute = self.value.partition("[")[0].partition(":")
        return reduce(getattr, filter(None, attribute.strip().split(".")), import_module(module.strip()))

    @property
    def owner(self) -> str:
        """The distribution and its version, such as "zif-quantize 0.1.0"; "?" where that is not to be read."""
        from importlib_metadata import Distribution

        try:
            distribution = Distribution.at(self.folder)
            return f"{distribution.metadata['Name']} {distribution.version}"
        except Exception:  # a file is gone or unreadable: importlib_metadata raises what it likes
            return "?"


@lru_cache(maxsize=8)
def points(group: str) -> tuple[Point, ...]:
    """Every entry point of a group; of distributions of one name, the first on the path counts."""
    return tuple(point for point in _every() if point.group == group)


@lru_cache(maxsize=1)
def _every() -> tuple[Point, ...]:
    return tuple(_scanned() if _folders_only() else _asked())


def _folders_only() -> bool:
    plain = all(not os.path.isfile(folder) and not folder.endswith(".egg") for folder in sys.path)
    own = ("_frozen_importlib_external", "importlib_metadata")
    return plain and not any(
        hasattr(finder, "find_distributions") and getattr(finder, "__module__", "") not in own
        for finder in sys.meta_path
    )


def _scanned() -> Iterator[Point]:
    seen: set[str] = set()
    for folder in sys.path:
        for name in _listed(folder or "."):
            if not name.endswith((".dist-info", ".egg-info")):
                continue
            key = re.sub(r"[-_.]+", "_", name.rpartition(".")[0].partition("-")[0]).lower()
            if key not in seen:
                seen.add(key)
                yield from _read(os.path.join(folder, name))


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # a folder of the path need not be there
        return []


def _read(folder: str) -> Iterator[Point]:
    try:
        with open(os.path.join(folder, "entry_points.txt"), encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:  # most have none
        return
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1]
        elif group and line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield Point(group, name.strip(), value.strip(), folder)


def _asked() -> Iterator[Point]:
    from zif.files.installed import every

    for point in every():
        folder = getattr(point.dist, "_path", "")  # a distribution says nowhere else where its metadata is
        yield Point(point.group, point.name, point.value, str(folder))
