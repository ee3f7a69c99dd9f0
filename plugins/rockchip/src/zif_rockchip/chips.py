"""Which NPU is meant: that of the chip that was named, of this board, or the one that the simulator stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen
from zif import UsageError

from zif_rockchip.figures import figures

if TYPE_CHECKING:
    from zif import Rates, Target

#: What is compiled for when no chip was named: the most common one of Rockchip's with three cores.
DEFAULT = "rk3588"


@frozen
class Chip:
    """The NPU that is compiled for. platform is the toolkit's name of it; mhz is None where its clock is not known.

    rates and remark are set where no chip was named: those of the one that is taken instead, and a sentence on that.
    """

    title: str
    platform: str
    cores: int = 1
    mhz: int | None = None
    fp16: bool = True
    rates: Rates | None = None
    remark: str = ""


@frozen
class NoChip:
    """Why a target has no NPU that the toolkit compiles for."""

    reason: str


def chip_of(target: Target) -> Chip | NoChip:
    """The NPU of a target."""
    try:
        own = figures(target)
    except UsageError as error:
        return NoChip(str(error))
    title = target.title or target.name
    if own.platform is not None:
        return Chip(title, own.platform, own.npu_cores or 1, own.npu_mhz, own.npu_fp16)
    if not target.is_host:
        return NoChip(f"{title} has no NPU of Rockchip's")
    import zif

    stand_in = zif.target(DEFAULT)
    chip = chip_of(stand_in)
    if isinstance(chip, NoChip):
        return chip
    remark = f"no chip was named: compiles for {stand_in.title}"
    return Chip(chip.title, chip.platform, chip.cores, chip.mhz, chip.fp16, stand_in.processors.get("npu"), remark)


def artifact_label(target: Target) -> str:
    """What the files of an artifact for this target are called: "rknn-rk3588"; "" where it is no chip of Rockchip's."""
    try:
        platform = figures(target).platform
    except UsageError:
        return ""
    return f"rknn-{platform}" if platform else ""
