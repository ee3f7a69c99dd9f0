"""Operators that the evaluator has and computes wrongly, put right.

Seen with onnx 1.23, by running real models on the evaluator and on ONNX Runtime; a test tells when onnx has caught up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx.reference import op_run
from zif.signatures import normal


def corrected_operators(model: onnx.ModelProto) -> list[type[op_run.OpRun]]:
    """Classes for the evaluator to use instead of its own."""
    opset = next((o.version for o in model.opset_import if not normal(o.domain)), 1)
    return [GlobalMaxPool, BatchNormalization] if 7 <= opset < 14 else [GlobalMaxPool]


class GlobalMaxPool(op_run.OpRun):  # type: ignore[misc]
    """The evaluator's own is right for four dimensions only: of three, it takes the maximum over the channels, too."""

    op_domain = ""

    def _run(self, x: Any) -> tuple[Any]:
        return (x.max(axis=tuple(range(2, x.ndim)), keepdims=True),)


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
