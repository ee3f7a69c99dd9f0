"""Attributes that a node leaves to its operator's definition, spelled out while onnx infers.

Some of onnx's inference functions read another default than their definition states: STFT without `onesided` is
inferred as two-sided, so that everything behind it has a wrong shape, or is called invalid.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from onnx import AttributeProto, ModelProto, NodeProto
from onnx.defs import SchemaError, get_schema

from zif.model.opsets import plain_domain
from zif.model.subgraphs import all_graphs


@contextmanager
def spelled_out(bare: ModelProto) -> Iterator[None]:
    """Within, every node of the graph and of its bodies has the attributes that it leaves to their defaults."""
    versions = {plain_domain(entry.domain): entry.version for entry in bare.opset_import}
    changed = []
    for graph in all_graphs(bare.graph):
        for node in graph.node:
            if absent := _absent(node, versions):
                changed.append((node, len(node.attribute)))
                node.attribute.extend(absent)
    try:
        yield
    finally:
        for node, length in changed:
            del node.attribute[length:]


def _absent(node: NodeProto, versions: dict[str, int]) -> list[AttributeProto]:
    stated = {attribute.name for attribute in node.attribute}
    defaults = _defaults(node.op_type, versions.get(node.domain, 1), node.domain)
    return [default for name, default in defaults if name not in stated]


@cache
def _defaults(op_type: str, version: int, domain: str) -> tuple[tuple[str, AttributeProto], ...]:
    """The attributes of an operator that have a default, by name; none of operators that onnx does not define."""
    try:
        schema = get_schema(op_type, version, domain)
    except SchemaError:
        return ()
    attributes = schema.attributes.items()
    return tuple((name, attribute.default_value) for name, attribute in attributes if attribute.default_value.type)
