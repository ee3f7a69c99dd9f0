"""What computes the cells here: zif, the plugins and their toolchains. Another machine has to have the same."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache

from attrs import field, frozen


@frozen
class Machine:
    """Versions by name: of distributions (zif, those that bring backends, zif-quantize) and of backends' toolchains."""

    versions: Mapping[str, str] = field(factory=dict)
    toolchains: Mapping[str, str] = field(factory=dict)
    processor: str = ""

    @classmethod
    def here(cls) -> Machine:
        """This process's own. Asks every backend, once."""
        return _here()

    def against(self, other: Machine) -> str:
        """What another has otherwise, in words: "zif-acme is 2.0 there, 1.0 here"; "" where it is the same."""
        rows = [
            *_differing(self.versions, other.versions, "{}"),
            *_differing(self.toolchains, other.toolchains, "the toolchain of {}"),
        ]
        if self.processor != other.processor:
            rows.append(f"the processor is {other.processor} there, {self.processor} here")
        return "; ".join(rows)


def _differing(here: Mapping[str, str], there: Mapping[str, str], words: str) -> list[str]:
    names = [name for name in sorted({*here, *there}) if here.get(name) != there.get(name)]
    return [f"{words.format(name)} is {there.get(name) or 'not there'}" + _own(here.get(name)) for name in names]


def _own(version: str | None) -> str:
    return f" there, {version} here" if version else ", and is not here"


@cache
def _here() -> Machine:
    import importlib_metadata as metadata
    import zif
    from zif.plugin import ask_backends

    answers = ask_backends(zif.target("host"))
    names = {"zif", "zif-quantize", "zif-sweep", "onnx", "numpy", *(answer.row.distribution for answer in answers)}
    versions = {}
    for name in sorted(names):
        try:
            versions[name] = str(metadata.version(name))
        except metadata.PackageNotFoundError:
            continue
    toolchains = {
        answer.row.name: answer.capabilities.toolchain for answer in answers if answer.capabilities is not None
    }
    return Machine(versions, toolchains, platform.machine())
