"""Every node of a unit with the types in force where it stands, the nodes of If, Loop and Scan bodies included."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, cast

from attrs import frozen

from zif.model.signatures import normal, signature, since_version

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

    from zif.model import Model, Unit
    from zif.records import TensorInfo


@frozen
class NodeView:
    """A node, its operator's version, the types of the values that it sees, the body it stands in ("" for none).

    constants: names known before running, as far as the model says.
    """

    node: NodeProto
    since: int
    tensors: Mapping[str, TensorInfo]
    constants: Mapping[str, TensorInfo]
    where: str = ""


def unit_nodes(model: Model, unit: Unit) -> Iterator[NodeView]:
    """The unit's own nodes in order, each followed by those nested in it."""
    for index in unit.nodes:
        yield from _with_bodies(model.proto.graph.node[index], model.opsets, model.tensors, model.initializers, "")


def may_nest(op_type: str, domain: str, since: int) -> bool:
    """Whether a node of this operator can have bodies; an operator without a schema can."""
    known = signature(op_type, normal(domain), since)
    return known is None or known.bodies


def _with_bodies(
    node: NodeProto,
    opsets: Mapping[str, int],
    tensors: Mapping[str, TensorInfo],
    constants: Mapping[str, TensorInfo],
    where: str,
) -> Iterator[NodeView]:
    from zif.model.subgraphs import bodies

    domain = normal(node.domain)
    since = since_version(node.op_type, domain, opsets.get(domain, 1))
    yield NodeView(node, since, tensors, constants, where)
    if not may_nest(node.op_type, domain, since):
        return
    inside = f"{where}/{node.op_type}" if where else node.op_type
    for body in bodies(node):
        inner, known = _scope(body, tensors, constants)
        for child in body.node:
            yield from _with_bodies(child, opsets, inner, known, inside)


def _scope(
    body: GraphProto, tensors: Mapping[str, TensorInfo], constants: Mapping[str, TensorInfo]
) -> tuple[Mapping[str, TensorInfo], Mapping[str, TensorInfo]]:
    from zif.model.types import initializer_info, value_info

    fixed = {tensor.name: initializer_info(tensor) for tensor in body.initializer}
    local = {value.name: value_info(value) for value in (*body.value_info, *body.output, *body.input)} | fixed
    return _over(local, tensors), _over(fixed, constants)


def _over(local: dict[str, TensorInfo], outer: Mapping[str, TensorInfo]) -> Mapping[str, TensorInfo]:
    return ChainMap(local, cast("MutableMapping[str, TensorInfo]", outer))
