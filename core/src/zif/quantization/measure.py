"""How close a quantized model comes to the float one: signal to quantization noise per output, in dB."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import onnx

from zif.errors import InvalidModel
from zif.quantization.backing import tools

if TYPE_CHECKING:
    from zif.model import Model

    Sample = Mapping[str, Any]

#: What no difference at all counts as, in dB.
EXACT = 200.0


class Runner(Protocol):
    """Something that runs inputs by name, such as a session."""

    def run(self, inputs: Sample, /) -> Mapping[str, Any]: ...


class Reference:
    """A model on ONNX Runtime's CPU provider, node by node: the reference for integer arithmetic.

    With optimizations, 8-bit groups run on kernels that saturate 16-bit sums on processors without VNNI, and a right
    model looks wrong.
    """

    def __init__(self, proto: onnx.ModelProto) -> None:
        tools()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                proto.SerializeToString(), options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except Exception as error:  # onnxruntime's errors have no common base class
            raise InvalidModel(f"ONNX Runtime refuses the model: {error}") from error
        self._names = [value.name for value in proto.graph.output]

    def run(self, inputs: Sample) -> dict[str, Any]:
        """The outputs by name."""
        return dict(zip(self._names, self._session.run(self._names, dict(inputs)), strict=True))


class Judge:
    """The float model's outputs on samples, and how far another model is from them."""

    def __init__(self, model: Model, samples: Iterable[Sample]) -> None:
        from zif.quantization.prepare import whole

        self.samples = samples if isinstance(samples, Sequence) else list(samples)
        exact = Reference(whole(model))
        self._wanted = [exact.run(sample) for sample in self.samples]

    def sqnr(self, other: Runner) -> dict[str, float]:
        """10 · log10(Σ signal² / Σ noise²) over all samples, per float output, in dB; EXACT where nothing differs."""
        signal: dict[str, float] = {}
        noise: dict[str, float] = {}
        for sample, wanted in zip(self.samples, self._wanted, strict=True):
            got = other.run(sample)
            for name, exact in wanted.items():
                if isinstance(exact, np.ndarray) and exact.dtype.kind == "f":
                    reference = exact.astype(np.float64)
                    difference = np.asarray(got[name], np.float64) - reference
                    signal[name] = signal.get(name, 0.0) + float(np.square(reference).sum())
                    noise[name] = noise.get(name, 0.0) + float(np.square(difference).sum())
        return {name: _decibels(signal[name], noise[name]) for name in signal}


def worst(sqnr: Mapping[str, float]) -> float:
    """The figure of the worst output; EXACT for a model without float outputs."""
    return min(sqnr.values(), default=EXACT)


def _decibels(signal: float, noise: float) -> float:
    if not np.isfinite(noise):
        return -EXACT
    if noise == 0:
        return EXACT
    return float(np.clip(10 * np.log10(max(signal, 1e-300) / noise), -EXACT, EXACT))
