"""What tensors of a QDQ model are called in the float model that it was made from: onnxruntime's way of naming.

Where a tensor of the model has a name of that kind already, the nodes get another, and the graph's annotation of
scales, ONNX's own place for that, says whose they are.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx

from zif.model.attributes import attribute, attributes

QUANTIZED, BEFORE, AFTER = "_quantized", "_QuantizeLinear_Input", "_DequantizeLinear_Output"
STORED = "_QuantizeLinear_Output"
#: The key that ONNX has for the scale in a tensor's annotation.
_SCALE = "SCALE_TENSOR"


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
        self._whose: dict[str, str] = {
            entry.value: annotation.tensor_name
            for annotation in graph.quantization_annotation
            for entry in annotation.quant_parameter_tensor_names
            if entry.key == _SCALE
        }

    def activation(self, quantize: onnx.NodeProto) -> str:
        """The float name of what a QuantizeLinear takes; an output of the graph has its name behind it."""
        name = str(quantize.input[0])
        plain = name.removesuffix(BEFORE)
        return self._whose.get(quantize.input[1]) or (plain if plain in self.outputs else name)

    def weight(self, dequantize: onnx.NodeProto) -> str:
        """The float name of an initializer that holds integers."""
        return self._whose.get(dequantize.input[1]) or str(dequantize.input[0]).removesuffix(QUANTIZED)

    def converted_from(self, quantize: onnx.NodeProto) -> str | None:
        """The float name of the tensor that is converted here from another type; None where this is the first type."""
        before = self.makers.get(quantize.input[0])
        if before is None or before.op_type != "DequantizeLinear":
            return None
        first = self.makers.get(before.input[0])
        return self.activation(first) if first is not None and first.op_type == "QuantizeLinear" else None

    def readers_after(self, quantize: onnx.NodeProto) -> set[str]:
        """The nodes that read what a QuantizeLinear stores, behind its DequantizeLinears; an output by its own name."""
        after = [node for node in self.readers.get(quantize.output[0], ()) if node.op_type == "DequantizeLinear"]
        outputs = {node.output[0] for node in after} & self.outputs
        return outputs.union(reader.name for node in after for reader in self.readers.get(node.output[0], ()))


def annotate(proto: onnx.ModelProto, whose: Mapping[str, str]) -> None:
    """Say whose the scales are, by the scale's name, where the names do not."""
    names = Names(proto)
    for node in proto.graph.node:
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear") or node.input[1] not in whose:
            continue
        weight = node.input[0] in names.initializers
        told = names.weight(node) if weight else names.converted_from(node) or names.activation(node)
        if (weight or node.op_type == "QuantizeLinear") and told != whose[node.input[1]]:
            annotation = proto.graph.quantization_annotation.add(tensor_name=whose[node.input[1]])
            annotation.quant_parameter_tensor_names.add(key=_SCALE, value=node.input[1])


def axis_of(node: onnx.NodeProto, scale: np.ndarray) -> int | None:
    """The axis that the channels of a Q or DQ lie on; None when it has one scale for the tensor."""
    named = "axis" in attributes(node)
    return attribute(node, "axis", 1) if scale.ndim and (scale.size != 1 or named) else None
