"""Backend configurations: sections of options, from a file or from Python, brought to the backends that they mean.

A section is called as the backend, or as one of the names that the backend declares for it (`config_sections`), so that
the `backend_config.json` of a vendor's tools is understood without core knowing anybody's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from attrs import frozen

from zif.backends.blame import blaming
from zif.backends.options import build_options
from zif.backends.registry import owner
from zif.errors import StageFailed, UsageError
from zif.files.documents import read_table
from zif.files.wording import did_you_mean
from zif.records import Capabilities, ExplainsOptions, Target

Given: TypeAlias = "str | Path | Mapping[str, Mapping[str, Any]] | None"


@frozen
class Section:
    """One backend's section: its name as written, the options as written and as typed, and what has no effect."""

    section: str
    backend: str
    given: Mapping[str, Any]
    options: Any
    remarks: tuple[str, ...] = ()


def settle(sources: Given, target: Target) -> dict[str, dict[str, Any]]:
    """Options by backend, checked. Raises UsageError naming the file, the section and what is possible."""
    return {section.backend: dict(section.given) for section in check(sources, target)}


def check(sources: Given, target: Target) -> list[Section]:
    """Every section brought to its backend and built into its typed options. Raises UsageError as `settle` does."""
    if not sources:
        return []
    where = f"{sources}: " if isinstance(sources, (str, Path)) else "config: "
    written = read_table(sources, UsageError) if isinstance(sources, (str, Path)) else sources
    if not isinstance(written, Mapping):
        raise UsageError(f"config takes a file or a mapping of sections, not a {type(written).__name__}")
    known = _known(target, written)
    sections: dict[str, Section] = {}
    for name, options in written.items():
        section = _section(where, name, options, known, target)
        if section.backend in sections:
            raise UsageError(
                f"{where}{sections[section.backend].section!r} and {name!r} are both for {section.backend}"
            )
        sections[section.backend] = section
    return list(sections.values())


def remarks(options: Any, target: Target, known: Capabilities, backend: str) -> tuple[str, ...]:
    """What the options themselves say of what they do not change here. Raises UsageError for what cannot be here."""
    if not isinstance(options, ExplainsOptions):
        return ()
    try:
        with blaming(owner(backend), "judging its options"):
            return _sentences(options, target, known)
    except StageFailed as failure:
        if isinstance(failure.__cause__, ValueError):  # what the contract has for an option that cannot be had here
            raise UsageError(f"{backend}: {failure.__cause__}") from failure.__cause__
        raise


def _sentences(options: ExplainsOptions, target: Target, known: Capabilities) -> tuple[str, ...]:
    said = tuple(options.remarks(target, known.kind))
    if not all(isinstance(sentence, str) for sentence in said):
        raise TypeError(f"remarks gave {said!r}, not sentences")
    return said


def _known(target: Target, written: Mapping[str, Any]) -> dict[str, Capabilities | str]:
    """What each backend that may be meant says of itself, or why it says nothing. All are asked for an unknown name."""
    from zif.backends.registry import installed
    from zif.backends.survey import ask_all

    rows = installed()
    names = {row.name for row in rows}
    wanted = rows if any(name not in names for name in written) else [row for row in rows if row.name in written]
    answers = ask_all(target, wanted)
    return {
        answer.row.name: answer.capabilities if answer.capabilities is not None else answer.reason for answer in answers
    }


def _section(where: str, name: str, options: Any, known: Mapping[str, Capabilities | str], target: Target) -> Section:
    backend = _owner(where, name, known)
    capabilities = known[backend]
    if isinstance(capabilities, str):
        raise UsageError(
            f"{where}section {name!r}: its options are not known, {backend} does not answer: {capabilities}"
        )
    if not isinstance(options, Mapping):
        raise UsageError(f"{where}section {name!r} must be a table of options, not {options!r}")
    try:
        typed = build_options(capabilities.options, options, backend, typed=True)
        told = remarks(typed, target, capabilities, backend)
    except UsageError as error:
        raise UsageError(f"{where}section {name!r}: {error}") from error
    return Section(name, backend, options, typed, told)


def _owner(where: str, name: str, known: Mapping[str, Capabilities | str]) -> str:
    """The backend that a section is for."""
    if name in known:
        return name
    names = {
        backend: capabilities.config_sections
        for backend, capabilities in known.items()
        if isinstance(capabilities, Capabilities)
    }
    owners = [backend for backend, declared in names.items() if name in declared]
    if len(owners) == 1:
        return owners[0]
    if owners:
        raise UsageError(f"{where}section {name!r} could be for {' or '.join(owners)}: call it as the backend")
    every = [*known, *(section for declared in names.values() for section in declared)]
    listed = ", ".join(" or ".join((backend, *names.get(backend, ()))) for backend in known) or "none"
    raise UsageError(f"{where}no installed backend has a section {name!r}.{did_you_mean(name, every)} Known: {listed}.")
