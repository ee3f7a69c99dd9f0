"""The options of ONNX Runtime's QNN provider, typed: it ignores unknown names and most impossible values by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import attrs
from attrs import field, frozen

PerformanceMode = Literal[
    "default",
    "burst",
    "balanced",
    "high_performance",
    "sustained_high_performance",
    "high_power_saver",
    "power_saver",
    "low_power_saver",
    "extreme_power_saver",
    "low_balanced",
]
ContextPriority = Literal["low", "normal", "normal_high", "high"]
ProfilingLevel = Literal["off", "basic", "detailed"]
PERFORMANCE_MODES: tuple[PerformanceMode, ...] = get_args(PerformanceMode)


def _about(text: str, emulator: str = "", **limits: int) -> dict[str, Any]:
    """What is known of a field. `emulator` says what becomes of it there; `limits` are at_least and at_most."""
    return {"help": text, "emulator": emulator, **limits}


_NOTHING = "no effect on the emulator"


@frozen
class ProviderOptions:
    """Everything that can be set on the QNN provider; None leaves the provider's own default.

    The field names are the provider's. `soc_model` is Qualcomm's id of the chip. Raises ValueError, naming what is
    possible, for a value out of range.
    """

    soc_model: int | None = field(
        default=None, metadata=_about("Qualcomm's id of the chip that is compiled for", at_least=0)
    )
    htp_performance_mode: PerformanceMode | None = field(
        default=None, metadata=_about("clocks and power of the NPU", _NOTHING)
    )
    rpc_control_latency: int | None = field(
        default=None, metadata=_about("microseconds that a remote call may take", _NOTHING, at_least=0)
    )
    qnn_context_priority: ContextPriority | None = field(
        default=None, metadata=_about("priority among the contexts on the NPU", _NOTHING)
    )
    vtcm_mb: int | None = field(
        default=None, metadata=_about("megabytes of vector memory that a graph may use", at_least=1, at_most=64)
    )
    htp_graph_finalization_optimization_mode: int | None = field(
        default=None,
        metadata=_about("how long the compiler may optimize: 1 shortest to 3 longest", at_least=0, at_most=3),
    )
    enable_htp_spill_fill_buffer: bool | None = field(
        default=None, metadata=_about("share one spill buffer among the graphs of a context")
    )
    enable_htp_fp16_clamp_overflow: bool | None = field(
        default=None, metadata=_about("clamp instead of overflowing to infinity in fp16")
    )
    enable_htp_monolithic_lstm: bool | None = field(default=None, metadata=_about("run an LSTM as one operator"))
    enable_block_quant_weight_optimization: bool | None = field(
        default=None, metadata=_about("pack block-quantized weights")
    )
    htp_reused_io_limit_mb: int | None = field(
        default=None, metadata=_about("megabytes of buffers kept for inputs and outputs", at_least=0)
    )
    num_graph_prepare_threads: int | None = field(
        default=None, metadata=_about("threads that compile the graphs of one context", at_least=1)
    )
    extended_udma: bool | None = field(
        default=None, metadata=_about("use the extended DMA engine of Hexagon v81 and later")
    )
    enable_htp_shared_memory_allocator: bool | None = field(
        default=None,
        metadata=_about(
            "place tensors in memory that the NPU shares with the CPU", "refused on the emulator: it has no such memory"
        ),
    )
    device_id: int | None = field(
        default=None, metadata=_about("which NPU of several", "the emulator has device 0 only", at_least=0)
    )
    profiling_level: ProfilingLevel | None = field(
        default=None, metadata=_about("what the backend records of each run")
    )
    profiling_file_path: str | None = field(default=None, metadata=_about("the CSV file that profiles are appended to"))
    offload_graph_io_quantization: bool | None = field(
        default=None, metadata=_about("leave quantization of graph inputs to another provider")
    )
    skip_qnn_version_check: bool | None = field(default=None, metadata=_about("load artifacts of another QNN release"))

    def __attrs_post_init__(self) -> None:
        for option in attrs.fields(type(self)):
            _check(option.name, getattr(self, option.name), option.metadata)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> ProviderOptions:
        """From names and values as a user wrote them. Raises UsageError that lists what is known or possible."""
        from zif.plugin import build_options

        made: ProviderOptions = build_options(cls, values, "QNN provider")
        return made

    def chosen(self) -> dict[str, str]:
        """What was set, in the words of the provider."""
        values = attrs.asdict(self, filter=lambda _, value: value is not None)
        return {name: _word(value) for name, value in values.items()}

    def remarks(self, emulated: bool) -> tuple[str, ...]:
        """One sentence for each option that was set and does nothing, or cannot be had, on the emulator."""
        fields = attrs.fields_dict(type(self))
        remarks = ((name, fields[name].metadata["emulator"]) for name in self.chosen()) if emulated else ()
        return tuple(f"{name}: {remark}" for name, remark in remarks if remark)


_WORDS: Mapping[str, tuple[str, ...]] = {
    "htp_performance_mode": PERFORMANCE_MODES,
    "qnn_context_priority": get_args(ContextPriority),
    "profiling_level": get_args(ProfilingLevel),
}


def _check(name: str, value: Any, limits: Mapping[str, Any]) -> None:
    if value is None:
        return
    if isinstance(value, str):
        if value not in _WORDS.get(name, (value,)):
            raise ValueError(f"{name} cannot be {value!r}; possible: {', '.join(_WORDS[name])}")
        return
    low, high = limits.get("at_least"), limits.get("at_most")
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = f"{low} to {high}" if high is not None else f"{low} or more"
        raise ValueError(f"{name} cannot be {value}; possible: {bounds}")


def _word(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
