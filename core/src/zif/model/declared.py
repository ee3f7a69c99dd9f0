"""Element types that follow from an operator's declaration alone, where it has no shape inference of its own."""

from __future__ import annotations

from collections.abc import Mapping

from onnx import TypeProto, ValueInfoProto
from onnx.defs import OpSchema, SchemaError, get_schema

from zif.model.nodes import Node
from zif.model.types import ELEMENT_WORDS

_NUMBERS = {f"tensor({word})": number for number, word in ELEMENT_WORDS.items()}


def output_types(node: Node, opset: int, infos: Mapping[str, ValueInfoProto]) -> dict[str, TypeProto]:
    """By name, the types of the node's outputs that have none in `infos`, as far as the declaration gives them.

    An output's type is either spelled out or the same as that of an input; shapes stay unknown.
    """
    missing = {name: place for place, name in enumerate(node.outputs) if name and not is_typed(name, infos)}
    if not missing:
        return {}
    try:
        schema = get_schema(node.op_type, opset, node.domain)
    except SchemaError:
        return {}
    bound = {}
    for place, name in enumerate(node.inputs):
        if is_typed(name, infos) and (kind := _parameter(schema.inputs, place)):
            bound[kind.type_str] = infos[name].type
    types = {name: _output_type(_parameter(schema.outputs, place), bound) for name, place in missing.items()}
    return {name: kind for name, kind in types.items() if kind is not None}


def is_typed(name: str, infos: Mapping[str, ValueInfoProto]) -> bool:
    """Whether anything is known of the type of a value."""
    return name in infos and infos[name].type.WhichOneof("value") is not None


def _parameter(formal: list[OpSchema.FormalParameter], place: int) -> OpSchema.FormalParameter | None:
    """The declaration of an input or output; the last one repeats when it is variadic and of one type."""
    if place < len(formal):
        return formal[place]
    last = formal[-1] if formal else None
    repeats = last is not None and last.option == OpSchema.FormalParameterOption.Variadic and last.is_homogeneous
    return last if repeats else None


def _output_type(formal: OpSchema.FormalParameter | None, bound: Mapping[str, TypeProto]) -> TypeProto | None:
    if formal is None:
        return None
    if len(formal.types) == 1 and (number := _NUMBERS.get(next(iter(formal.types)))):
        return TypeProto(tensor_type=TypeProto.Tensor(elem_type=number))
    if formal.type_str not in bound:
        return None
    kind = TypeProto()
    kind.CopyFrom(bound[formal.type_str])
    if kind.HasField("tensor_type"):
        kind.tensor_type.ClearField("shape")
    return kind
