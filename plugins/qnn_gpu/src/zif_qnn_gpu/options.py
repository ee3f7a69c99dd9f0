"""What a user can set on the GPU backend, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
from attrs import field, frozen, validators
from zif import Kind, Target
from zif_qnn_runtime import PerformanceMode

#: QNN's performance hints for a GPU (QnnGpu graph configuration: low, normal, high), by the mode that asks for each.
HINTS: Mapping[PerformanceMode, str] = {
    "default": "normal",
    **dict.fromkeys(("burst", "sustained_high_performance", "high_performance"), "high"),
    **dict.fromkeys(("balanced", "low_balanced"), "normal"),
    **dict.fromkeys(("high_power_saver", "power_saver", "low_power_saver", "extreme_power_saver"), "low"),
}


def _on(_: Any, attribute: attrs.Attribute[bool | None], value: bool | None) -> None:
    if value is False:
        raise ValueError(
            f"option {attribute.name} cannot be false: libQnnGpu always transforms layouts and fuses operators, and"
            " ONNX Runtime's QNN provider has no switch for it"
        )


@frozen
class GpuOptions:
    """Options of load. Raises ValueError, saying what is possible, for an impossible value."""

    precision_mode: Literal["fp16", "fp32"] = field(
        default="fp16", metadata={"help": "what floating point is stored and computed in; integers stay as they are"}
    )
    performance_mode: PerformanceMode = field(
        default="default",
        metadata={
            "help": "clocks of the GPU while it runs; ONNX Runtime's QNN provider cannot pass it on to libQnnGpu"
        },
    )
    device_id: int = field(
        default=0, validator=validators.ge(0), metadata={"help": "which GPU of several; a Snapdragon has 0 only"}
    )
    enable_transform_optimization: bool | None = field(
        default=None,
        validator=_on,
        metadata={"help": "layout transformations and fusions, which libQnnGpu always does: false is impossible"},
    )

    @property
    def precisions(self) -> tuple[str, ...]:
        """What floating point is computed in."""
        return (self.precision_mode,)

    def remarks(self, _target: Target, kind: Kind, /) -> tuple[str, ...]:
        """One sentence for each option that was set and changes nothing, on a GPU of this kind."""
        told = []
        mode = self.performance_mode
        if mode != "default":
            told.append(
                f"performance_mode {mode} is QNN's GPU hint {HINTS[mode]!r}, and has no effect: ONNX Runtime's QNN"
                " provider cannot pass it on to libQnnGpu"
            )
        if self.enable_transform_optimization and kind == "emulator":
            told.append(
                "enable_transform_optimization has no effect: the emulator fuses nothing, so that all is rounded"
            )
        if kind == "emulator" and self.device_id:
            told.append(f"device_id {self.device_id} has no effect: the emulator has no devices")
        if kind == "emulator" and self.precision_mode == "fp32":
            told.append("precision_mode fp32: the emulator rounds nothing to fp16 and is ONNX Runtime on the CPU")
        return tuple(told)
