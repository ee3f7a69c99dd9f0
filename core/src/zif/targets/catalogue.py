"""The chips that can be planned for: those that plugins bring, users' files over them, and this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import attrs
from attrs import frozen

from zif.errors import UsageError
from zif.files.distribution_data import TARGETS, DataFile, Problem, data_files, stamp
from zif.files.wording import did_you_mean
from zif.records import Target
from zif.targets.file import read
from zif.targets.names import find, index, key
from zif.targets.watts import Row, applied, read_watts, with_row

#: Paths of further target files, separated like PATH; a chip there wins over one of the same name that a plugin brings.
ENVIRONMENT = "ZIF_TARGETS"


@frozen(eq=False)
class _Catalogue:
    targets: tuple[Target, ...]
    spelled: Mapping[str, Target]
    problems: tuple[Problem, ...]
    watts: tuple[Row, ...] = ()


def targets(files: Sequence[str | Path] = ()) -> tuple[Target, ...]:
    """Every chip that is known, users' own ones last; this machine (`host()`) is not among them.

    Read in this order, a later chip replacing an earlier one of the same name: what installed distributions bring (see
    `zif.files.distribution_data`), `targets.toml` in the user's configuration folder, the files of the environment
    variable ZIF_TARGETS, `files`. Those that end in .csv, and `watts.csv` in that folder, hold measured watts.
    Raises `UsageError` for a user's file that is missing or wrong; a distribution's is a problem.
    """
    return _catalogue(files).targets


def problems() -> tuple[Problem, ...]:
    """What is wrong with the files that distributions bring: missing, unreadable, or a name that another one has."""
    return _catalogue(()).problems


def target(name: str, files: Sequence[str | Path] = ()) -> Target:
    """One chip by its slug, its AI Hub name or its part number, whatever the spelling; "host" is this machine.

    Raises `UsageError` listing the known chips when there is none of this name.
    """
    if key(name) == "host":
        return host()
    known = _catalogue(files)
    chip = find(name, known.spelled)
    if chip is None:
        raise UsageError(_unknown(name, known))
    return chip


def host() -> Target:
    """This machine: its CPU with estimated rates and, where it is a chip that is known, its other processors too."""
    from zif.targets.detect import detect

    known = _catalogue(())
    target = detect(known.targets)
    for row in known.watts:
        if key(row.target) == "host":
            target = with_row(target, row)
    return target


def _catalogue(files: Sequence[str | Path]) -> _Catalogue:
    brought = tuple((file, stamp(file.path)) for file in data_files(TARGETS))
    return _load(brought, tuple((path, stamp(path)) for path in (*_users_files(), *map(Path, files))))


@lru_cache(maxsize=16)
def _load(brought: tuple[tuple[DataFile, int], ...], users: tuple[tuple[Path, int], ...]) -> _Catalogue:
    """Everything read. The stamps say when the files changed, so that an edited one is read again."""
    chips, problems = _brought([file for file, _ in brought])
    brought_chips = tuple(chips.values())
    for path, _ in users:
        for chip in () if _holds_watts(path) else read(path, chips, brought_chips):
            chips.pop(chip.name, None)
            chips[chip.name] = chip
    watts = tuple(row for path, _ in users if _holds_watts(path) for row in read_watts(path))
    applied(watts, _spelled(tuple(chips.values())), chips)
    every = tuple(chips.values())
    return _Catalogue(every, _spelled(every), tuple(problems), watts)


def _holds_watts(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def _spelled(chips: Sequence[Target]) -> Mapping[str, Target]:
    """By every spelling: users' chips before those that plugins bring, and of these the first before the others."""
    brought = [chip for chip in chips if chip.distribution]
    users = [chip for chip in chips if not chip.distribution]
    return index((*reversed(brought), *users))


def _brought(files: Sequence[DataFile]) -> tuple[dict[str, Target], list[Problem]]:
    """The chips by name, and what is wrong. A file may start from chips of another that comes after it."""
    chips: dict[str, Target] = {}
    problems = [Problem(file.distribution, file.problem) for file in files if file.problem]
    waiting, failed = [file for file in files if not file.problem], dict[DataFile, str]()
    for _ in range(2):
        failed = {}
        for file in waiting:
            try:
                rows = read(file.path, chips)
            except UsageError as error:
                failed[file] = str(error)
            else:
                problems += _joined(file.distribution, rows, chips)
        waiting = list(failed)
    return chips, [*problems, *(Problem(file.distribution, text) for file, text in failed.items())]


def _joined(distribution: str, rows: Sequence[Target], chips: dict[str, Target]) -> list[Problem]:
    """Put a distribution's chips beside the others; a problem for each name that another one answers to."""
    spelled = {key(name): chip for chip in chips.values() for name in (*chip.aliases, chip.name)}
    problems = []
    for row in rows:
        clashes = {name: spelled[key(name)] for name in (row.name, *row.aliases) if key(name) in spelled}
        problems += [
            Problem(distribution, f"brings {name!r}, too, which is {other.name} of {other.distribution} here")
            for name, other in clashes.items()
        ]
        if row.name not in chips:
            chips[row.name] = attrs.evolve(row, distribution=distribution)
    return problems


def _users_files() -> list[Path]:
    import platformdirs

    own = [platformdirs.user_config_path("zif") / name for name in ("targets.toml", "watts.csv")]
    named = [Path(part) for part in os.environ.get(ENVIRONMENT, "").split(os.pathsep) if part]
    return [*(path for path in own if path.is_file()), *named]


def _unknown(name: str, known: _Catalogue) -> str:
    hint = did_you_mean(key(name), known.spelled, 3, lambda spelling: known.spelled[spelling].name)
    listed = ", ".join(("host", *(target.name for target in known.targets)))
    broken = "".join(f" {problem.distribution}: {problem.text}" for problem in known.problems)
    return (
        f"No chip is called {name!r}.{hint} Known are {listed}: chips come with the plugins of their vendors. Describe"
        f" your own in a file named by {ENVIRONMENT}.{broken}"
    )
