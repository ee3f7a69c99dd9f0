"""What of Rockchip's is installed beside this interpreter, without importing any of it."""

from __future__ import annotations

import importlib.util
from importlib import metadata
from typing import Literal

from attrs import frozen

TOOLKIT, LITE = "rknn-toolkit2", "rknn-toolkit-lite2"
INSTALL = (
    "put it into an environment of its own, as docs/rockchip.md of zif shows: `zif env create rockchip zif-rockchip`"
)


@frozen
class Installed:
    """The versions that are here, "" for what is not. The toolkit compiles and simulates, the runtime is for boards."""

    toolkit: str
    runtime: str

    @property
    def kind(self) -> Literal["hardware", "emulator"]:
        """Whether artifacts run on a chip here, or in the simulator."""
        return "hardware" if self.runtime else "emulator"

    @property
    def words(self) -> str:
        """The engine and its version, which artifacts are kept apart by."""
        versions = ((TOOLKIT, self.toolkit), (LITE, self.runtime))
        return ", ".join(f"{name} {version}" for name, version in versions if version)

    @property
    def reason(self) -> str:
        """What is missing; "" when something can be done here."""
        if self.words:
            return ""
        return f"{TOOLKIT} is not installed for this interpreter: {INSTALL}"


def installed() -> Installed:
    """What is here."""
    return Installed(_version("rknn", TOOLKIT), _version("rknnlite", LITE))


def _version(package: str, distribution: str) -> str:
    if importlib.util.find_spec(package) is None:
        return ""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "of unknown version"
