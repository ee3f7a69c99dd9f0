"""An artifact that is opened: on the NPU of this board, or in the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zif import BackendUnavailable

from zif_rockchip import board, simulator
from zif_rockchip.segment import read_segment
from zif_rockchip.toolkit import TOOLKIT, installed

if TYPE_CHECKING:
    from zif import Compiled

    from zif_rockchip.executable import RknnExecutable
    from zif_rockchip.options import RknnOptions


def load(compiled: Compiled, options: RknnOptions) -> RknnExecutable:
    """Open an artifact. Raises InvalidBundle for a damaged one, BackendUnavailable where nothing can run it."""
    segment, here = read_segment(compiled), installed()
    if here.runtime:
        return board.load(compiled, segment, options)
    if not here.toolkit:
        raise BackendUnavailable(here.reason)
    if segment.toolkit != here.toolkit:
        raise BackendUnavailable(
            f"the artifact was compiled with {TOOLKIT} {segment.toolkit}, and {here.toolkit} is here: compile it again"
        )
    return simulator.load(compiled, segment)
