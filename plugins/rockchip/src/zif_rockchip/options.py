"""What a user can set on the `rknn` backend, in the toolkit's own words."""

from __future__ import annotations

from typing import Any, Literal

from attrs import field, frozen
from zif import Kind, Target

from zif_rockchip.figures import figures

CoreMask = Literal["auto", "0", "1", "2", "0_1", "0_1_2", "all"]
#: How many cores a mask needs the chip to have.
_CORES = {"auto": 1, "0": 1, "1": 2, "2": 3, "0_1": 2, "0_1_2": 3, "all": 1}


def _help(text: str) -> dict[str, Any]:
    return {"help": text}


@frozen
class RknnOptions:
    """Options of compile and load."""

    core_mask: CoreMask = field(
        default="auto",
        metadata=_help("which cores of the NPU run the segment, on a board; no effect in the simulator"),
    )
    optimization_level: Literal[0, 1, 2, 3] = field(
        default=3,
        metadata=_help("what the compiler may change for speed; 2 leaves out what costs quantized models accuracy"),
    )
    compress_weight: bool = field(
        default=False, metadata=_help("keep the weights compressed in the .rknn file, which gets smaller")
    )
    single_core_mode: bool = field(
        default=False, metadata=_help("compile for one core of the NPU, which makes a smaller file; rk3588 only")
    )
    flash_attention: bool = field(
        default=False, metadata=_help("let the compiler join attention's products into one operator")
    )
    precision_mode: Literal["auto", "fp16", "int8"] = field(
        default="auto",
        metadata=_help(
            "what the NPU may compute in: auto is fp16 for floating point and integers for what is quantized; int8"
            " leaves floating point to other backends, fp16 what is quantized; nothing is quantized by it"
        ),
    )

    @property
    def precisions(self) -> tuple[str, ...]:
        """What the NPU may compute in; empty for everything that it can."""
        return () if self.precision_mode == "auto" else (self.precision_mode,)

    def remarks(self, target: Target, kind: Kind, /) -> tuple[str, ...]:
        """One sentence for each option that was set and changes nothing there. Raises ValueError for what cannot be."""
        own, told = figures(target), []
        if own.npu_cores is not None and _CORES[self.core_mask] > own.npu_cores:
            raise ValueError(f"option core_mask {self.core_mask}: {target.title} has {own.npu_cores} cores")
        if kind == "emulator" and self.core_mask != "auto":
            told.append(f"core_mask {self.core_mask} has no effect in the simulator")
        if self.single_core_mode and own.platform not in (None, "rk3588"):
            told.append(f"single_core_mode has no effect: {target.title} is no RK3588")
        return tuple(told)
