"""Whether a quantized Clip clips more than the encoding of its output does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx
    from zif import Model


def cuts(graph: onnx.GraphProto, clip: onnx.NodeProto, model: Model) -> bool:
    """Whether the range of the output goes beyond the ends of the Clip; what is not known before counts as that."""
    end = next((n for n in graph.node if n.op_type == "QuantizeLinear" and n.input[0] == clip.output[0]), None)
    if end is None:
        return False
    known = [_number(model, name) for name in end.input[1:3]]
    if len(known) < 2 or known[0] is None or known[1] is None:
        return True
    scale, zero = known[0], known[1]
    limits = np.iinfo(model.array(end.input[2]).dtype)
    least, most = (limits.min - zero) * scale, (limits.max - zero) * scale
    names = dict(zip(("min", "max"), clip.input[1:], strict=False))
    low, high = (_number(model, names[key]) if names.get(key) else None for key in ("min", "max"))
    unknown = any(names.get(key) and value is None for key, value in (("min", low), ("max", high)))
    beyond = (low is not None and low > least + scale) or (high is not None and high < most - scale)
    return bool(unknown or beyond)


def _number(model: Model, name: str) -> float | None:
    if name not in model.initializers or model.initializers[name].elements != 1:
        return None
    return float(model.array(name).astype(np.float64).reshape(-1)[0])
