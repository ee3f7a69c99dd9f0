"""What plugins say that their environment needs besides what they require themselves.

A vendor's toolkit may pin what it does not need, or forget what it does, so that no resolver finds a way. A plugin then
brings a file that says how it was seen to work, named by an entry point: `[project.entry-points."zif.needs"]` with
`acme = "zif_acme:needs.json"`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from zif.errors import BackendBroken, InvalidInput
from zif.files.documents import read_json
from zif.files.environments import Environment, importable, points_in
from zif.files.records import record

GROUP = "zif.needs"
SCHEMA = "zif.needs/1"


@frozen
class Needs:
    """requirements: installed with what they require. without_dependencies: installed as they are, nothing else."""

    schema: str = SCHEMA
    requirements: tuple[str, ...] = ()
    without_dependencies: tuple[str, ...] = ()


def of(one: Environment) -> Needs:
    """What all plugins in an environment need. Raises BackendBroken for a file that is not there or cannot be read."""
    said = [_read(one, found.value, found.dist.metadata["Name"]) for found in points_in(one, GROUP)]
    return Needs(
        requirements=tuple(dict.fromkeys(text for needs in said for text in needs.requirements)),
        without_dependencies=tuple(dict.fromkeys(text for needs in said for text in needs.without_dependencies)),
    )


def _read(one: Environment, value: str, owner: str) -> Needs:
    package, _, name = value.partition(":")
    path = _found(importable(one), package.strip().split("."), name.strip())
    if path is None:
        raise BackendBroken(f"{owner} says that {value} is what its environment needs, and does not bring that file")
    try:
        needs = record(Needs, read_json(path), str(path), exact=True)
    except InvalidInput as error:
        raise BackendBroken(f"{owner}: {error}") from error
    if needs.schema != SCHEMA:
        raise BackendBroken(f"{owner}: {path} has the schema {needs.schema[:80]!r}, and this zif reads {SCHEMA!r}")
    return needs


def _found(folders: Sequence[Path], package: Sequence[str], name: str) -> Path | None:
    paths = (Path(os.path.join(folder, *package, name)) for folder in folders)
    return next((path for path in paths if path.is_file()), None)
