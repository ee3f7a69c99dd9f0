"""Data files that distributions bring beside their code, found by metadata: nothing of theirs is imported.

An entry point names a package and a file in it, `acme = "zif_acme:chips.json"` or `"zif_acme.data:chips.json"`. It is
found where a wheel put it, and else, as after `pip install -e`, where an import of the package would look. What the
distributions of other environments bring (`zif env`) counts as well, but for those that are installed here, too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from attrs import frozen

from zif.files import environments
from zif.files.environments import Environment
from zif.files.installed import owner as owner_of
from zif.files.installed import points as entry_points

#: The groups of entry points: descriptions of chips, what was fitted to measurements on them, names of formats.
TARGETS, COSTS, ENCODINGS = "zif.targets", "zif.costs", "zif.encodings"


@frozen(order=True)
class DataFile:
    """A file that a distribution brings. `problem`: one sentence on why it cannot be had; "" when it is there."""

    distribution: str
    path: Path
    problem: str = ""


@frozen
class Problem:
    """What is wrong with what a distribution brings, in one sentence; everything else is there all the same."""

    distribution: str
    text: str


def data_files(group: str) -> tuple[DataFile, ...]:
    """Every file that installed distributions bring in this group, by distribution; missing ones with their problem.

    The metadata is read again only when a folder of the import path or an environment has changed.
    """
    here = tuple((folder, stamp(Path(folder or "."))) for folder in sys.path)
    return _data_files(group, here, environments.stamp())


def data_files_in(environment: Environment, group: str) -> tuple[DataFile, ...]:
    """The same of the distributions in one environment."""
    folders = environments.importable(environment)
    return tuple(sorted(_data_file(point, folders) for point in environments.points_in(environment, group)))


def stamp(path: Path) -> int:
    """When a file or folder last changed, in nanoseconds; 0 for what is not there."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=8)
def _data_files(group: str, *_: object) -> tuple[DataFile, ...]:
    files = [_data_file(point) for point in entry_points(group)]
    for environment in environments.environments():
        known = {file.distribution for file in files}
        files += [file for file in data_files_in(environment, group) if file.distribution not in known]
    return tuple(sorted(files))


def _data_file(point: Any, folders: Sequence[Path] | None = None) -> DataFile:
    """folders: where modules of the distribution's environment lie; None for this one."""
    owner = owner_of(point.dist)
    package, _, name = point.value.partition(":")
    if not (package and name) or {"/", "\\"} & set(point.value):
        problem = f"its entry point {point.name} = {point.value!r} must name package and file: zif_acme:chips.json"
        return DataFile(owner, Path(point.value), problem)
    path = _locate(point.dist, package.strip().split("."), name.strip(), folders)
    if path is None:
        return DataFile(owner, Path(name), f"its file {name} is not in {package}: install it again")
    return DataFile(owner, path)


def _locate(dist: Any, package: list[str], name: str, elsewhere: Sequence[Path] | None) -> Path | None:
    if dist is not None:
        path = Path(str(dist.locate_file(Path(*package, name))))
        if path.is_file():
            return path
    if elsewhere is not None:
        return next((path for path in (Path(folder, *package, name) for folder in elsewhere) if path.is_file()), None)
    try:
        spec = find_spec(package[0])  # the outermost only: to find an inner package imports the outer one
    except (ImportError, ValueError):
        return None
    folders = (spec.submodule_search_locations or ()) if spec else ()
    paths = (Path(folder, *package[1:], name) for folder in folders)
    return next((path for path in paths if path.is_file()), None)
