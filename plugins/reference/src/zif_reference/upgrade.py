"""Operators in versions that the evaluator does not have: each is brought up by ONNX's own version converter.

The evaluator runs a whole model at one opset, so a node cannot simply be replaced by a newer one. Instead the operator
is registered with the evaluator as one that, when it runs, makes a model of its single node, converts that to the first
opset whose operators the evaluator has, and evaluates it. The converter may answer with several nodes.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator, op_run
from zif.plugin import all_graphs, bodies, element_type, normal, since_version

from zif_reference.native import changed_defaults, is_native

if TYPE_CHECKING:
    from zif.plugin import NodeView


def upgraded(view: NodeView) -> bool:
    """Whether the converter, asked, brings this node to operators that the evaluator has."""
    if normal(view.node.domain) or bodies(view.node):
        return False  # the converter knows ONNX's own domain, and loses what a body reads from around it
    types = {name: _type(view, name) for name in view.node.input if name}
    known = {name: kind for name, kind in types.items() if kind is not None}
    if known.keys() != types.keys():
        return False
    key = _alike(view, known)
    if key not in _answers:
        _answers[key] = _convert(view.node, view.since, known) is not None
    return _answers[key]


#: The converter takes a quarter of a second for a node that it cannot bring up, and a model has hundreds of a kind.
_answers: dict[tuple[Any, ...], bool] = {}


def _alike(view: NodeView, types: dict[str, onnx.TypeProto]) -> tuple[Any, ...]:
    """What the answer depends on: operator, version, attributes, element types, ranks, and which dimensions are 1."""
    node = view.node
    attributes = tuple(sorted(attribute.SerializeToString() for attribute in node.attribute))
    kinds = tuple((types[name].tensor_type.elem_type, _dims(types[name])) if name else None for name in node.input)
    return node.op_type, view.since, attributes, kinds, len(node.output)


def _dims(kind: onnx.TypeProto) -> tuple[str, ...] | None:
    shape = kind.tensor_type
    if not shape.HasField("shape"):
        return None
    return tuple("1" if dim.dim_value == 1 else "n" if dim.dim_value else "?" for dim in shape.shape.dim)


def older_operators(model: onnx.ModelProto) -> list[type[op_run.OpRun]]:
    """Classes for the evaluator: the operators of `model`, those in bodies included, that it lacks as they are used."""
    opset = next((o.version for o in model.opset_import if not normal(o.domain)), 1)
    nodes = [node for graph in all_graphs(model.graph) for node in graph.node if not normal(node.domain)]
    since = {node.op_type: since_version(node.op_type, "", opset) for node in nodes}
    lacking = {node.op_type for node in nodes if not is_native(node, since[node.op_type])}
    return [_older(op_type, since[op_type]) for op_type in sorted(lacking)]


def _older(op_type: str, since: int) -> type[op_run.OpRun]:
    members = {"op_domain": "", "op_schema": onnx.defs.get_schema(op_type, since, ""), "since": since}
    return type(op_type, (_Upgraded,), members)


class _Upgraded(op_run.OpRun):  # type: ignore[misc]
    since: int

    def __init__(self, onnx_node: onnx.NodeProto, run_params: dict[str, Any], schema: Any = None) -> None:
        super().__init__(onnx_node, run_params, schema)
        self._ready: dict[tuple[Any, ...], ReferenceEvaluator] = {}
        self._lock = threading.Lock()

    def _run(self, *inputs: Any, **_: Any) -> tuple[Any, ...]:
        values = {name: value for name, value in zip(self.onnx_node.input, inputs, strict=True) if name}
        key = tuple((value.dtype, value.shape) for value in values.values())
        with self._lock:
            evaluator = self._ready.get(key)
            if evaluator is None:
                evaluator = self._ready[key] = self._prepare(values)
        return tuple(evaluator.run(None, values))

    def _prepare(self, values: dict[str, Any]) -> ReferenceEvaluator:
        types = {
            name: helper.make_tensor_type_proto(element_type(value.dtype), value.shape)
            for name, value in values.items()
        }
        model = _convert(self.onnx_node, self.since, types)
        if model is None:
            raise NotImplementedError(f"{self.op_type} version {self.since} for inputs {list(types)} of these shapes")
        return ReferenceEvaluator(model)


def _type(view: NodeView, name: str) -> onnx.TypeProto | None:
    info = view.tensors.get(name)
    if info is None or not info.type.startswith("tensor("):
        return None
    return helper.make_tensor_type_proto(onnx.TensorProto.DataType.Value(info.type[7:-1].upper()), info.shape)


def _convert(node: onnx.NodeProto, since: int, types: dict[str, onnx.TypeProto]) -> onnx.ModelProto | None:
    """The node as a model of the first newer opset whose operators the evaluator has; None when there is none."""
    model = _single(node, since, types)
    for opset in range(since + 1, onnx.defs.onnx_opset_version() + 1):
        try:
            converted = onnx.version_converter.convert_version(model, opset)
        except (RuntimeError, onnx.shape_inference.InferenceError):
            continue  # no adapter, or one that needs to know more of the shapes
        if _all_native(converted.graph.node, opset) and not _overlooked(node, since, converted.graph.node, opset):
            return converted
    return None


def _overlooked(node: onnx.NodeProto, since: int, new: Sequence[onnx.NodeProto], opset: int) -> bool:
    """Whether the converter left the node as it was although the operator's defaults changed, as it does with Hardmax.

    A default changed because the meaning did (axis=1 of Softmax was "from here on", axis=-1 is "this one"), so that a
    node is right as it is only where it sets what is the default now.
    """
    if len(new) != 1 or new[0].op_type != node.op_type or list(new[0].attribute) != list(node.attribute):
        return False
    now = onnx.defs.get_schema(node.op_type, opset, "").attributes
    changed = changed_defaults(
        onnx.defs.get_schema(node.op_type, since, ""), onnx.defs.get_schema(node.op_type, opset, "")
    )
    attributes = {attribute.name: attribute for attribute in node.attribute}
    return any(name not in attributes or attributes[name] != now[name].default_value for name in changed)


def _single(node: onnx.NodeProto, since: int, types: dict[str, onnx.TypeProto]) -> onnx.ModelProto:
    inputs = [onnx.ValueInfoProto(name=name, type=kind) for name, kind in types.items()]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
    graph = helper.make_graph([node], node.op_type, inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", since)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model)


def _all_native(nodes: Sequence[onnx.NodeProto], opset: int) -> bool:
    return all(is_native(node, since_version(node.op_type, node.domain, opset)) for node in nodes)
