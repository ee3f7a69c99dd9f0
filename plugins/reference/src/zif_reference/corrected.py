"""Operators that the evaluator has and computes wrongly, put right.

Seen with onnx 1.23, by running real models on the evaluator and on ONNX Runtime; a test tells when onnx has caught up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx.reference import op_run
from onnx.reference.ops import op_loop
from zif.plugin import element_dtype, normal


def corrected_operators(model: onnx.ModelProto) -> list[type[op_run.OpRun]]:
    """Classes for the evaluator to use instead of its own."""
    opset = next((o.version for o in model.opset_import if not normal(o.domain)), 1)
    always: list[type[op_run.OpRun]] = [GlobalMaxPool, Loop, LRN, STFT]
    return [*always, BatchNormalization] if 7 <= opset < 14 else always


class GlobalMaxPool(op_run.OpRun):  # type: ignore[misc]
    """The evaluator's own is right for four dimensions only: of three, it takes the maximum over the channels, too."""

    op_domain = ""

    def _run(self, x: Any) -> tuple[Any]:
        return (x.max(axis=tuple(range(2, x.ndim)), keepdims=True),)


class LRN(op_run.OpRun):  # type: ignore[misc]
    """The evaluator's own normalizes as many channels as there are pictures in the batch, and leaves the others."""

    op_domain = ""

    def _run(self, x: Any, alpha: float, beta: float, bias: float, size: int) -> tuple[Any]:
        before = (size - 1) // 2
        squares = np.pad(x * x, ((0, 0), (before, size - 1 - before), *[(0, 0)] * (x.ndim - 2)))
        total = sum(squares[:, k : k + x.shape[1]] for k in range(size))
        y = x / (bias + alpha / size * total) ** beta
        return (y.astype(x.dtype),)


class STFT(op_run.OpRun):  # type: ignore[misc]
    """The evaluator's own takes signals of rank 3 only, where ONNX Runtime takes those without a last dimension, too.

    A frame starts every `step` samples, as long as a whole one is left; its spectrum is that of the windowed frame.
    """

    op_domain = ""

    def _run(
        self, signal: Any, step: Any, window: Any = None, length: Any = None, onesided: int | None = None
    ) -> tuple[Any]:
        size = int(length if length is not None else window.shape[0])
        values = _samples(signal.astype(np.float64))
        frames = np.lib.stride_tricks.sliding_window_view(values, size, axis=1)[:, :: int(step)]
        if window is not None:
            frames = frames * window
        half = onesided != 0 and not np.iscomplexobj(frames)
        spectrum = np.fft.rfft(frames) if half else np.fft.fft(frames)
        return (np.stack([spectrum.real, spectrum.imag], -1).astype(signal.dtype),)


def _samples(signal: Any) -> Any:
    """The samples of each signal in a batch: real ones, or complex ones of two numbers each."""
    if signal.ndim == 2:
        return signal
    return signal[..., 0] + 1j * signal[..., 1] if signal.shape[2] == 2 else signal[..., 0]


class BatchNormalization(op_run.OpRun):  # type: ignore[misc]
    """Versions 7 and 9 only infer. The evaluator's own 9 mixes the batch's mean and variance in, its 7 raises."""

    op_domain = ""
    op_schema = onnx.defs.get_schema("BatchNormalization", 7, "")

    def _run(self, x: Any, scale: Any, bias: Any, mean: Any, var: Any, **attributes: Any) -> tuple[Any]:
        # One figure per channel, or, with spatial=0 of version 7, one per element.
        shape = (-1, *[1] * (x.ndim - 2)) if mean.ndim == 1 else mean.shape
        scale, bias, mean, var = (part.reshape(shape) for part in (scale, bias, mean, var))
        y = scale * (x - mean) / np.sqrt(var + attributes["epsilon"]) + bias
        return (y.astype(x.dtype),)


class Loop(op_loop.Loop):  # type: ignore[misc]
    """The evaluator's own collects with numpy.vstack, which is right for vectors only, and not at all for no rounds."""

    op_domain = ""

    def _run(self, most: Any, go_on: Any, *carried: Any, context: Any = None, **more: Any) -> tuple[Any, ...]:
        more.pop("body", None)
        collected: list[list[Any]] = [[] for _ in range(self.K)]
        turn = 0
        while (go_on is None or go_on) and (most is None or turn < most):
            entering = zip(self.body.input_names, (np.array(turn), np.array(True), *carried), strict=True)
            go_on, *results = self._run_body({**(context or {}), **dict(entering)}, **more)
            carried = tuple(results[: self.N])
            for values, value in zip(collected, results[self.N :], strict=True):
                values.append(value)
            turn += 1
        return (*carried, *(np.stack(values) if values else self._nothing(at) for at, values in enumerate(collected)))

    def _nothing(self, at: int) -> Any:
        """What no round has collected: no rows of the body's type, a dimension that it leaves open as 0."""
        kind = self.body.output_types[1 + self.N + at].tensor_type
        dims = (dim.dim_value for dim in kind.shape.dim)
        return np.empty((0, *dims), element_dtype(kind.elem_type))
