"""What a user can set on the HTP backend, and which of QNN's own options that means."""

from __future__ import annotations

from typing import Any, Literal

from attrs import field, frozen, validators
from zif_qnn_runtime import PerformanceMode, ProviderOptions

from zif_qnn_htp.chips import Chip


def _help(text: str) -> dict[str, Any]:
    return {"help": text}


@frozen
class HtpOptions:
    """Options of convert, compile and load. Raises ValueError, saying what is possible, for a value out of range."""

    performance_mode: PerformanceMode = field(
        default="default", metadata=_help("clocks and power of the NPU while it runs; no effect on the emulator")
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
    context_priority: Literal["low", "normal", "normal_high", "high"] = field(
        default="normal", metadata=_help("priority among everything that runs on the NPU; no effect on the emulator")
    )
    device_id: int = field(
        default=0, validator=validators.ge(0), metadata=_help("which NPU of several; the emulator has 0 only")
    )
    profiling: Literal["off", "basic", "detailed"] = field(
        default="off", metadata=_help("what is recorded of each run: its time, or the cycles of each operator")
    )
    dlc: bool = field(default=False, metadata=_help("put the same graph as a DLC file beside the context binary"))
    source: bool = field(
        default=False, metadata=_help("put the same graph as C source with its parameters beside the context binary")
    )


_FINALIZATION = {"default": None, "fast": 1, "medium": 2, "thorough": 3}


def provider_options(options: HtpOptions, chip: Chip) -> ProviderOptions:
    """The options in QNN's words, for one chip. The chip is always named: without it the emulator is another one."""
    mode, priority = options.performance_mode, options.context_priority
    return ProviderOptions(
        soc_model=chip.soc_model,
        htp_performance_mode=None if mode == "default" else mode,
        vtcm_mb=options.vtcm_mb,
        htp_graph_finalization_optimization_mode=_FINALIZATION[options.finalization],
        extended_udma=options.extended_udma or None,
        qnn_context_priority=None if priority == "normal" else priority,
        device_id=options.device_id or None,
    )
