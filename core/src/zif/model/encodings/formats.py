"""The formats of encodings files, and what vendors call them: names that distributions bring in a data file.

An entry point of the group `zif.encodings` names the file, which says what a vendor's tools mean by a name:
{"schema": "zif.encodings-formats/1", "formats": {"acme": "overrides"}}.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from attrs import frozen

from zif.errors import UsageError
from zif.files.distribution_data import ENCODINGS, DataFile, Problem, data_files, stamp
from zif.files.documents import read_json

SCHEMA = "zif.encodings-formats/1"
#: What compilers take beside a model (`--quantization_overrides`), and AIMET's formats by version.
OVERRIDES = "overrides"
KNOWN = (OVERRIDES, "0.6.1", "1.0.0", "2.0.0")
#: The formats by the names that they have here: those of vendors, where one is installed.
FORMATS: tuple[str, ...]


def __getattr__(name: str) -> Any:
    if name == "FORMATS":
        return tuple(map(called, KNOWN))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@frozen
class _Names:
    formats: Mapping[str, str]
    problems: tuple[Problem, ...]


def format_of(name: str) -> str:
    """The format in KNOWN that a name means, a vendor's or its own. Raises UsageError for another."""
    format_ = {**_names().formats, **{own: own for own in KNOWN}}.get(name)
    if format_ is None:
        raise UsageError(f"unknown format {name!r}; known: {', '.join(map(called, KNOWN))}")
    return format_


def called(format: str) -> str:
    """What a format in KNOWN is called here: as the one vendor does who has a name for it, else by its own name."""
    names = [name for name, meant in _names().formats.items() if meant == format]
    return names[0] if len(names) == 1 else format


def problems() -> tuple[Problem, ...]:
    """What is wrong with the files of names that distributions bring."""
    return _names().problems


def _names() -> _Names:
    return _load(tuple((file, stamp(file.path)) for file in data_files(ENCODINGS)))


@lru_cache(maxsize=4)
def _load(files: tuple[tuple[DataFile, int], ...]) -> _Names:
    """Everything read. The stamps say when the files changed, so that an edited one is read again."""
    formats, wrong = dict[str, str](), list[Problem]()
    for file, _ in files:
        try:
            for name, meant in _read(file).items():
                if formats.setdefault(name, meant) != meant:
                    raise UsageError(f"brings {name!r}, too, which is {formats[name]} of another distribution here")
        except UsageError as error:
            wrong.append(Problem(file.distribution, str(error)))
    return _Names(formats, tuple(wrong))


def _read(file: DataFile) -> Mapping[str, str]:
    if file.problem:
        raise UsageError(file.problem)
    document = read_json(Path(file.path), UsageError)
    formats = document.get("formats") if isinstance(document, Mapping) else None
    if not isinstance(formats, Mapping) or document.get("schema") != SCHEMA:
        raise UsageError(f'{file.path} is no file of {SCHEMA!r} with names of formats under "formats"')
    for name, meant in formats.items():
        if meant not in KNOWN or name in KNOWN:
            raise UsageError(f"{file.path}: {name!r} cannot mean {meant!r}; formats are {', '.join(KNOWN)}")
    return formats
