"""The chips that can be planned for: zif's own table, users' files over it, and this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from zif.errors import UsageError
from zif.records import Target
from zif.targets.file import read
from zif.wording import did_you_mean

#: Paths of further target files, separated like PATH; a chip there wins over one of the same name in zif's table.
ENVIRONMENT = "ZIF_TARGETS"
_TABLE = Path(__file__).parents[1] / "data" / "chips.json"
_NOISE = re.compile(r"\b(qualcomm|mobile|technologies|inc|proxy)\b|\((r|tm|c)\)|[^a-z0-9+]+")


def targets(files: Sequence[str | Path] = ()) -> tuple[Target, ...]:
    """Every chip that is known, users' own ones last; this machine (`host()`) is not among them.

    Read in this order, a later chip replacing an earlier one of the same name: zif's table, `targets.toml` in the
    user's configuration folder, the files of the environment variable ZIF_TARGETS, `files`. Raises `UsageError` for a
    file that is missing or wrong.
    """
    return _load(_stamped(files))[0]


def target(name: str, files: Sequence[str | Path] = ()) -> Target:
    """One chip by its slug, its AI Hub name or its part number, whatever the spelling; "host" is this machine.

    Raises `UsageError` listing the known chips when there is none of this name.
    """
    if _key(name) == "host":
        return host()
    every, spelled = _load(_stamped(files))
    found = spelled.get(_key(name))
    if found is None:
        raise UsageError(_unknown(name, every, spelled))
    return found


def host() -> Target:
    """This machine: its CPU with estimated rates and, on a Snapdragon that is known, its NPU and GPU too."""
    from zif.targets.detect import detect

    return detect(targets())


@lru_cache(maxsize=16)
def _load(stamped: tuple[tuple[Path, float], ...]) -> tuple[tuple[Target, ...], Mapping[str, Target]]:
    """The chips, and the chips by every spelling of their names."""
    found = {one.name: one for one in read(_TABLE, {})}
    for path, _ in stamped:
        for one in read(path, found):
            found.pop(one.name, None)
            found[one.name] = one
    every = tuple(found.values())
    return every, _index(every)


def _stamped(files: Sequence[str | Path]) -> tuple[tuple[Path, float], ...]:
    return tuple((path, _stamp(path)) for path in (*_users_files(), *map(Path, files)))


def _users_files() -> list[Path]:
    import platformdirs

    own = platformdirs.user_config_path("zif") / "targets.toml"
    named = [Path(part) for part in os.environ.get(ENVIRONMENT, "").split(os.pathsep) if part]
    return [*([own] if own.is_file() else []), *named]


def _stamp(path: Path) -> float:
    """When the file last changed, so that an edited file is read again; 0 for one that `read` will complain about."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0.0


def _index(every: Sequence[Target]) -> Mapping[str, Target]:
    """A name wins over an alias, and a later chip's alias over an earlier one's."""
    spelled: dict[str, Target] = {}
    for one in every:
        spelled.update(dict.fromkeys(map(_key, (one.title, *one.aliases)), one))
    spelled.update({_key(one.name): one for one in every})
    return spelled


def _key(name: str) -> str:
    """ "Snapdragon® 8 Gen 3 Mobile", "snapdragon-8-gen-3" and "qualcomm-snapdragon-8gen3" are one name."""
    return _NOISE.sub("", name.lower())


def _unknown(name: str, every: Sequence[Target], spelled: Mapping[str, Target]) -> str:
    hint = did_you_mean(_key(name), spelled, 3, lambda key: spelled[key].name)
    known = ", ".join(("host", *(one.name for one in every)))
    return f"No chip is called {name!r}.{hint} Known are {known}. Describe your own in a file named by {ENVIRONMENT}."
