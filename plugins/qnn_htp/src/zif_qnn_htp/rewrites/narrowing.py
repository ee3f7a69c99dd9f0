"""Whole numbers of 64 bits leave a segment in 32, and are widened behind it.

QNN computes them in 32 bits. ONNX Runtime's provider widens what leaves, but not behind a Transpose, and its layout
transformation moves Transposes to the end: of a Conv and an ArgMax over its channels, the output had half of the bytes.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

import onnx
from onnx import TensorProto, helper
from zif import Model, TensorInfo

_SUFFIX = "_in_32_bits"


def narrow(graph: onnx.GraphProto, model: Model) -> dict[str, str]:
    """Let a Cast give every such output; gives the unit of every new node, by the node's name."""
    owners = {name: unit.id for unit in model.units for name in unit.outputs}
    made = {name for node in graph.node for name in node.output}
    added: dict[str, str] = {}
    for value in graph.output:
        if value.type.tensor_type.elem_type == TensorProto.INT64 and value.name in made and value.name in owners:
            wide = f"{value.name}_in_64_bits"
            _rename(graph, value.name, wide)
            name = f"{value.name}{_SUFFIX}"
            graph.node.append(helper.make_node("Cast", [wide], [value.name], name, to=TensorProto.INT32))
            value.type.tensor_type.elem_type = TensorProto.INT32
            added[name] = owners[value.name]
    return added


def narrowed(types: Iterable[tuple[str, str]], outputs: Iterable[TensorInfo]) -> frozenset[str]:
    """Which of a session's outputs, given as name and type, have 32 bits where the segment's have 64."""
    wide = {info.name for info in outputs if info.type == "tensor(int64)"}
    return frozenset(name for name, kind in types if kind == "tensor(int32)" and name in wide)


def widen_outputs(graph: onnx.GraphProto, names: Container[str]) -> None:
    """Put a Cast to 64 bits behind these outputs of a compiled graph."""
    for value in graph.output:
        if value.name in names:
            short = f"{value.name}{_SUFFIX}"
            _rename(graph, value.name, short)
            graph.value_info.add(name=short).type.CopyFrom(value.type)  # nothing else says what an EPContext gives
            widened = f"{value.name}_widened"
            graph.node.append(helper.make_node("Cast", [short], [value.name], widened, to=TensorProto.INT64))
            value.type.tensor_type.elem_type = TensorProto.INT64


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == old:
                    names[place] = new
