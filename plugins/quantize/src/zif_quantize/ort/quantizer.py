"""onnxruntime's QDQ quantizer, and what it does not see to: outputs, clips and biases."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import numpy_helper
from zif.plugin import attributes, bodies, captures

from zif_quantize.ort.tools import tools

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx
    from zif.plugin import Array, QuantizationRules

#: The greatest magnitude that an int32 bias may have; the other half is for the products that are added to it.
GREATEST = 2.0**30


@cache
def quantizer(rules: QuantizationRules) -> Any:
    """A class with `QDQQuantizer`'s arguments. Raises UsageError when onnxruntime's tools are missing."""

    class Quantizer(tools("qdq_quantizer").QDQQuantizer):  # type: ignore[misc]
        def adjust_tensor_ranges(self) -> None:
            """A value before a Relu or Clip gets the range behind it; not where it is seen before that."""
            proto = self.model.model
            self.kept_activations = kept_activations(proto)
            clipped = [node.input[0] for node in proto.graph.node if node.output[0] in self.kept_activations]
            outputs = [value.name for value in proto.graph.output]
            before = {name: self.tensors_range[name] for name in (*clipped, *outputs) if name in self.tensors_range}
            super().adjust_tensor_ranges()
            for name, data in before.items():
                self.tensors_range[name] = data

        def try_replacing_upstream_output(self, upstream_output_name: str, output_name: str) -> bool:
            """Drop a Relu or Clip where saturating does the same."""
            if output_name in self.kept_activations:
                return False
            return bool(super().try_replacing_upstream_output(upstream_output_name, output_name))

        def _calc_initializer_quant_params(self) -> dict[str, Any]:
            """Channels of a weight have scales of one order, as far as the backend needs that."""
            scaling: dict[str, Any] = super()._calc_initializer_quant_params()
            for params in scaling.values():
                scale = np.asarray(params["scale"])
                if scale.size > 1:
                    params["scale"] = np.maximum(scale, scale.max() * rules.least_channel_scale).astype(scale.dtype)
            return scaling

        def _adjust_weight_quant_params_for_bias_tensors(self) -> None:
            """Give weights scales with which their bias fits int32: onnxruntime does so for int8 and int16 only."""
            if self.qdq_disable_weight_adjust_for_int32_bias:
                return
            for bias, info in self.bias_to_quantize.items():
                weight = self.initializer_quant_params.get(info.weight_name)
                scale = _input_scale(self, info.input_name, info.node_name)
                if weight is not None and scale is not None:
                    least = _least_scale(numpy_helper.to_array(self.initializers[bias]), scale)
                    if rules.equal_bias_steps or least.shape != np.shape(weight["scale"]):
                        least = least.max(initial=0.0)
                    weight["scale"] = np.maximum(weight["scale"], least).astype(np.float32)

    return Quantizer


def _input_scale(quantizer: Any, name: str, reader: str) -> float | None:
    """The scale in which a node gets a value: its own conversion's, or that of the value it was moved from."""
    params = quantizer.quantization_params.get(name)
    if params is not None and params.converted is not None and reader in (params.converted_recv_nodes or {reader}):
        return float(params.converted["scale"])
    info = quantizer.tensors_to_quantize.get(name)
    if info is not None and info.is_shared:
        provider = info.quant_para_provider
        return _input_scale(quantizer, provider.input_name, provider.node_name)
    if name in quantizer.initializer_quant_params:
        return float(np.max(quantizer.initializer_quant_params[name]["scale"]))
    return None if params is None else float(params.original["scale"])


def _least_scale(bias: Array, scale: float) -> Array:
    """The least scale of each of a weight's channels with which its bias fits int32."""
    least: Array = np.abs(bias.astype(np.float64)) / GREATEST / scale
    return least


def kept_activations(proto: onnx.ModelProto) -> set[str]:
    """The results of Relus and Clips that saturating does not replace.

    There is a zero in every quantized range, so that a Clip to 1 … 6 does more than its range does. The value before
    one must keep its name where the body of a node reads it.
    """
    constants = {tensor.name: tensor for tensor in proto.graph.initializer}
    inside = {name for node in proto.graph.node for body in bodies(node) for name in captures(body)}
    nodes = [node for node in proto.graph.node if node.op_type in ("Relu", "Clip")]
    return {
        node.output[0]
        for node in nodes
        if node.input[0] in inside or (node.op_type == "Clip" and not _around_zero(node, constants))
    }


def _around_zero(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> bool:
    """Whether the ends of a Clip are constants with zero between them; an end that is not there does not clip."""
    attrs = attributes(node)  # before opset 11
    names = dict(zip(("min", "max"), node.input[1:], strict=False))
    for end, name in names.items():
        if name and name not in constants:
            return False
        if name:
            attrs[end] = float(numpy_helper.to_array(constants[name]))
    return bool(attrs.get("min", 0.0) <= 0.0 <= attrs.get("max", 0.0))
