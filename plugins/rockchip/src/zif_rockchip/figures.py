"""Rockchip's own figures of a chip, as a target carries them: read in one place, and refused in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen
from zif import UsageError

if TYPE_CHECKING:
    from zif import Target

#: The table of a target's `vendor` that holds the figures.
VENDOR = "rockchip"


@frozen
class Figures:
    """What the toolkit wants to know of a chip; None for what its description leaves out.

    platform: the toolkit's name of it. npu_cores: how many cores its NPU has. npu_mhz: their clock at most. npu_fp16:
    whether the NPU computes in fp16, or in integers only.
    """

    platform: str | None = None
    npu_cores: int | None = None
    npu_mhz: int | None = None
    npu_fp16: bool = True


def figures(target: Target) -> Figures:
    """The figures of a target; none of them where it is no chip of Rockchip's.

    Raises UsageError naming the chip and the figure that has an impossible value.
    """
    table = target.vendor.get(VENDOR, {})
    names = [field.name for field in attrs.fields(Figures)]
    return Figures(**{name: _checked(target, name, table[name]) for name in names if name in table})


def _checked(target: Target, name: str, value: Any) -> Any:
    kinds: dict[str, tuple[type[Any], str]] = {"platform": (str, "a name"), "npu_fp16": (bool, "true or false")}
    kind, wanted = kinds.get(name, (int, "a whole number from 1 up"))
    right = type(value) is kind and (kind is bool or bool(value)) and (type(value) is not int or value > 0)
    if not right:
        raise UsageError(f"{target.title or target.name}: vendor.{VENDOR}.{name} must be {wanted}, not {value!r}")
    return value
