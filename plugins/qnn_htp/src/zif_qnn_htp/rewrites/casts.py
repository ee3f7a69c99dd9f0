"""Casts that QNN 2.51 cancels out or reads otherwise, with what they do written beside them.

From float to integer to float nothing is left of a cast, whichever the integer type, also through what moves nothing
(Identity, a Slice of all): 3.5 comes out as 3.5. So the fraction goes before, in float. From integer to bool to integer
nothing is left either: there it is a comparison with 0. And integers of 8 bits that no scale stands beside are read as
truth values on their way to float, so they go by 32 bits. What leaves the range of 8 bits is kept at its end, where
ONNX wraps around: such a cast cannot be helped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import onnx
from attrs import field, frozen
from onnx import TensorProto, helper, numpy_helper
from zif_qnn_runtime.graph import owners

if TYPE_CHECKING:
    from zif import Model

SATURATES = "beyond the range of 8 bits it gave the nearest number, where ONNX wraps around"
_BYTES = frozenset({"uint8", "int8"})
_INTEGERS = frozenset({"int64", "int32", "int16", "uint64", "uint32", "uint16"}) | _BYTES
_FLOATS = frozenset({"float32", "float16", "bfloat16"})
#: What gives whole numbers already.
_WHOLE = frozenset({"Floor", "Ceil", "Round", "Sign"})


@frozen
class Cast:
    """Casts rewritten: the unit of every new node, by the node's name; why a unit could not be helped, by its id."""

    added: dict[str, str] = field(factory=dict)
    wild: dict[str, str] = field(factory=dict)


def spell_out(graph: onnx.GraphProto, model: Model) -> Cast:
    """Rewrite in place every cast that would not be what it says."""
    whose = owners(model)
    makers = {name: node for node in graph.node for name in node.output}
    done = Cast()
    for node in [node for node in graph.node if node.op_type in ("Cast", "CastLike") and not node.domain]:
        before, after = (model.tensors[name].dtype for name in (node.input[0], node.output[0]))
        unit, kind = whose[node.name][0], _kind(before, after)
        if kind == "wrap":
            done.wild[unit] = f"{node.op_type}: {SATURATES}"
        elif kind and not (kind == "cut" and _whole(makers.get(node.input[0]), model)):
            done.added.update(dict.fromkeys(_WAYS[kind](graph, node), unit))
    return done


def _whole(maker: onnx.NodeProto | None, model: Model) -> bool:
    """Whether a node gives whole numbers: by itself, or because its cast came from integers."""
    if maker is None or maker.domain:
        return False
    cast = maker.op_type in ("Cast", "CastLike") and maker.input[0] in model.tensors
    return maker.op_type in _WHOLE or (cast and model.tensors[maker.input[0]].dtype in _INTEGERS | {"bool"})


def _kind(before: str, after: str) -> str:
    if before in _FLOATS and after in _INTEGERS:
        return "cut"
    if before in _INTEGERS and after == "bool":
        return "compare"
    if before in _BYTES and after in _FLOATS:
        return "widen"
    return "wrap" if before in _INTEGERS - _BYTES and after in _BYTES else ""


def _cut(graph: onnx.GraphProto, node: onnx.NodeProto) -> tuple[str, ...]:
    """Towards 0: the whole part of the absolute value, and the sign again."""
    base, value = f"{node.name}_cut", node.input[0]
    nodes = [
        helper.make_node("Abs", [value], [f"{base}_size"], f"{base}0"),
        helper.make_node("Floor", [f"{base}_size"], [f"{base}_whole"], f"{base}1"),
        helper.make_node("Sign", [value], [f"{base}_sign"], f"{base}2"),
        helper.make_node("Mul", [f"{base}_whole", f"{base}_sign"], [f"{base}_value"], f"{base}3"),
    ]
    return _put_before(graph, node, nodes)


def _widen(graph: onnx.GraphProto, node: onnx.NodeProto) -> tuple[str, ...]:
    base = f"{node.name}_wide"
    made = helper.make_node("Cast", [node.input[0]], [f"{base}_value"], base, to=TensorProto.INT32)
    return _put_before(graph, node, [made])


def _compare(graph: onnx.GraphProto, node: onnx.NodeProto) -> tuple[str, ...]:
    """The cast becomes Not(x = 0)."""
    base, value = f"{node.name}_zero", node.input[0]
    known = next(info for info in (*graph.value_info, *graph.input) if info.name == value).type.tensor_type
    zero = np.zeros(1 if known.shape.dim else (), helper.tensor_dtype_to_np_dtype(known.elem_type))
    graph.initializer.append(numpy_helper.from_array(zero, f"{base}_constant"))
    made = helper.make_node("Equal", [value, f"{base}_constant"], [f"{base}_value"], base)
    node.op_type = "Not"
    del node.input[1:], node.attribute[:]
    return _put_before(graph, node, [made])


def _put_before(graph: onnx.GraphProto, node: onnx.NodeProto, nodes: list[onnx.NodeProto]) -> tuple[str, ...]:
    """Insert nodes, the last of which makes what the node reads from now on; their names."""
    position = next(at for at, other in enumerate(graph.node) if other.name == node.name)
    for other in reversed(nodes):
        graph.node.insert(position, other)
    node.input[0] = nodes[-1].output[0]
    return tuple(node.name for node in nodes)


_WAYS: Mapping[str, Callable[[onnx.GraphProto, onnx.NodeProto], tuple[str, ...]]] = {
    **{"cut": _cut, "widen": _widen, "compare": _compare}
}
