"""A bias in floats within a quantized convolution, as integers in the steps of input × weight.

onnxruntime's quantizer leaves it so with `QuantizeBias=False`. Where the weight has one scale, QNN 2.51 takes the
group, and what it gives is noise: −9 to −12 dB in 8 and 16 bits, in Conv and ConvTranspose. Signed values and an
unsigned weight are no group to the provider, and computed in floats as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper, numpy_helper
from zif_qnn_runtime.graph import owners

if TYPE_CHECKING:
    from zif import Model
    from zif.plugin import Array

#: Inputs of a convolution: what it reads, the weight, the bias.
_ALL = 3
#: Of a DequantizeLinear: with more inputs it has a zero point.
_SCALED = 2
_MOST = 2**31 - 1
_REASON = "Conv: its bias is in floats, and does not fit 32 bits in the steps of input × weight; quantize it"


def quantize(graph: onnx.GraphProto, model: Model) -> tuple[dict[str, str], dict[str, str]]:
    """Write every such bias as integers: the unit of every new node, by its name; why it cannot be, by unit."""
    whose = owners(model)
    makers = {name: node for node in graph.node for name in node.output}
    quantized = {node.input[0] for node in graph.node if node.op_type == "QuantizeLinear"}
    added: dict[str, str] = {}
    left: dict[str, str] = {}
    for node in [node for node in graph.node if node.op_type in ("Conv", "ConvTranspose") and not node.domain]:
        if len(node.input) < _ALL or node.name not in whose or node.output[0] not in quantized:
            continue
        starts = [makers.get(name) for name in node.input[:2]]
        scales = [_scale(start, model) for start in starts]
        info = model.initializers.get(node.input[2])
        if info is None or info.dtype != "float32" or any(scale is None for scale in scales) or _mixed(starts, model):
            continue
        step = np.prod([np.float32(scale or 0) for scale in scales])
        values = _integers(model.array(node.input[2]), float(step))
        if values is None:
            left[whose[node.name][0]] = _REASON
        else:
            added[_written(graph, node, values, float(step))] = whose[node.name][0]
    return added, left


def _scale(maker: onnx.NodeProto | None, model: Model) -> float | None:
    """The one scale of what a DequantizeLinear gives, where there is one."""
    if maker is None or maker.op_type != "DequantizeLinear" or maker.input[1] not in model.initializers:
        return None
    scale = model.array(maker.input[1])
    return float(scale.reshape(-1)[0]) if scale.size == 1 and scale.dtype == np.float32 else None


def _mixed(starts: Sequence[onnx.NodeProto | None], model: Model) -> bool:
    """Whether what is read is signed, and the weight is not."""
    zeros = [start.input[2] if start is not None and len(start.input) > _SCALED else "" for start in starts]
    kinds = [model.initializers[name].dtype if name in model.initializers else "uint8" for name in zeros]
    return kinds[0].startswith("int") and kinds[1].startswith("uint")


def _integers(bias: Array, step: float) -> Array | None:
    """The bias in these steps; None where that takes more than 32 bits."""
    steps = np.round(bias.astype(np.float64) / step) if step > 0 else np.full(bias.shape, np.inf)
    return steps.astype(np.int32) if bool((np.abs(steps) <= _MOST).all()) else None


def _written(graph: onnx.GraphProto, node: onnx.NodeProto, values: Array, step: float) -> str:
    """Put integers and their DequantizeLinear before the convolution; its name."""
    base = f"{node.name}_bias"
    constants = {"stored": values, "scale": np.float32(step), "zero": np.int32(0)}
    graph.initializer.extend(numpy_helper.from_array(np.asarray(v), f"{base}_{word}") for word, v in constants.items())
    names = [f"{base}_{word}" for word in constants]
    back = helper.make_node("DequantizeLinear", names, [f"{base}_back"], f"{base}_dq")
    graph.node.insert(next(at for at, other in enumerate(graph.node) if other.name == node.name), back)
    node.input[2] = back.output[0]
    name: str = back.name
    return name
