"""The options of `qnn_cpu`, which are session options of ONNX Runtime under the names that Qualcomm's tools use."""

from __future__ import annotations

import os
import platform
from typing import Any, Literal

import attrs
from attrs import field, frozen
from zif import Kind, Target

#: QNN's own modes, by the names that ONNX Runtime's QNN provider gives them.
Mode = Literal[
    "default",
    "burst",
    "sustained_high_performance",
    "high_performance",
    "balanced",
    "low_balanced",
    "high_power_saver",
    "power_saver",
    "low_power_saver",
    "extreme_power_saver",
]
Level = Literal["all", "extended", "basic", "disabled"]
Spin = Literal["auto", "on", "off"]
Engine = Literal["onnxruntime", "libQnnCpu"]

_SAVING = ("high_power_saver", "power_saver", "low_power_saver", "extreme_power_saver")
_LEAST = ("low_power_saver", "extreme_power_saver")
_QUIET = ("low_balanced", *_SAVING)


def _count(_: Any, attribute: attrs.Attribute[int], value: int) -> None:
    if value < 0:
        raise ValueError(f"option {attribute.name} takes 0 (as many as the mode allows) or more, not {value}")


@frozen
class Options:
    """How a segment runs on the CPU. The same options make the same artifact: all of them count when it is loaded."""

    num_threads: int = field(
        default=0,
        validator=_count,
        metadata={
            "help": "threads of one operator; 0: all cores that the process may use, half of them in power_saver"
        },
    )
    performance_mode: Mode = field(
        default="balanced",
        metadata={
            "help": "power savers: waiting threads sleep, half the cores (low_ and extreme_power_saver: one); "
            "low_balanced: all cores, threads sleep; balanced and faster: all cores, waiting threads spin for a while "
            "when the segment runs alone. Clocks are left to the system",
            "advice": "power_saver works with half of the cores, low_power_saver with one",
        },
    )
    enable_fast_math: bool = field(
        default=False,
        metadata={
            "help": "Gelu by its tanh approximation (up to 5e-4 off), products with weights in 4 or 8 bits from values "
            "that are rounded to 8 bits, too, and, on 64-bit ARM Linux only, matrix products in bfloat16"
        },
    )
    spin: Spin = field(
        default="auto",
        metadata={"help": "whether waiting threads spin; auto: by the mode, never when other segments take turns"},
    )
    graph_optimization_level: Level = field(
        default="all",
        metadata={"help": "ONNX Runtime's graph optimizations; a level that fails on a segment is lowered"},
    )
    enable_cpu_mem_arena: bool = field(
        default=True, metadata={"help": "keep freed memory for the next run; false returns it to the system"}
    )
    exact_int8: bool = field(
        default=True,
        metadata={
            "help": "sums of int8 products never saturate, as on a Snapdragon; false is ONNX Runtime's default on "
            "x86-64 without VNNI: some 10 % faster there, and half the right value was seen"
        },
    )
    engine: Engine = field(
        default="onnxruntime",
        metadata={"help": "libQnnCpu: Qualcomm's own CPU library, which must be in the SDK that QNN_SDK_ROOT names"},
    )

    @property
    def threads(self) -> int:
        """How many threads one operator gets."""
        if self.num_threads:
            return self.num_threads
        cores = _cores()
        if self.performance_mode in _LEAST:
            return 1
        return max(1, cores // 2) if self.performance_mode in _SAVING else cores

    def spins(self, shared: bool) -> bool:
        """Whether waiting threads spin; `shared` when other segments take turns with this one."""
        if self.spin == "auto":
            return not shared and self.performance_mode not in _QUIET
        return self.spin == "on"

    def remarks(self, target: Target, _kind: Kind, /) -> tuple[str, ...]:
        """One sentence for each option that was set and does less here than it says."""
        told = []
        if target.is_host and self.num_threads > _cores():
            told.append(f"num_threads {self.num_threads}: this process may use {_cores()} cores")
        if self.performance_mode in ("burst", "sustained_high_performance", "high_performance"):
            told.append(f"performance_mode {self.performance_mode} is as balanced here: clocks are left to the system")
        if self.enable_fast_math and target.is_host and platform.machine().lower() not in ("aarch64", "arm64"):
            told.append("enable_fast_math makes no matrix products in bfloat16 here: those are for 64-bit ARM")
        return tuple(told)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
