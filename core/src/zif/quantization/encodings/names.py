"""What tensors of a QDQ model are called in the float model that it was made from: onnxruntime's way of naming."""

from __future__ import annotations

import numpy as np
import onnx

QUANTIZED, BEFORE, AFTER = "_quantized", "_QuantizeLinear_Input", "_DequantizeLinear_Output"


class Names:
    """The names of one model."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        graph = proto.graph
        self.initializers = {tensor.name: tensor for tensor in graph.initializer}
        self.outputs = {value.name for value in graph.output}
        self.makers = {name: node for node in graph.node for name in node.output}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)

    def activation(self, name: str) -> str:
        """The float name of what a QuantizeLinear takes; an output of the graph has its name behind it."""
        plain = name.removesuffix(BEFORE)
        return plain if plain in self.outputs else name

    def weight(self, name: str) -> str:
        """The float name of an initializer that holds integers."""
        return name.removesuffix(QUANTIZED)

    def converted_from(self, quantize: onnx.NodeProto) -> str | None:
        """The float name of the tensor that is converted here from another type; None where this is the first type."""
        before = self.makers.get(quantize.input[0])
        if before is None or before.op_type != "DequantizeLinear":
            return None
        first = self.makers.get(before.input[0])
        return self.activation(first.input[0]) if first is not None and first.op_type == "QuantizeLinear" else None

    def readers_after(self, quantize: onnx.NodeProto) -> set[str]:
        """The nodes that read what a QuantizeLinear stores, behind its DequantizeLinears."""
        after = [node for node in self.readers.get(quantize.output[0], ()) if node.op_type == "DequantizeLinear"]
        return {reader.name for node in after for reader in self.readers.get(node.output[0], ())}


def axis_of(node: onnx.NodeProto, scale: np.ndarray) -> int | None:
    """The axis that the channels of a Q or DQ lie on; None when it has one scale for the tensor."""
    named = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), None)
    if not scale.ndim or (scale.size == 1 and named is None):
        return None
    return 1 if named is None else int(named)
