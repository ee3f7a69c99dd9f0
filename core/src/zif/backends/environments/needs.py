"""What plugins say that their environment needs besides what they require themselves.

A vendor's toolkit may pin what it does not need, or forget what it does, so that no resolver finds a way. A plugin then
brings a file that says how it was seen to work, named by an entry point: `[project.entry-points."zif.needs"]` with
`acme = "zif_acme:needs.json"`.
"""

from __future__ import annotations

from attrs import frozen

from zif.errors import BackendBroken, InvalidInput
from zif.files.distribution_data import DataFile, data_files_in
from zif.files.documents import read_json
from zif.files.environments import Environment
from zif.files.records import record

GROUP = "zif.needs"
SCHEMA = "zif.needs/1"


@frozen
class Needs:
    """requirements: installed with what they require. without_dependencies: installed as they are, nothing else."""

    schema: str = SCHEMA
    requirements: tuple[str, ...] = ()
    without_dependencies: tuple[str, ...] = ()


def of(environment: Environment) -> Needs:
    """What all plugins in an environment need. Raises BackendBroken for a file that is not there or cannot be read."""
    said = [_read(file) for file in data_files_in(environment, GROUP)]
    return Needs(
        requirements=tuple(dict.fromkeys(text for needs in said for text in needs.requirements)),
        without_dependencies=tuple(dict.fromkeys(text for needs in said for text in needs.without_dependencies)),
    )


def _read(file: DataFile) -> Needs:
    if file.problem:
        raise BackendBroken(f"{file.distribution}: {file.problem}")
    try:
        needs = record(Needs, read_json(file.path), str(file.path), exact=True)
    except InvalidInput as error:
        raise BackendBroken(f"{file.distribution}: {error}") from error
    if needs.schema != SCHEMA:
        told = f"{file.path} has the schema {needs.schema[:80]!r}, and this zif reads {SCHEMA!r}"
        raise BackendBroken(f"{file.distribution}: {told}")
    return needs
