"""Eight-bit weights, activations quantized at run time: for backends that want that, without any data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from zif import InvalidModel
from zif.plugin import private_folder

from zif_quantize.ort.tools import quiet, tools
from zif_quantize.rewrites.names_apart import Apart
from zif_quantize.rewrites.prepare import prepare, unmark, whole

if TYPE_CHECKING:
    from zif.plugin import Source

#: Operators with weights in integers, and which of their inputs may be such.
INTEGER = {
    "MatMulInteger": (0, 1),
    "ConvInteger": (1,),
    "DynamicQuantizeLSTM": (1, 2),
    "DynamicQuantizeMatMul": (1,),
    "Gather": (0,),
    "DequantizeLinear": (0,),
}


def quantize_weights(source: Source) -> onnx.ModelProto:
    """The model with int8 weights in its MatMuls, Gemms, Convs and LSTMs; activations are quantized dynamically.

    Raises InvalidModel when there is nothing to quantize.
    """
    model = prepare(source)
    proto = whole(model)
    apart = Apart(proto)
    with private_folder("zif-") as folder, quiet():
        before, after = folder / "in.onnx", folder / "out.onnx"
        onnx.save(proto, before)
        tools().quantize_dynamic(before, after, weight_type=tools().QuantType.QInt8)
        made = onnx.load(after)
    apart.back(made)
    if not counts(made)["weights"]:
        raise InvalidModel(
            f"{model.name} has no MatMul, Gemm, Conv or LSTM with constant weights: w8 leaves it as it is"
        )
    unmark(made)
    return made


def counts(made: onnx.ModelProto) -> dict[str, int]:
    """How many weights such a model has in 8 bits, and how many activations are quantized at run time."""
    eight = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    stored = {tensor.name for tensor in made.graph.initializer if tensor.data_type in eight}
    weights, activations = set(), 0
    for node in made.graph.node:
        places = INTEGER.get(node.op_type, ())
        weights |= stored & {node.input[place] for place in places if place < len(node.input)}
        activations += node.op_type in ("DynamicQuantizeLinear", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul")
    return {"activations": activations, "weights": len(weights), "biases": 0, "conversions": 0}
