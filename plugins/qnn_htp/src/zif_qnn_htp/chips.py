"""Which Hexagon NPU is meant: the chip that was named, this machine's own, or the emulator's default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen
from zif_qnn_runtime import host_kind

if TYPE_CHECKING:
    from zif import Rates, Target

#: What the emulator stands for when no chip was named: the most common one with fp16 in the field.
DEFAULT = "snapdragon-8-gen-3"
OLDEST_ARCH = 68


@frozen
class Chip:
    """The NPU that is compiled for. soc_model is Qualcomm's id; None leaves it to the device that the library finds.

    rates are set where the target itself has none of an NPU; remark is a sentence for the reader, or "".
    """

    title: str
    soc_model: int | None
    arch: int | None
    fp16: bool
    rates: Rates | None = None
    remark: str = ""


@frozen
class NoChip:
    """Why there is no Hexagon NPU to compile for, in one sentence."""

    reason: str


def chip_of(target: Target) -> Chip | NoChip:
    """The chip of a target. On a host that is no known Snapdragon the emulator stands for a default chip."""
    if target.soc_model is None and target.htp_arch is None:
        return _unknown(target)
    if target.htp_arch is not None and target.htp_arch < OLDEST_ARCH:
        return NoChip(
            f"{target.title or target.name} has Hexagon v{target.htp_arch}; QNN's HTP backend needs v68 or later"
        )
    if target.soc_model is None:
        return NoChip(
            f"{target.title or target.name}: its soc_model is not known; add it to the file that describes the chip"
        )
    return Chip(target.title or target.name, target.soc_model, target.htp_arch, target.htp_fp16)


def _unknown(target: Target) -> Chip | NoChip:
    if not target.is_host:
        return NoChip(f"{target.title or target.name} has no Hexagon NPU")
    if host_kind() == "hardware":
        return Chip(f"the NPU of {target.title or 'this machine'}", None, None, fp16=True)
    import zif

    stand_in = zif.target(DEFAULT)
    rates = stand_in.processors.get("npu")
    remark = f"no chip was named: emulates {stand_in.title} (soc_model {stand_in.soc_model}, v{stand_in.htp_arch})"
    return Chip(stand_in.title, stand_in.soc_model, stand_in.htp_arch, stand_in.htp_fp16, rates, remark)
