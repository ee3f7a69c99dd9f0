"""Opset 19 is the newest that the toolkit reads: a newer model in the older words, or why it cannot be said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import onnx
from onnx import defs, helper

if TYPE_CHECKING:
    from zif import TensorInfo

NEWEST = 19
#: Operators that mean something else from a later version on, although they are written alike.
_CHANGED = {"GroupNormalization": 21, "DFT": 20}
#: Words of GridSample from opset 20 on, in those before.
_MODES = {"linear": "bilinear", "cubic": "bicubic"}
_STANDARD = ("", "ai.onnx")


def opset_of(proto: onnx.ModelProto) -> int:
    """The version of ONNX's own operators."""
    return max((opset.version for opset in proto.opset_import if opset.domain in _STANDARD), default=1)


def obstacle(node: onnx.NodeProto, opset: int, tensors: dict[str, TensorInfo]) -> str:
    """Why a node of a newer opset cannot be said in the newest that the toolkit reads; "" when it can."""
    if opset <= NEWEST or node.domain not in _STANDARD:
        return ""
    told = f"rknn-toolkit2 reads opset {NEWEST} and older, and the model has {opset}"
    if _CHANGED.get(node.op_type, opset + 1) <= opset:
        return f"{told}, where {node.op_type} means something else"
    try:
        schema = defs.get_schema(node.op_type, NEWEST, "")
    except Exception:  # onnx's SchemaError is no public name in every version
        return f"{told}: {node.op_type} is newer"
    return next((f"{told}: {node.op_type} {why}" for why in _differences(node, opset, schema, tensors)), "")


def _differences(
    node: onnx.NodeProto, opset: int, schema: defs.OpSchema, tensors: dict[str, TensorInfo]
) -> Iterator[str]:
    for attribute in node.attribute:
        if attribute.name not in schema.attributes and not _is_default(attribute, node.op_type, opset):
            yield f"had no {attribute.name} then"
    if len(node.input) > schema.max_input or len(node.output) > schema.max_output:
        yield "had fewer inputs or outputs then"
        return
    for names, formals in ((node.input, schema.inputs), (node.output, schema.outputs)):
        for place, name in enumerate(names):
            kind = tensors[name].type if name in tensors else ""
            if kind and kind not in formals[min(place, len(formals) - 1)].types:
                yield f"did not take {kind} then"


def _is_default(attribute: onnx.AttributeProto, op_type: str, opset: int) -> bool:
    try:
        newer = defs.get_schema(op_type, min(opset, defs.onnx_opset_version()), "").attributes[attribute.name]
        return bool(newer.default_value.name) and _value(newer.default_value) == _value(attribute)
    except Exception:  # an attribute that the installed onnx does not know either
        return False


def _value(attribute: onnx.AttributeProto) -> object:
    return helper.get_attribute_value(attribute)


def lower(proto: onnx.ModelProto) -> None:
    """Say the model in an opset that the toolkit reads; no node of it has an `obstacle`."""
    opset = opset_of(proto)
    proto.ir_version = min(proto.ir_version, 9)
    if opset <= NEWEST:
        return
    for entry in proto.opset_import:
        if entry.domain in _STANDARD:
            entry.version = NEWEST
    for node in proto.graph.node:
        if node.domain in _STANDARD:
            _rewrite(node)


def _rewrite(node: onnx.NodeProto) -> None:
    schema = defs.get_schema(node.op_type, NEWEST, "")
    kept = [attribute for attribute in node.attribute if attribute.name in schema.attributes]
    del node.attribute[:]
    node.attribute.extend(kept)
    if node.op_type == "GridSample":
        for attribute in node.attribute:
            if attribute.name == "mode":
                attribute.s = _MODES.get(attribute.s.decode(), attribute.s.decode()).encode()
