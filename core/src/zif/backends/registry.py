"""Who is installed, from metadata alone, and one backend by its name.

Listing reads entry points and requirements and imports no plugin: a broken, clashing or incompatible one is a row with
its reason. The backends of other environments (`zif env`) stand beside those of this one, which has the first say: of
two with one name, its own is the one that counts.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections import Counter
from collections.abc import Collection
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from attrs import evolve

from zif.errors import BackendBroken, BackendNotFound
from zif.files import environments
from zif.files.installing import to_install
from zif.files.wording import did_you_mean
from zif.hookspecs import GROUP
from zif.records import Installed

if TYPE_CHECKING:
    import importlib_metadata as metadata

    from zif.backends.backend import Backend


def installed() -> tuple[Installed, ...]:
    """Every backend that is installed, by name, without importing any. Broken ones are rows with a `problem`.

    Reading the metadata of every distribution takes some 10 ms, so it is read again only when a folder of the import
    path has changed.
    """
    return _installed(tuple((folder, _changed(folder)) for folder in sys.path), environments.stamp())


def _changed(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _installed(*_: object) -> tuple[Installed, ...]:
    from zif.files.installed import points as entry_points

    points = [(point, point.dist) for point in entry_points(GROUP)]
    count = Counter(point.name for point, _ in points)
    rows = [_row(point, dist, count[point.name] > 1) for point, dist in points]
    return tuple(sorted([*rows, *_elsewhere(set(count))], key=lambda row: (row.name, row.distribution)))


def _elsewhere(own: Collection[str]) -> list[Installed]:
    """The backends of other environments, but for those that this one has, too."""
    points = [point for point in environments.points(GROUP) if point.name not in own]
    count = Counter(point.name for point in points)
    zif = {environment.name: environment.zif for environment in environments.environments()}
    rows = [_row(point, point.dist, False, zif[point.environment]) for point in points]
    clash = "more than one environment has a backend {!r} (`zif env ls`): `zif env rm` all but one"
    return [
        evolve(
            row, environment=point.environment, problem=clash.format(row.name) if count[row.name] > 1 else row.problem
        )
        for row, point in zip(rows, points, strict=True)
    ]


def _row(point: Any, dist: metadata.Distribution | None, clash: bool, core: str = "") -> Installed:
    try:
        name = dist.metadata["Name"] if dist else "?"
        version = (dist.version or "?") if dist else "?"
        problem = _incompatible(dist, core or core_version())
    except Exception:  # the file is gone or unreadable: importlib_metadata raises what it likes
        name, version, problem = "?", "?", "its metadata cannot be read, as when it is half installed: install it again"
    if clash:
        problem = f"more than one installed distribution calls its backend {point.name!r}: uninstall all but one"
    return Installed(point.name, name, version, point.value, problem)


def _incompatible(dist: metadata.Distribution | None, core: str) -> str:
    """Why this distribution does not go with the core beside it, by its own requirements; "" when it does."""
    from packaging.requirements import InvalidRequirement, Requirement

    for text in (dist.requires or []) if dist else []:
        try:
            need = Requirement(text)
        except InvalidRequirement:
            continue
        wanted = re.sub(r"[-_.]+", "-", need.name).lower() == "zif" and (not need.marker or need.marker.evaluate())
        if wanted and not need.specifier.contains(core, prereleases=True):
            return f"built for zif {need.specifier}, this is zif {core}: install a version of it that fits"
    return ""


def owner(name: str) -> str:
    """The backend of this name as errors name it, with its distribution and version; whoever is not installed, too."""
    return next((row.owner for row in installed() if row.name == name), f"backend {name!r}")


def core_version() -> str:
    """The version of the zif that is running."""
    import importlib_metadata as metadata

    try:
        return str(metadata.version("zif"))
    except metadata.PackageNotFoundError:  # a source tree on sys.path
        return "0.0.0"


def backend(name: str) -> Backend:
    """The backend of this name, its module imported now (once per process), or to be asked in its own environment.

    Raises BackendNotFound when nobody offers it, BackendBroken when it clashes, does not fit this core, cannot be
    imported or does not follow the contract.
    """
    with _lock:
        opening = _opening.setdefault(name, threading.RLock())
    with opening:  # one lock per name: a plugin whose import hangs holds up nobody but those who want it
        if name not in _opened:
            _opened[name] = _open(name)
        return _opened[name]


def open_known(row: Installed) -> Backend:
    """The backend of a row that was found and tried before, in this process; the metadata are not read again.

    Raises BackendBroken.
    """
    with _lock:
        opening = _opening.setdefault(row.name, threading.RLock())
    with opening:
        if row.name not in _opened:
            from zif.backends.backend import Backend

            _opened[row.name] = Backend.open(row)
        return _opened[row.name]


_opened: dict[str, Backend] = {}
_opening: dict[str, threading.RLock] = {}
_lock = threading.Lock()


def _open(name: str) -> Backend:
    rows = [row for row in installed() if row.name == name]
    if not rows:
        raise BackendNotFound(_not_found(name))
    if rows[0].problem:
        owners = " and ".join(f"{row.distribution} {row.version}" for row in rows)
        raise BackendBroken(f"backend {name!r} ({owners}): {rows[0].problem}")
    return _elsewhere_opened(rows[0]) if rows[0].environment else _here(rows[0])


def _elsewhere_opened(row: Installed) -> Backend:
    from zif.backends.isolation.remote import Elsewhere  # workers take 20 ms to import, which few commands need

    return Elsewhere(row)


def _here(row: Installed) -> Backend:
    """A backend in this process, if a process has survived it."""
    from zif.backends import trials
    from zif.backends.backend import Backend

    tried = trials.outcome(row)
    if tried.state == "broken":
        raise BackendBroken(tried.reason)
    backend = Backend.open(row)
    backend.apart = tried.state == "apart"
    return backend


def _not_found(name: str) -> str:
    known = sorted({row.name for row in installed()})
    have = ", ".join(known) if known else f"none; a start is {to_install('zif-reference')}"
    return f"no installed backend is called {name!r}.{did_you_mean(name, known)} Installed: {have}."
