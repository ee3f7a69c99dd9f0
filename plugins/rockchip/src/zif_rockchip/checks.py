"""For `zif doctor`: Rockchip's compiler and its runtime."""

from __future__ import annotations

from collections.abc import Iterator

from zif.plugin import Check

from zif_rockchip.toolkit import INSTALL, LITE, TOOLKIT, installed


def checks() -> Iterator[Check]:
    """Each of the two, whether it is installed."""
    here = installed()
    if here.toolkit:
        yield Check(f"{TOOLKIT}, which compiles and simulates", "works", here.toolkit)
    else:
        yield Check(f"{TOOLKIT}, which compiles and simulates", "absent", "not beside this interpreter", INSTALL)
    if here.runtime:
        yield Check(f"{LITE}, which runs on a board", "works", here.runtime)
    else:
        yield Check(f"{LITE}, which runs on a board", "absent", "for boards only")
