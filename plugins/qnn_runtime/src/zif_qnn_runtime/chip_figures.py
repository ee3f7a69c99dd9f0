"""Qualcomm's own figures of a chip, as a target carries them: read in one place, and refused in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen
from zif import UsageError

if TYPE_CHECKING:
    from zif import Target

#: The table of a target's `vendor` that holds the figures.
VENDOR = "qualcomm"


@frozen
class Figures:
    """What Qualcomm's compilers want to know of a chip; None for what its description leaves out.

    htp_arch: the Hexagon architecture, 73 for v73. soc_model: Qualcomm's id of the chip. vtcm_mb: megabytes of the
    NPU's vector memory. htp_fp16: whether the NPU computes in fp16.
    """

    htp_arch: int | None = None
    soc_model: int | None = None
    vtcm_mb: int | None = None
    htp_fp16: bool = False


def figures(target: Target) -> Figures:
    """The figures of a target; none of them where it is no chip of Qualcomm's.

    Raises UsageError naming the chip and the figure that has an impossible value.
    """
    names = [field.name for field in attrs.fields(Figures)]
    table = target.vendor.get(VENDOR, {})
    return Figures(**{name: _checked(target, name, table[name]) for name in names if name in table})


def needed(target: Target, *names: str) -> Figures:
    """The figures of a target that must have these. Raises UsageError naming the chip and the first that is missing."""
    known_figures = figures(target)
    for name in names:
        if getattr(known_figures, name) is None:
            raise UsageError(
                f"{target.title or target.name}: its {name} is not known; add it under vendor.{VENDOR} in the file that"
                " describes the chip"
            )
    return known_figures


def _checked(target: Target, name: str, value: Any) -> Any:
    flag = name == "htp_fp16"
    right = isinstance(value, bool) if flag else type(value) is int and value > 0
    if not right:
        wanted = "true or false" if flag else "a whole number from 1 up"
        raise UsageError(f"{target.title or target.name}: vendor.{VENDOR}.{name} must be {wanted}, not {value!r}")
    return value
