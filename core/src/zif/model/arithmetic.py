"""Shapes that a graph computes for itself: Shape, Gather, Concat, Cast … between a tensor and the Reshape that follows.

ONNX's own inference propagates such numbers through a few operators only and gives up at the first other one. Here the
small tensors are computed, node by node, with onnx's reference implementation, and inference goes on with their values.
Exporters write whole subgraphs of this kind (a Swin transformer has 12,000 nodes of it); compilers fold them, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TypeProto, numpy_helper
from onnx.defs import get_schema
from onnx.shape_inference import infer_node_outputs

from zif.model.shapes import tensor_dims

#: Values with more elements are data, not shapes.
LIMIT = 1024
_RANDOM = frozenset(
    {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli"}
)


def resolve(bare: ModelProto, types: Mapping[str, TypeProto]) -> dict[str, TypeProto]:
    """`types` with the shapes completed that follow from numbers computed in the graph.

    `bare` is a model with sorted nodes and the data of its small initializers. Nothing is gained when an input's shape
    is open, so nothing is tried then.
    """
    known = dict(types)
    graph = bare.graph
    data = {tensor.name for tensor in graph.initializer}
    if not all(_static(known.get(value.name)) for value in graph.input if value.name not in data):
        return known
    if all(_static(known.get(name)) for node in graph.node for name in node.output if name):
        return known
    walk = _Walk(known, list(bare.opset_import), bare.ir_version)
    walk.take_initializers(graph)
    for node in graph.node:
        walk.visit(node)
    return known


def _static(kind: TypeProto | None) -> bool:
    if kind is None or not kind.tensor_type.HasField("shape"):
        return False
    return all(dim.HasField("dim_value") for dim in tensor_dims(kind))


def _small(kind: TypeProto | None) -> bool:
    return kind is not None and _static(kind) and _count(dim.dim_value for dim in tensor_dims(kind)) <= LIMIT


class _Walk:
    """One pass over the nodes in order: types by name and, of small tensors, values by name."""

    def __init__(self, types: dict[str, TypeProto], opsets: list[OperatorSetIdProto], ir_version: int) -> None:
        self.types, self.opsets, self.ir_version = types, opsets, ir_version
        self.versions = {opset.domain or "": opset.version for opset in opsets}
        self.values: dict[str, np.ndarray[Any, Any]] = {}

    def take_initializers(self, graph: GraphProto) -> None:
        for tensor in graph.initializer:
            external = tensor.data_location == onnx.TensorProto.EXTERNAL
            if not external and _count(tensor.dims) <= LIMIT and tensor.data_type != onnx.TensorProto.STRING:
                try:
                    self.values[tensor.name] = numpy_helper.to_array(tensor)
                except ValueError:  # data was dropped from the skeleton
                    continue
            if tensor.name not in self.types:
                self.types[tensor.name] = onnx.helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims))

    def visit(self, node: NodeProto) -> None:
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            return
        if not all(_static(self.types.get(name)) for name in node.output if name):
            self._infer(node)
        self._compute(node)

    def _infer(self, node: NodeProto) -> None:
        names = [name for name in node.input if name]
        if not all(name in self.types for name in names):
            return
        data = {name: numpy_helper.from_array(self.values[name], name) for name in names if name in self.values}
        types = {name: self.types[name] for name in names}
        try:
            schema = get_schema(node.op_type, self.versions.get(node.domain, 1), node.domain)
            found = infer_node_outputs(schema, node, types, data, None, self.opsets, self.ir_version)
        except Exception:  # an unknown operator, or a defect of its inference: what is known stays
            return
        self.types.update((name, kind) for name, kind in found.items() if kind.WhichOneof("value"))

    def _compute(self, node: NodeProto) -> None:
        """Compute the node when it makes small tensors out of known ones."""
        kinds = [self.types.get(name) for name in node.output if name]
        if not kinds or not all(
            _static(k) and _count(d.dim_value for d in tensor_dims(k)) <= LIMIT for k in kinds if k
        ):
            return
        if None in kinds or node.domain or node.op_type in _RANDOM:
            return
        if node.op_type == "Shape" and _static(self.types.get(node.input[0])):
            self.values[node.output[0]] = _shape(node, self.types[node.input[0]])
        elif all(name in self.values for name in node.input if name):
            self._evaluate(node)

    def _evaluate(self, node: NodeProto) -> None:
        from onnx.reference import ReferenceEvaluator

        names = dict.fromkeys(name for name in node.input if name)
        outputs = [name for name in node.output if name]
        graph = GraphProto(name="one", node=[node])
        graph.input.extend(onnx.ValueInfoProto(name=name, type=self.types[name]) for name in names)
        graph.output.extend(onnx.ValueInfoProto(name=name, type=self.types[name]) for name in outputs)
        model = ModelProto(graph=graph, opset_import=self.opsets, ir_version=self.ir_version)
        try:
            results = ReferenceEvaluator(model).run(outputs, {name: self.values[name] for name in names})
        except Exception:  # not every operator has an implementation for every type: its values stay unknown
            return
        self.values.update((name, np.asarray(value)) for name, value in zip(outputs, results, strict=True))


def _shape(node: NodeProto, kind: TypeProto) -> np.ndarray[Any, Any]:
    dims = [dim.dim_value for dim in tensor_dims(kind)]
    at = {attribute.name: attribute.i for attribute in node.attribute}
    return np.array(dims[slice(at.get("start", 0), at.get("end"))], dtype=np.int64)


def _count(dims: Iterable[int]) -> int:
    return math.prod(dims)
