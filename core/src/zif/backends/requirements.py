"""The libraries that zif and its plugins say they need, held against what is installed; from metadata alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import importlib_metadata as metadata
from attrs import evolve, frozen
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from zif.backends.registry import installed
from zif.files.installing import to_install


@frozen
class Library:
    """One requirement. `version` is None when it is not installed; `extra` names what it would add, as "zif[image]"."""

    name: str
    version: str | None
    wanted: str
    needed_by: tuple[str, ...]
    extra: str = ""

    @property
    def fits(self) -> bool:
        """Whether a version that is asked for is installed."""
        spec = Requirement(f"{self.name}{self.wanted}").specifier
        return self.version is not None and spec.contains(self.version, prereleases=True)

    @property
    def fix(self) -> str:
        """The command that installs it; "" when nothing is wrong."""
        if self.fits:
            return ""
        return to_install(self.extra or f"{self.name}{self.wanted}")


def libraries() -> tuple[Library, ...]:
    """What zif and the installed plugins require here, and what their extras would add, by name."""
    own = {canonicalize_name(name) for name in ("zif", *(row.distribution for row in installed()))}
    by_name: dict[tuple[str, str, str], Library] = {}
    for owner in sorted(own):
        for library in _of(owner):
            if canonicalize_name(library.name) not in own:
                key = (library.name, library.wanted, library.extra)
                before = by_name[key].needed_by if key in by_name else ()
                by_name[key] = evolve(library, needed_by=(*before, owner))
    return tuple(sorted(by_name.values(), key=lambda library: (library.extra, library.name)))


def _of(owner: str) -> Iterator[Library]:
    try:
        dist = metadata.distribution(owner)
    except metadata.PackageNotFoundError:  # a source tree on sys.path
        return
    extras = dist.metadata.get_all("Provides-Extra") or []
    for need in _parsed(dist.requires or []):
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            yield _library(need, owner, "")
            continue
        for extra in extras:
            if need.marker.evaluate({"extra": extra}):
                yield _library(need, owner, f"{owner}[{extra}]")


def _parsed(texts: Iterable[str]) -> Iterator[Requirement]:
    for text in texts:
        try:
            yield Requirement(text)
        except InvalidRequirement:
            continue


def _library(need: Requirement, owner: str, extra: str) -> Library:
    try:
        version: str | None = metadata.version(need.name)
    except metadata.PackageNotFoundError:
        version = None
    return Library(canonicalize_name(need.name), version, str(need.specifier), (owner,), extra)
