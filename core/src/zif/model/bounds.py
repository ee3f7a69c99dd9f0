"""What is looked at in plain Python before anything of onnx's own sees a model: sizes, depths and figures.

onnx's tools are written in C++ and trust these: an axis that no tensor has reads beyond its shape, functions that call
each other twice come to thousands of millions of nodes, and deep bodies to the end of the stack.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import onnx

from zif.errors import InvalidModel
from zif.files.limits import MADE, NESTING, NODES
from zif.model.types import check_text, tensor_type
from zif.records import TensorInfo

_ATTRIBUTE = onnx.AttributeProto
_KINDS = _ATTRIBUTE.INT, _ATTRIBUTE.INTS
_DEEP = _ATTRIBUTE.GRAPH, _ATTRIBUTE.GRAPHS, _ATTRIBUTE.SPARSE_TENSOR, _ATTRIBUTE.SPARSE_TENSORS
#: Attributes that name a dimension or count outputs, and more than there can be of either.
_COUNTED = frozenset({"axis", "axes", "batch_axis", "batch_dims", "num_outputs", "time_axis"})
_MANY = 1 << 15


def graphs(outer: Sequence[onnx.GraphProto]) -> list[onnx.GraphProto]:
    """The graphs and every graph nested in them, outer ones first.

    Raises InvalidModel for what is nested too deep, has too many nodes or too large sparse tensors, and for figures and
    names that no model can have.
    """
    scopes, level, walk = list(outer), list(outer), _Walk()
    for _ in range(NESTING + 1):
        level = [body for graph in level for body in walk.bodies(graph)]
        if not level:
            return scopes
        scopes.extend(level)
    raise InvalidModel(f"bodies of nodes stand in each other more than {NESTING} deep. Export the model again.")


class _Walk:
    """What adds up over the graphs of one model."""

    def __init__(self) -> None:
        self.nodes, self.dense = 0, 0

    def bodies(self, graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
        """The graphs that stand in the nodes of a graph."""
        self.nodes += len(graph.node)
        check_nodes(self.nodes)
        self._add(graph.sparse_initializer)
        for node in graph.node:
            if not node.op_type:
                raise InvalidModel(f"node {node.name!r} has no operator. Export the model again.")
            for attribute in node.attribute:
                kind = attribute.type
                if kind in _KINDS and attribute.name in _COUNTED:
                    _check_figures(node, attribute)
                elif kind in _DEEP:
                    self._add((attribute.sparse_tensor, *attribute.sparse_tensors))
                    yield from (attribute.g,) if kind == _ATTRIBUTE.GRAPH else attribute.graphs

    def _add(self, sparse: Iterable[onnx.SparseTensorProto]) -> None:
        self.dense += sum(map(_dense_bytes, sparse))
        if self.dense > MADE.value:
            what = "the sparse tensors of the model, in the dense form that they are computed in, take"
            raise InvalidModel(f"{MADE.exceeded(what, self.dense)}.")


def check_nodes(count: int) -> None:
    """Refuse more nodes than `NODES`."""
    if count > NODES.value:
        raise InvalidModel(f"{NODES.exceeded('the model has, with its bodies and functions written out,', count)}.")


def _dense_bytes(sparse: onnx.SparseTensorProto) -> int:
    if any(dim < 0 for dim in sparse.dims):
        return 0  # which is refused where it is read
    name = sparse.values.name
    return TensorInfo(name, tensor_type(sparse.values.data_type), tuple(sparse.dims)).nbytes or 0


def _check_figures(node: onnx.NodeProto, attribute: onnx.AttributeProto) -> None:
    """Refuse an axis that no tensor has: some operators' inference reads there."""
    values = attribute.ints if attribute.type == _ATTRIBUTE.INTS else (attribute.i,)
    for value in values:
        if -_MANY <= value <= _MANY and (value >= 0 or attribute.name != "batch_dims"):
            continue
        check_text((node.name, node.op_type, attribute.name))
        raise InvalidModel(
            f"node {node.name!r} ({node.op_type}) is invalid: its attribute {attribute.name!r} is {value}. "
            "Export the model again."
        )
