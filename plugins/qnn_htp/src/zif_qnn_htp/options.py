"""What a user can set on the HTP backend, and which of QNN's own options that means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs
from attrs import field, frozen, validators
from zif import Kind, Target
from zif_qnn_runtime import PerformanceMode, ProviderOptions, figures

from zif_qnn_htp.chips import Chip

#: The first Hexagon with the extended DMA engine.
EXTENDED_DMA = 81

Precision = Literal["auto", "fp16", "int16", "int8"]
#: What the NPU may compute in under each precision mode; empty: as the model is.
PRECISIONS: Mapping[Precision, tuple[str, ...]] = {
    "auto": (),
    "fp16": ("fp16",),
    "int16": ("int16", "int8", "int4"),
    "int8": ("int8", "int4"),
}


def _help(text: str) -> dict[str, Any]:
    return {"help": text}


def _also(text: str) -> dict[str, Any]:
    """A form for Qualcomm's other tools, which `zif compile --also` knows."""
    return _help(text) | {"also": True}


def _dma(_: Any, attribute: attrs.Attribute[bool | None], value: bool | None) -> None:
    if value is False:
        raise ValueError(
            f"option {attribute.name} cannot be false: the NPU always moves its tensors by DMA, and QNN has no switch"
        )


@frozen
class HtpOptions:
    """Options of convert, compile and load. Raises ValueError, saying what is possible, for a value out of range."""

    performance_mode: PerformanceMode = field(
        default="default",
        metadata=_help("clocks and power of the NPU while it runs; no effect on the emulator")
        | {
            "advice": "sustained_high_performance is for runs without a pause, burst for single ones, balanced and the"
            " power savers for where a run may take longer"
        },
    )
    precision_mode: Precision = field(
        default="auto",
        metadata=_help(
            "what the NPU may compute in: auto is fp16 for floating point and integers for what is quantized; int8 and"
            " int16 leave floating point to other backends, fp16 what is quantized; nothing is quantized by it"
        ),
    )
    vtcm_mb: int | None = field(
        default=None,
        validator=validators.optional([validators.ge(1), validators.le(64)]),
        metadata=_help(
            "megabytes of the chip's vector memory that the graph may use, 1 to 64; none: what the chip has"
        ),
    )
    finalization: Literal["default", "fast", "medium", "thorough"] = field(
        default="default", metadata=_help("how long the compiler may look for a faster graph")
    )
    extended_udma: bool = field(
        default=False, metadata=_help("use the extended DMA engine; Hexagon v81 and later have it")
    )
    enable_dma: bool | None = field(
        default=None,
        validator=_dma,
        metadata=_help("true: the extended DMA engine where the chip has one (Hexagon v81); older ones always use DMA"),
    )
    context_priority: Literal["low", "normal", "normal_high", "high"] = field(
        default="normal", metadata=_help("priority among everything that runs on the NPU; no effect on the emulator")
    )
    run_mode: PerformanceMode = field(
        default="default",
        metadata=_help("clocks and power of the NPU during each run, such as burst; no effect on the emulator"),
    )
    idle_mode: PerformanceMode = field(
        default="default",
        metadata=_help("clocks and power of the NPU after each run, such as low_power_saver; as above"),
    )
    device_id: int = field(
        default=0, validator=validators.ge(0), metadata=_help("which NPU of several; the emulator has 0 only")
    )
    profiling: Literal["off", "basic", "detailed"] = field(
        default="off", metadata=_help("what is recorded of each run: its time, or the cycles of each operator")
    )
    dlc: bool = field(default=False, metadata=_also("the same graph as a DLC file beside the context binary"))
    source: bool = field(
        default=False, metadata=_also("the same graph as C source with its parameters beside the context binary")
    )

    @property
    def precisions(self) -> tuple[str, ...]:
        """What the NPU may compute in; empty for everything that it can."""
        return PRECISIONS[self.precision_mode]

    def remarks(self, target: Target, kind: Kind, /) -> tuple[str, ...]:
        """One sentence for each option that was set and changes nothing there. Raises ValueError for what cannot be."""
        arch = figures(target).htp_arch
        if self.extended_udma and arch is not None and arch < EXTENDED_DMA:
            raise ValueError(f"option extended_udma: Hexagon v{arch} has no extended DMA engine, v81 and later have it")
        if kind == "emulator" and self.device_id:
            raise ValueError(f"option device_id cannot be {self.device_id}: the emulator has device 0 only")
        memory = figures(target).vtcm_mb
        if self.vtcm_mb is not None and memory is not None and self.vtcm_mb > memory:
            raise ValueError(
                f"option vtcm_mb cannot be {self.vtcm_mb}: {target.title or target.name} has {memory} megabytes; "
                "without the option the graph may use all of it"
            )
        return (*self._of_chip(target), *(self._of_emulator() if kind == "emulator" else ()))

    def _of_chip(self, target: Target) -> Iterator[str]:
        chip = figures(target)
        arch = chip.htp_arch
        if self.enable_dma and arch is not None and arch < EXTENDED_DMA:
            yield f"enable_dma has no effect: Hexagon v{arch} always uses DMA; the extended engine comes with v81"

    def _of_emulator(self) -> Iterator[str]:
        if self.performance_mode != "default":
            yield f"performance_mode {self.performance_mode} has no effect on the emulator, which has no clocks"
        for name, mode in (("run_mode", self.run_mode), ("idle_mode", self.idle_mode)):
            if mode != "default":
                yield f"{name} {mode} has no effect on the emulator, which has no clocks"
        if self.context_priority != "normal":
            yield f"context_priority {self.context_priority} has no effect on the emulator"


_FINALIZATION = {"default": None, "fast": 1, "medium": 2, "thorough": 3}


def provider_options(options: HtpOptions, chip: Chip) -> ProviderOptions:
    """The options in QNN's words, for one chip. The chip is always named: without it the emulator is another one."""
    mode, priority = options.performance_mode, options.context_priority
    return ProviderOptions(
        soc_model=chip.soc_model,
        htp_performance_mode=None if mode == "default" else mode,
        vtcm_mb=options.vtcm_mb,
        htp_graph_finalization_optimization_mode=_FINALIZATION[options.finalization],
        extended_udma=_extended(options, chip) or None,
        qnn_context_priority=None if priority == "normal" else priority,
        device_id=options.device_id or None,
    )


def run_settings(options: HtpOptions) -> dict[str, str]:
    """What the provider is told with every run: the mode while it lasts, and the mode afterwards."""
    modes = {"qnn.htp_perf_mode": options.run_mode, "qnn.htp_perf_mode_post_run": options.idle_mode}
    return {name: mode for name, mode in modes.items() if mode != "default"}


def _extended(options: HtpOptions, chip: Chip) -> bool:
    return options.extended_udma or bool(options.enable_dma and chip.arch is not None and chip.arch >= EXTENDED_DMA)
