"""What AI Hub says of a run: the time of the whole and of each layer, from its client or from a file that it wrote."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen
from zif import UsageError
from zif.plugin import parse_json, read_text

#: Words of the client's enumeration, as core calls processors.
PROCESSORS = {"NPU": "npu", "GPU": "gpu", "CPU": "cpu"}


@frozen
class Layer:
    """A layer as the device's runtime calls it. processor: "npu", "gpu", "cpu" or "".

    us: microseconds, cycles: of the processor; None where they were not told.
    """

    name: str
    type: str
    processor: str
    us: float | None
    cycles: float | None


@frozen
class Measured:
    """us: microseconds of one inference. peak_bytes: of memory, None where that was not told."""

    us: float
    layers: tuple[Layer, ...]
    peak_bytes: int | None = None


def results_of(document: Any, where: str) -> Measured:
    """The results from a profile as the client gives it. Raises UsageError for what is none."""
    summary = document.get("execution_summary") if isinstance(document, Mapping) else None
    summary = summary if isinstance(summary, Mapping) else {}
    us = _number(summary.get("estimated_inference_time"))
    detail = document.get("execution_detail", ()) if isinstance(document, Mapping) else None
    if not us or not isinstance(detail, (list, tuple)):
        raise UsageError(
            f"{where} is no profile of AI Hub: it has no execution_summary with an estimated_inference_time. "
            "`job.download_profile(FILE)` of its client writes one"
        )
    layers = tuple(_layer(layer) for layer in detail if isinstance(layer, Mapping) and layer.get("name"))
    peak = _number(summary.get("estimated_inference_peak_memory"))
    return Measured(us, layers, None if peak is None else int(peak))


def read_results(path: Path) -> tuple[Measured, Path]:
    """The results in a file, or in the folder that `job.download_results` filled, and the file. Raises UsageError."""
    file = path
    if path.is_dir():
        profiles = sorted(file for file in path.glob("*.json") if _is_profile(file))
        if len(profiles) != 1:
            names = ", ".join(file.name for file in profiles) or "none"
            raise UsageError(f"{path} must hold the profile of one job, and has {names}: name the file")
        file = profiles[0]
    return results_of(parse_json(read_text(file, UsageError), str(file), UsageError), str(file)), file


def _is_profile(file: Path) -> bool:
    try:
        results_of(parse_json(read_text(file, UsageError), str(file), UsageError), str(file))
    except UsageError:
        return False
    return True


def _layer(told: Mapping[str, Any]) -> Layer:
    processor = PROCESSORS.get(str(told.get("compute_unit", "")).upper(), "")
    times = _number(told.get("execution_time")), _number(told.get("execution_cycles"))
    return Layer(str(told["name"]), str(told.get("type", "")), processor, *times)


def _number(value: Any) -> float | None:
    plain = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return float(value) if plain else None
