"""Which Hexagon NPU is meant: the chip that was named, this machine's own, or the emulator's default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen
from zif import UsageError
from zif_qnn_runtime import figures, host_kind, needed

if TYPE_CHECKING:
    from zif import Rates, Target

#: What the emulator stands for when no chip was named: the most common one with fp16 in the field.
DEFAULT = "snapdragon-8-gen-3"
OLDEST_ARCH = 68


@frozen
class Chip:
    """The NPU that is compiled for. soc_model is Qualcomm's id; None leaves it to the device that the library finds.

    vtcm_mb is its vector memory in megabytes, None where that is not known. rates are set where the target itself has
    none of an NPU; remark is a sentence for the reader, or "".
    """

    title: str
    soc_model: int | None
    arch: int | None
    fp16: bool
    vtcm_mb: int | None = None
    rates: Rates | None = None
    remark: str = ""


@frozen
class NoChip:
    """Why there is no Hexagon NPU to compile for, in one sentence."""

    reason: str


def chip_of(target: Target) -> Chip | NoChip:
    """The chip of a target. On a host that is no known Snapdragon the emulator stands for a default chip."""
    title = target.title or target.name
    try:
        own = figures(target)
        if own.soc_model is None and own.htp_arch is None:
            return _unknown(target)
        if own.htp_arch is not None and own.htp_arch < OLDEST_ARCH:
            return NoChip(f"{title} has Hexagon v{own.htp_arch}; QNN's HTP backend needs v68 or later")
        return Chip(title, needed(target, "soc_model").soc_model, own.htp_arch, own.htp_fp16, own.vtcm_mb)
    except UsageError as error:
        return NoChip(str(error))


def _unknown(target: Target) -> Chip | NoChip:
    if not target.is_host:
        return NoChip(f"{target.title or target.name} has no Hexagon NPU")
    if host_kind() == "hardware":
        return Chip(f"the NPU of {target.title or 'this machine'}", None, None, fp16=True)
    import zif

    stand_in = zif.target(DEFAULT)
    own = needed(stand_in, "soc_model", "htp_arch")
    rates = stand_in.processors.get("npu")
    remark = f"no chip was named: emulates {stand_in.title} (soc_model {own.soc_model}, v{own.htp_arch})"
    return Chip(stand_in.title, own.soc_model, own.htp_arch, own.htp_fp16, own.vtcm_mb, rates, remark)


def artifact_label(target: Target) -> str:
    """What the files of an artifact for this target are called: "htp-v79"; "" where it is no chip with a Hexagon."""
    arch = figures(target).htp_arch
    return f"htp-v{arch}" if arch else ""
