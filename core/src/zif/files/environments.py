"""The environments that this user's zif knows besides its own, and what the distributions in them say of themselves.

An environment is an interpreter with zif and plugins in it. Its record lies in the user's data folder; what is in it is
read from its metadata, as pip left it, and nothing of it is imported here. Making and removing them is
`zif.backends.environments`.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import attrs
from attrs import Factory, frozen

from zif.errors import InvalidInput, UsageError
from zif.files.documents import read_json
from zif.files.opening import is_plain
from zif.files.records import record
from zif.files.user_data import data_folder
from zif.files.wording import did_you_mean

SCHEMA = "zif.environment/1"
FILE = "environment.json"
#: What a group of entry points of zif's is called by.
_OURS = b"zif."


@frozen
class Environment:
    """An interpreter that runs plugins.

    python: its path. made: whether zif made it, and may delete it; `token` then stands in a file inside. version: of
    Python; zif: the version of zif in it. requirements, links: what it was made from. folders: where its distributions
    lie. ready: false while it is being made. day: when that was, as 2026-12-01. problem: why its record cannot be read.
    """

    name: str
    python: str = ""
    made: bool = False
    token: str = ""
    version: str = ""
    zif: str = ""
    requirements: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    ready: bool = True
    day: str = ""
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """A row of `zif env ls --json`: all but what is zif's own business."""
        return {name: value for name, value in attrs.asdict(self).items() if name not in ("token", "ready")}


@frozen
class EnvironmentPoint:
    """An entry point of a distribution in an environment: what it names, and whose it is."""

    environment: str
    name: str
    value: str
    dist: Any = Factory(lambda: None)


def folder() -> Path | None:
    """Where environments are kept; None for a user without a place for them."""
    place = data_folder()
    return place and place / "environments"


def environments() -> tuple[Environment, ...]:
    """Every environment, by name; one whose record cannot be read has its `problem`. Unfinished ones are left out."""
    place = folder()
    return (
        tuple(environment for environment in every() if environment.ready)
        if place is not None and place.is_dir()
        else ()
    )


def every() -> tuple[Environment, ...]:
    """The same with those that are being made, or were when something ended it."""
    place = folder()
    try:
        names = sorted(entry.name for entry in os.scandir(place or "") if not entry.name.startswith("."))
    except OSError:
        return ()
    assert place is not None
    files = [(name, place / name / FILE) for name in names]
    return tuple(_read(name, file, _stamp(file)) for name, file in files if is_plain(file))


def environment(name: str) -> Environment:
    """The environment of this name. Raises UsageError with the names that there are, or why it cannot be read."""
    known = {environment.name: environment for environment in environments()}
    if name not in known:
        have = ", ".join(known) if known else "none; `zif env create` makes one"
        raise UsageError(f"there is no environment {name!r}.{did_you_mean(name, known)} There are: {have}.")
    if known[name].problem:
        raise UsageError(known[name].problem)
    return known[name]


def points(group: str) -> tuple[EnvironmentPoint, ...]:
    """The entry points of a group in every environment, from metadata alone.

    A folder is read again only when it has changed.
    """
    return tuple(point for environment in environments() for point in points_in(environment, group))


def points_in(environment: Environment, group: str) -> tuple[EnvironmentPoint, ...]:
    """The same of one environment."""
    points = (point for place in environment.folders for point in _in_folder(place, _stamp(Path(place))))
    return tuple(
        EnvironmentPoint(environment.name, point.name, point.value, point.dist)
        for point in points
        if point.group == group
    )


def stamp() -> tuple[object, ...]:
    """What changes when an environment comes or goes, or something is installed in one."""
    return tuple(
        (environment.name, environment.python, *((place, _stamp(Path(place))) for place in environment.folders))
        for environment in environments()
    )


def importable(environment: Environment) -> list[Path]:
    """Where modules of an environment lie: its folders, and those that its `.pth` files name, as editable ones do."""
    folders = []
    for place in map(Path, environment.folders):
        folders.append(place)
        for file in sorted(place.glob("*.pth")):
            try:
                lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError:
                continue
            folders += [place / line.strip() for line in lines if line.strip() and not line.startswith(("#", "import"))]
    return [path for path in folders if path.is_dir()]


@lru_cache(maxsize=64)
def _in_folder(place: str, _: int) -> tuple[Any, ...]:
    """The entry points of zif's groups in a folder of distributions."""
    import importlib_metadata as metadata

    points: list[Any] = []
    for info in sorted(Path(place).glob("*.*-info")):
        try:
            if _OURS in (info / "entry_points.txt").read_bytes():
                points += [
                    point for point in metadata.PathDistribution(info).entry_points if point.group.startswith("zif.")
                ]
        except Exception:  # half installed, or not ours to read: importlib_metadata raises what it likes
            continue
    return tuple(points)


@lru_cache(maxsize=64)
def _read(name: str, file: Path, _: int) -> Environment:
    def broken(why: str) -> Environment:
        fix = f"`zif env rm {name}` and make it again"
        return Environment(name, problem=f"the record of the environment {name!r} cannot be read: {why}: {fix}")

    try:
        document = read_json(file)
        told = record(Environment, document, str(file))
    except InvalidInput as error:
        return broken(str(error))
    if document.get("schema") != SCHEMA or told.name != name:
        return broken(f"{file} is not {SCHEMA} of {name}")
    return told


def _stamp(path: Path) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
