"""Operators that fail for certain values, or end the process, guarded in the graph before ONNX Runtime sees it.

Only models with such operators pay, and those only where the values are not known to be harmless.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import onnx
from attrs import Factory, frozen
from onnx import NodeProto, TensorProto, TypeProto, helper
from zif.plugin import all_graphs, bodies, normal

from zif_qnn_cpu import divisions, shapes, zero_points
from zif_qnn_cpu.mentions import PREFIX, SHAPES, ZERO_POINTS, mentioned

_Scoped: TypeAlias = onnx.GraphProto | onnx.FunctionProto


def guarded(model: bytes | Path) -> bytes | Path:
    """The model with its dangerous operators guarded; the same object where there is none."""
    if not mentioned(model):
        return model
    proto = onnx.load_model_from_string(model if isinstance(model, bytes) else model.read_bytes())
    return bytes(proto.SerializeToString()) if guard(proto) else model


def guard(proto: onnx.ModelProto) -> bool:
    """Guard the dangerous operators of a model in place; whether there were any."""
    scopes: list[_Scoped] = [*all_graphs(proto.graph), *proto.functions]
    dangerous = [[node for node in scope.node if _is_dangerous(node)] for scope in scopes]
    if not any(dangerous):
        return False
    taken = {name for scope in scopes for node in scope.node for name in (*node.input, *node.output)}
    names = (name for number in itertools.count() if (name := f"{PREFIX}{number}") not in taken)
    known = _declared(proto.graph).keys() | {tensor.name for tensor in proto.graph.initializer}
    silent = any(dangerous[1:]) or any(not known & {*node.input, *node.output} for node in dangerous[0])
    changed = _guard_graph(proto.graph, (_inferred(proto) if silent else proto).graph, _Scope(), names)
    for function in proto.functions:
        changed |= _replace(function, [_safe(node, _Scope(), names) for node in function.node])
    return changed


def _is_dangerous(node: NodeProto) -> bool:
    if normal(node.domain):
        return False
    if node.op_type == "Div":
        return len(node.input) == 2
    return node.op_type in SHAPES or zero_points.lacks(node)


@frozen
class _Scope:
    """What is known where a node stands: types and constants, those of the graphs around it included."""

    kinds: Mapping[str, TypeProto.Tensor] = Factory(dict)
    constants: Mapping[str, TensorProto] = Factory(dict)

    def inside(self, graph: onnx.GraphProto, typed: onnx.GraphProto) -> _Scope:
        own = {tensor.name: tensor for tensor in graph.initializer}
        made = {name for node in graph.node for name in node.output} | {value.name for value in graph.input}
        outer = {name: tensor for name, tensor in self.constants.items() if name not in made}
        kinds = {name: kind for name, kind in self.kinds.items() if name not in made}
        return _Scope(
            kinds | _declared(typed) | {name: _kind(tensor) for name, tensor in own.items()}, {**outer, **own}
        )

    def element(self, node: NodeProto) -> int | None:
        """The element type of a node whose inputs and outputs are of one."""
        names = (*node.input, *node.output)
        return next((self.kinds[name].elem_type for name in names if name in self.kinds), None)


def _guard_graph(graph: onnx.GraphProto, typed: onnx.GraphProto, outer: _Scope, names: Iterator[str]) -> bool:
    scope, changed = outer.inside(graph, typed), False
    for node, same in zip(graph.node, typed.node, strict=True):
        for body, known in zip(bodies(node), bodies(same), strict=True):
            changed |= _guard_graph(body, known, scope, names)
    return _replace(graph, [_safe(node, scope, names) for node in graph.node]) or changed


def _safe(node: NodeProto, scope: _Scope, names: Iterator[str]) -> list[NodeProto]:
    if not _is_dangerous(node):
        return [node]
    if node.op_type == "Div":
        return divisions.safe(node, scope.element(node), scope.constants, names)
    if node.op_type == ZERO_POINTS:
        weight, scale = (scope.kinds.get(name) for name in node.input[:2])
        return zero_points.safe(node, weight, scale, names)
    return shapes.safe(node, scope.kinds.get(node.input[0]), names)


def _replace(scope: _Scoped, groups: list[list[NodeProto]]) -> bool:
    if all(len(group) == 1 for group in groups):
        return False
    flat = [node for group in groups for node in group]
    del scope.node[:]
    scope.node.extend(flat)
    return True


def _declared(graph: onnx.GraphProto) -> dict[str, TypeProto.Tensor]:
    values = (*graph.value_info, *graph.input, *graph.output)
    return {value.name: value.type.tensor_type for value in values if value.type.tensor_type.elem_type}


def _kind(tensor: TensorProto) -> TypeProto.Tensor:
    return helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims)).tensor_type


def _inferred(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The model with what onnx infers of types, those in bodies included; weights are left out."""
    bare = onnx.ModelProto()
    bare.CopyFrom(proto)
    for graph in all_graphs(bare.graph):
        for tensor in graph.initializer:
            graph.value_info.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    del bare.graph.initializer[:]
    try:
        return onnx.shape_inference.infer_shapes(bare)
    except Exception:  # a defect of one operator's inference: what the file declares is all that is known
        return bare
