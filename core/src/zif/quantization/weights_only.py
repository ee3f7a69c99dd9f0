"""Eight-bit weights, activations quantized at run time: for backends that want that, without any data."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import onnx

from zif.errors import InvalidModel
from zif.quantization.backing import quiet, tools
from zif.quantization.prepare import prepare, unmark, whole

if TYPE_CHECKING:
    from zif.arguments import Source


def quantize_weights(source: Source) -> onnx.ModelProto:
    """The model with int8 weights in its MatMuls, Gemms and LSTMs; activations are quantized dynamically.

    Raises InvalidModel when there is nothing to quantize.
    """
    model = prepare(source)
    with tempfile.TemporaryDirectory(prefix="zif-") as folder, quiet():
        before, after = Path(folder) / "in.onnx", Path(folder) / "out.onnx"
        onnx.save(whole(model), before)
        tools().quantize_dynamic(before, after, weight_type=tools().QuantType.QInt8)
        made = onnx.load(after)
    if not {node.op_type for node in made.graph.node} & {
        "MatMulInteger",
        "DynamicQuantizeLSTM",
        "DynamicQuantizeMatMul",
    }:
        raise InvalidModel(f"{model.name} has no MatMul, Gemm or LSTM with constant weights: w8 leaves it as it is")
    unmark(made)
    return made
