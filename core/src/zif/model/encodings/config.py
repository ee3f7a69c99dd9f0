"""The encodings that a quantized ONNX model carries in its QuantizeLinear and DequantizeLinear nodes, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zif.model.attributes import attribute
from zif.model.encodings.operators import MOVES
from zif.records import DTYPE_BITS

if TYPE_CHECKING:
    import onnx

    from zif.model import Model

SCHEMA = "zif.quantization-config/1"


def encodings(model: Model) -> dict[str, Any] | None:
    """Scale, zero point, width and axis per quantized tensor; None for a model without any.

    "activations" by the float tensor's name, "weights" by the name of the initializer that holds the integers. What is
    computed at run time (dynamic quantization) is left out: its encoding is not known before. The same stands in it as
    compilers take it for overrides ("activation_encodings", "param_encodings"), so that the file serves their tools.
    """
    from zif.model.encodings.export import export
    from zif.model.encodings.formats import OVERRIDES
    from zif.model.encodings.writing import write

    sections: dict[str, dict[str, Any]] = {"activations": {}, "weights": {}}
    for node in model.proto.graph.node:
        if node.op_type == "QuantizeLinear":
            _note(model, node, sections["activations"], node.input[0])
        elif node.op_type == "DequantizeLinear" and node.input[0] in model.initializers:
            _note(model, node, sections["weights"], node.input[0])
        elif node.op_type == "DequantizeLinear" and node.input[0] in {info.name for info in model.inputs}:
            _note(model, node, sections["activations"], node.input[0])
    return {"schema": SCHEMA, **sections, **write(export(model.proto), OVERRIDES)} if any(sections.values()) else None


def at_outputs(model: Model) -> dict[str, Any]:
    """The same for the outputs of a model, by their names: of integers, and of floats that integers were made into.

    Operators in between that only move values change neither scale nor zero point, unless each channel has its own.
    """
    makers = {name: node for node in model.proto.graph.node for name in node.output}
    by_name: dict[str, Any] = {}
    for info in model.outputs:
        maker = first = makers.get(info.name)
        while maker is not None and maker.op_type in MOVES:
            maker = makers.get(maker.input[0])
        if maker is not None and maker.op_type in ("QuantizeLinear", "DequantizeLinear"):
            _note(model, maker, by_name, info.name)
            if maker is not first and by_name.get(info.name, {}).get("axis") is not None:
                del by_name[info.name]
    return by_name


def _note(model: Model, node: onnx.NodeProto, by_name: dict[str, Any], name: str) -> None:
    scale, zero = node.input[1], node.input[2] if len(node.input) > 2 else ""
    if scale not in model.initializers or (zero and zero not in model.initializers):
        return
    dtype = _dtype(model, node, zero)
    scales = model.array(scale).reshape(-1).astype(float).tolist()
    offsets = model.array(zero).reshape(-1).astype(int).tolist() if zero else [0] * len(scales)
    axis = attribute(node, "axis", 1)
    per_channel = len(scales) > 1
    by_name[name] = {
        "dtype": dtype,
        "bitwidth": DTYPE_BITS.get(dtype),
        "scale": scales,
        "zero_point": offsets,
        "axis": axis if per_channel else None,
    }


def _dtype(model: Model, node: onnx.NodeProto, zero: str) -> str:
    """The integers' type: that of the zero point, of the integers themselves, or uint8, ONNX's default."""
    integers = node.output[0] if node.op_type == "QuantizeLinear" else node.input[0]
    for name in (zero, integers):
        if name in model.tensors and model.tensors[name].dtype:
            return model.tensors[name].dtype
    return "uint8"
