"""Numbers that a graph computes for itself: Shape, Gather, Concat, Cast … between a tensor and its Reshape.

ONNX's own inference propagates such numbers through a few operators only and gives up at the first other one. Here the
small tensors are computed, node by node, with onnx's reference implementation, and inference goes on with their values.
Exporters write whole subgraphs of this kind (a Swin transformer has 12,000 nodes of it); compilers fold them, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TypeProto, ValueInfoProto
from onnx.shape_inference import infer_shapes

from zif.model.attributes import attribute
from zif.model.declared import output_types
from zif.model.dtypes import element_dtype, from_array, to_array
from zif.model.evaluate import Evaluator
from zif.model.external import is_external
from zif.model.nodes import Node
from zif.model.shapes import is_static, tensor_dims

if TYPE_CHECKING:
    from zif.records import Array

#: Values with more elements are data, not shapes.
LIMIT = 1024
_RANDOM = frozenset(
    {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli", "Dropout"}
)
_FLOATS = frozenset({"f4", "f8"})
_MEASURES = frozenset({"Shape", "Size"})
#: Operators that every engine computes to the same bit in floating point: each element is moved or rounded once.
_EXACT = frozenset(
    {"Abs", "Add", "Cast", "Ceil", "Clip", "Concat", "ConstantOfShape", "Div", "Equal", "Expand", "Flatten", "Floor"}
    | {"Gather", "GatherElements", "Greater", "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Max", "Min", "Mul"}
    | {"Neg", "Pad", "Reshape", "Shape", "Sign", "Size", "Slice", "Split", "Sqrt", "Squeeze", "Sub", "Tile"}
    | {"Transpose", "Unsqueeze", "Where"}
)


class Walk:
    """One pass over sorted nodes: `infos` is completed, and `values` gets the small tensors that are constant.

    `exact` names the values that any engine would compute to the same bit. Only what follows from a value computed here
    is inferred again: a graph without such arithmetic costs a look at each node. `nested` has, by name, the nodes with
    bodies as inference left them.
    """

    def __init__(self, bare: ModelProto, infos: dict[str, ValueInfoProto]) -> None:
        self.infos = infos
        self.values: dict[str, Array] = {}
        self.exact: set[str] = set()
        self.nested: dict[str, NodeProto] = {}
        self._opsets, self._ir_version = list(bare.opset_import), bare.ir_version
        self._versions = {opset.domain: opset.version for opset in bare.opset_import}
        self._changed: set[str] = set()
        self._evaluator = Evaluator(self._opsets, self._ir_version)
        self._take_initializers(bare.graph)

    def _type(self, name: str) -> TypeProto | None:
        info = self.infos.get(name)
        return None if info is None else info.type

    def _take_initializers(self, graph: GraphProto) -> None:
        replaceable = {value.name for value in graph.input}
        for tensor in graph.initializer:
            if tensor.name not in self.infos:
                dims = list(tensor.dims)
                self.infos[tensor.name] = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, dims)
            if is_external(tensor) or math.prod(tensor.dims) > LIMIT or tensor.name in replaceable:
                continue
            try:
                self.values[tensor.name] = to_array(tensor)
                self.exact.add(tensor.name)
            except (ValueError, KeyError):  # data was dropped from the skeleton
                continue

    def visit(self, node: Node) -> None:
        """Complete what follows for the outputs of one node."""
        names = node.reads
        for name, kind in output_types(node, self._versions.get(node.domain, 0), self.infos).items():
            self._improve(name, kind)
        stale = not self._changed.isdisjoint(names)
        constant = self.values.keys() >= set(names)
        if node.nested or not (stale or constant or node.op_type in _MEASURES):
            return
        if stale and not all(is_static(self._type(name)) for name in node.outputs if name):
            self._infer(node)
        self._compute(node, constant)

    def _infer(self, node: Node) -> None:
        if not all(name in self.infos for name in node.reads):
            return
        outputs = [name for name in node.outputs if name]
        graph = GraphProto(name="one", node=[node.proto], output=[ValueInfoProto(name=name) for name in outputs])
        for name in dict.fromkeys(node.reads):
            graph.input.append(ValueInfoProto(name=name, type=self.infos[name].type))
            if name in self.values:
                graph.initializer.append(from_array(self.values[name], name))
        model = ModelProto(graph=graph, opset_import=self._opsets, ir_version=self._ir_version)
        try:
            inferred = infer_shapes(model)
        except Exception:  # a defect of the operator's inference: what is known stays
            return
        for value in inferred.graph.output:
            if value.type.WhichOneof("value"):
                self._improve(value.name, value.type)

    def _improve(self, name: str, kind: TypeProto) -> None:
        old = self._type(name)
        if old is not None:
            _keep_dims(kind, old)
            if kind == old:
                return
        self.infos[name] = ValueInfoProto(name=name, type=kind)
        self._changed.add(name)

    def _compute(self, node: Node, constant: bool) -> None:
        """Compute the node when it makes small tensors out of known ones."""
        outputs = [name for name in node.outputs if name]
        kinds = [self._type(name) for name in outputs]
        if node.domain or node.op_type in _RANDOM or not outputs or not all(_small(kind) for kind in kinds):
            return
        source = self._type(node.inputs[0]) if node.op_type in _MEASURES else None
        if source is not None and is_static(source):
            results: Sequence[Any] = [_measure(node, source)]
        elif constant:
            results = self._evaluator.run(node, self.values)
        else:
            return
        if len(results) != len(outputs) or not all(map(_fits, results, kinds)):
            return
        self.values.update(zip(outputs, results, strict=True))
        self._changed.update(outputs)
        if node.op_type in _MEASURES or self._is_exact(node, outputs):
            self.exact.update(outputs)

    def _is_exact(self, node: Node, outputs: Sequence[str]) -> bool:
        if not self.exact.issuperset(node.reads):
            return False
        kinds = {self.values[name].dtype.str[1:] for name in (*node.reads, *outputs)}
        whole = all(kind[0] in "iub" for kind in kinds)
        return whole or (node.op_type in _EXACT and all(kind[0] in "iub" or kind in _FLOATS for kind in kinds))


def _keep_dims(kind: TypeProto, old: TypeProto) -> None:
    """Fill dimensions that are open in `kind` from what was known before."""
    new_dims, old_dims = tensor_dims(kind), tensor_dims(old)
    if len(new_dims) == len(old_dims):
        for new, known in zip(new_dims, old_dims, strict=True):
            if not new.HasField("dim_value") and known.WhichOneof("value"):
                new.CopyFrom(known)


def _small(kind: TypeProto | None) -> bool:
    return kind is not None and is_static(kind) and math.prod(dim.dim_value for dim in tensor_dims(kind)) <= LIMIT


def _fits(value: Any, kind: TypeProto | None) -> bool:
    """Whether a computed value is what inference foretold; if not, one of the two is wrong and neither is used."""
    if kind is None or not isinstance(value, (np.ndarray, np.generic)):
        return False
    if value.shape != tuple(dim.dim_value for dim in kind.tensor_type.shape.dim):
        return False
    return bool(value.dtype == element_dtype(kind.tensor_type.elem_type))


def _measure(node: Node, kind: TypeProto) -> Array:
    dims = [dim.dim_value for dim in kind.tensor_type.shape.dim]
    if node.op_type == "Size":
        return np.array(math.prod(dims), dtype=np.int64)
    part = slice(attribute(node.proto, "start", 0), attribute(node.proto, "end", len(dims)))
    return np.array(dims[part], dtype=np.int64)
