"""The attributes of ONNX nodes as Python values: the one reader of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

import onnx

T = TypeVar("T")

_KIND = onnx.AttributeProto
_READERS: Mapping[int, Callable[[onnx.AttributeProto], Any]] = {
    _KIND.INT: lambda attribute: attribute.i,
    _KIND.FLOAT: lambda attribute: attribute.f,
    _KIND.STRING: lambda attribute: attribute.s.decode(errors="replace"),
    _KIND.INTS: lambda attribute: list(attribute.ints),
    _KIND.FLOATS: lambda attribute: list(attribute.floats),
    _KIND.STRINGS: lambda attribute: [text.decode(errors="replace") for text in attribute.strings],
    _KIND.TENSOR: lambda attribute: attribute.t,
    _KIND.TENSORS: lambda attribute: list(attribute.tensors),
    _KIND.SPARSE_TENSOR: lambda attribute: attribute.sparse_tensor,
    _KIND.SPARSE_TENSORS: lambda attribute: list(attribute.sparse_tensors),
    _KIND.GRAPH: lambda attribute: attribute.g,
    _KIND.GRAPHS: lambda attribute: list(attribute.graphs),
    _KIND.TYPE_PROTO: lambda attribute: attribute.tp,
    _KIND.TYPE_PROTOS: lambda attribute: list(attribute.type_protos),
}


@overload
def attribute(node: onnx.NodeProto, name: str) -> Any: ...


@overload
def attribute(node: onnx.NodeProto, name: str, default: T) -> T: ...


def attribute(node: onnx.NodeProto, name: str, default: Any = None) -> Any:
    """The value of an attribute; the default where the node does not set it, or to something of another type.

    A number, a text, a list of them, or ONNX's own message for a tensor, graph or type. One that a node of a function
    takes from its caller counts as not set.
    """
    message = next(
        (attribute for attribute in node.attribute if attribute.name == name and not attribute.ref_attr_name), None
    )
    value = None if message is None else value_of(message)
    return default if value is None or not (default is None or isinstance(value, type(default))) else value


def attribute_bytes(node: onnx.NodeProto, name: str) -> bytes:
    """The value of a text attribute as it stands, which may be no text; empty where the node does not set it."""
    message = next((attribute for attribute in node.attribute if attribute.name == name), None)
    return message.s if message is not None else b""


def attribute_list(node: onnx.NodeProto, name: str) -> list[Any]:
    """The values of an attribute that is a list; empty where the node does not set it."""
    return attribute(node, name, list[Any]())


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """The values of all attributes that a node sets, by name."""
    return {attribute.name: value_of(attribute) for attribute in node.attribute if not attribute.ref_attr_name}


def value_of(message: onnx.AttributeProto) -> Any:
    """The value of an attribute's message; None for one that has no type."""
    reader = _READERS.get(message.type)
    return reader(message) if reader else None
