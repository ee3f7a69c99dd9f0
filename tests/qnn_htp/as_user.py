"""Real models on real input as a user runs them for a chip: `zif.load(model, target=…)`, against ONNX Runtime's CPU."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import onnx
import onnx.version_converter
import zif
from attrs import frozen
from zoo import Entry, entry

CHIP = "snapdragon-8-gen-3"
#: Forms that a float model is quantized to: activations and weights, weights per channel.
FORMS = {"w8a8": ("QUInt8", "QInt8"), "w8a16": ("QUInt16", "QInt8")}
#: Below it there is no quantization per channel.
OPSET = 13


@frozen
class Row:
    """One model: least cosine over its float outputs, whether its real task came out right, and where it ran.

    placed counts units by backend, segments counts segments by backend; a backend of the chip's NPU says "emulator".
    beside: the operators of the units that are not on the NPU.
    """

    name: str
    cosine: float
    good: bool
    answer: str
    placed: Mapping[str, int]
    segments: Mapping[str, int]
    kinds: Mapping[str, str]
    load_s: float
    run_s: float
    events: tuple[str, ...]
    beside: tuple[str, ...]


def row(one: Entry, form: str = "") -> Row:
    """Run the model, or its quantized form against the same form on the CPU.

    The task of the `light-` models is to give stored outputs to the sixth digit, which fp16 does not have.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = quantized(one, form, Path(folder)) if form else one.path
        return _row(one, path, f"{one.name} {form}".strip(), task=not form and not one.name.startswith("light-"))


def _row(one: Entry, path: Path, name: str, *, task: bool) -> Row:
    feeds = one.inputs()
    begun = perf_counter()
    with zif.load(path, target=CHIP, shapes=dict(one.shapes)) as session:
        loaded = perf_counter()
        given = session.run(feeds)
        ran = perf_counter()
        answer = one.answer(session.run) if task else ""
        plan = session.plan
        return Row(
            name,
            least_cosine(on_cpu(path, feeds), given),
            one.good(answer) if task else True,
            answer if isinstance(answer, str) else f"{answer:.3f}",
            Counter(unit.backend for unit in plan.units),
            Counter(segment.backend for segment in plan.segments),
            {segment.backend: segment.kind for segment in plan.segments},
            loaded - begun,
            ran - loaded,
            tuple(f"{event.kind}: {event.text}" for event in session.events),
            tuple(unit.op_type for unit in plan.units if unit.backend != "qnn_htp"),
        )


def on_cpu(path: Path, feeds: Mapping[str, Any]) -> dict[str, Any]:
    """ONNX Runtime without its optimizations: with them, its fused integer kernels are no reference for QDQ models."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def least_cosine(wanted: Mapping[str, Any], given: Mapping[str, Any]) -> float:
    """Over all outputs; one that is no float counts as 1 when it is equal, else 0."""
    return min(_cosine(np.asarray(wanted[key]), np.asarray(given[key])) for key in wanted)


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    if one.dtype.kind != "f" or one.shape != other.shape:
        return float(np.array_equal(one, other))
    a, b = one.astype(np.float64).ravel(), other.astype(np.float64).ravel()
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / scale if scale else float(np.array_equal(a, b))


def quantized(one: Entry, form: str, folder: Path) -> Path:
    """The model as Qualcomm's recipe for ONNX Runtime quantizes it, calibrated on its own input."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize
    from onnxruntime.quantization.execution_providers.qnn import get_qnn_qdq_config, qnn_preprocess_model

    class Samples(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = [dict(one.inputs())]

        def get_next(self) -> Any:
            return self.left.pop() if self.left else None

    fixed, ready, made = (folder / f"{name}.onnx" for name in ("fixed", "ready", "made"))
    proto = zif.Model.load(one.path, one.shapes).proto
    del proto.metadata_props[:]  # the recipe stumbles over them
    old = next(entry.version for entry in proto.opset_import if not entry.domain) < OPSET
    onnx.save(onnx.version_converter.convert_version(proto, OPSET) if old else proto, fixed)
    source = ready if qnn_preprocess_model(fixed, ready) else fixed
    activation, weight = (QuantType[word] for word in FORMS[form])
    config = get_qnn_qdq_config(source, Samples(), activation_type=activation, weight_type=weight, per_channel=True)
    quantize(source, made, config)
    return made


__all__ = ["CHIP", "FORMS", "Row", "entry", "least_cosine", "on_cpu", "quantized", "row"]
