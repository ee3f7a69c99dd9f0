"""Numbers that a graph computes for itself: Shape, Gather, Concat, Cast … between a tensor and its Reshape.

ONNX's own inference propagates such numbers through a few operators only and gives up at the first other one. Here the
small tensors are computed, node by node, with onnx's reference implementation, and inference goes on with their values;
where dimensions are open, with what is known of them (see `zif.model.partial`).
Exporters write whole subgraphs of this kind (a Swin transformer has 12,000 nodes of it); compilers fold them, too.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TypeProto, ValueInfoProto
from onnx.shape_inference import infer_shapes

from zif.model import partial
from zif.model.attributes import attribute
from zif.model.declared import is_typed, output_types
from zif.model.defaults import spelled_out
from zif.model.dtypes import element_dtype, from_array, to_array
from zif.model.engines import Engines
from zif.model.evaluate import Evaluator
from zif.model.external import is_external
from zif.model.nodes import Node
from zif.model.opsets import is_defined
from zif.model.shapes import has_shape, is_static, tensor_dims

if TYPE_CHECKING:
    from zif.records import Array

#: Values with more elements are data, not shapes.
LIMIT = 1024
#: Of what an engine is told the values: dimensions, axes and the like. Layers differ in their scales, and are asked
#: about once.
FIGURES = 8
#: What is computed: operators whose work and memory are bounded by what goes in and comes out. A pooling over a padding
#: of a thousand million, an Einsum over twenty axes or a StringConcat of itself are not, however small their ends are.
_COMPUTED = frozenset(
    {"Abs", "Add", "And", "ArgMax", "ArgMin", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "Cast"}
    | {"CastLike", "Ceil", "Clip", "Compress", "Concat", "ConstantOfShape", "CumSum", "Div", "Equal", "Exp", "Expand"}
    | {"EyeLike", "Flatten", "Floor", "Gather", "GatherElements", "GatherND", "Gemm", "Greater", "GreaterOrEqual"}
    | {"Identity", "Less", "LessOrEqual", "Log", "MatMul", "Max", "Mean", "Min", "Mod", "Mul", "Neg", "NonZero", "Not"}
    | {"OneHot", "OptionalHasElement", "Or", "Pad", "Pow", "Range", "Reciprocal", "ReduceL1", "ReduceL2", "ReduceMax"}
    | {
        "ReduceMean",
        "ReduceMin",
        "ReduceProd",
        "ReduceSum",
        "Reshape",
        "Round",
        "ScatterElements",
        "ScatterND",
        "Shape",
    }
    | {"Sign", "Size", "Slice", "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Tile", "TopK", "Transpose", "Trilu"}
    | {"Unsqueeze", "Where", "Xor"}
)
_FLOATS = frozenset({"f4", "f8"})
_MEASURES = frozenset({"Shape", "Size"})
_LOOKED_AT = _MEASURES | partial.PROPAGATES | partial.SHAPED_BY.keys()
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
    bodies as inference left them. `late`: operators that inference has not seen yet (see `zif.model.infer.UNTYPED`).
    `engines` are asked about operators that onnx does not have.
    """

    def __init__(
        self,
        bare: ModelProto,
        infos: dict[str, ValueInfoProto],
        late: Collection[tuple[str, str]] = (),
        engines: Engines | None = None,
    ) -> None:
        self.infos = infos
        self._late = late
        self._engines = engines
        self._partial: dict[str, partial.Vector] = {}
        self.values: dict[str, Array] = {}
        self.exact: set[str] = set()
        self.nested: dict[str, NodeProto] = {}
        self._opsets, self._ir_version = list(bare.opset_import), bare.ir_version
        self._versions = {opset.domain: opset.version for opset in bare.opset_import}
        self._changed: set[str] = set()
        self._inferred: dict[Any, list[bytes]] = {}
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
        if self._engines is not None and self._is_foreign(node):
            self._ask(node, self._engines)
        late = bool(self._late) and (node.op_type, node.domain) in self._late
        stale = late or not self._changed.isdisjoint(names)
        constant = self.values.keys() >= set(names)
        if node.nested or not (stale or constant or node.op_type in _LOOKED_AT):
            return
        if stale and not all(is_static(self._type(name)) for name in node.outputs if name):
            self._infer(node)
        if constant or node.op_type in _MEASURES:
            self._compute(node, constant)
        if not constant and node.op_type in _LOOKED_AT and not node.domain:
            self._propagate(node)

    def _propagate(self, node: Node) -> None:
        """Carry on what is known of numbers that are not all known, and give shapes to what is shaped by them."""
        if not node.outputs or node.outputs[0] in self.values:
            return
        source = self._type(node.inputs[0]) if node.inputs else None
        if node.op_type in partial.SHAPED_BY:
            self._shape(node, source)
            return
        if node.op_type in _MEASURES:
            made = partial.measured(node.proto, source) if source is not None else None
        else:
            made = partial.propagated(node.proto, [self._vector(name) for name in node.inputs])
        if made is not None:
            self._partial[node.outputs[0]] = made

    def _vector(self, name: str) -> partial.Vector | None:
        value = self.values.get(name)
        return self._partial.get(name) if value is None else partial.of_array(value)

    def _shape(self, node: Node, source: TypeProto | None) -> None:
        place = partial.SHAPED_BY[node.op_type]
        wanted = self._partial.get(node.inputs[place]) if len(node.inputs) > place else None
        kind = self._type(node.outputs[0])
        if wanted is None or kind is None or not kind.HasField("tensor_type") or is_static(kind):
            return
        shape = partial.shaped(node.proto, wanted, source)
        if shape is not None and (not has_shape(kind) or len(tensor_dims(kind)) == len(shape)):
            self._improve(node.outputs[0], partial.as_type(kind.tensor_type.elem_type, shape))

    def _is_foreign(self, node: Node) -> bool:
        """Whether onnx does not have the operator, or one in its bodies, and what it makes is not known."""
        if node.nested:
            return not all(is_typed(name, self.infos) for name in node.outputs if name)
        if is_defined(node.op_type, node.domain, self._versions.get(node.domain, 1)):
            return False
        return not all(is_static(self._type(name)) for name in node.outputs if name)

    def _ask(self, node: Node, engines: Engines) -> None:
        if all(is_typed(name, self.infos) for name in node.reads):
            for name, kind in engines.output_types(self._alone(node, FIGURES)).items():
                self._improve(name, kind)

    def _alone(self, node: Node, most: int = LIMIT) -> ModelProto:
        """A model of one node whose inputs are all typed, with what is known of values of up to `most` elements."""
        outputs = [name for name in node.outputs if name]
        graph = GraphProto(name="one", node=[node.proto], output=[ValueInfoProto(name=name) for name in outputs])
        for name in dict.fromkeys(node.reads):
            graph.input.append(ValueInfoProto(name=name, type=self.infos[name].type))
            if name in self.values and self.values[name].size <= most:
                graph.initializer.append(from_array(self.values[name], name))
        return ModelProto(graph=graph, opset_import=self._opsets, ir_version=self._ir_version)

    def _infer(self, node: Node) -> None:
        """Ask onnx's inference about one node; the blocks of a model repeat, and are asked about once."""
        if not all(is_typed(name, self.infos) for name in node.reads):  # some operators' inference ends the process
            return
        known = {name: self._known(name) for name in dict.fromkeys(node.reads)}
        places = {name: place for place, name in enumerate(known)}
        wiring = (tuple(places.get(name, -1) for name in node.inputs), tuple(map(bool, node.outputs)))
        what = (node.op_type, node.domain, *(attribute.SerializeToString() for attribute in node.proto.attribute))
        key = (what, wiring, *known.values())
        if key not in self._inferred:
            self._inferred[key] = self._asked(node)
        for name, kind in zip(filter(None, node.outputs), self._inferred[key], strict=False):
            if kind:
                self._improve(name, TypeProto.FromString(kind))

    def _known(self, name: str) -> tuple[bytes, bytes | None]:
        kind, value = self.infos[name].type.SerializeToString(), self.values.get(name)
        if value is None or value.dtype.kind != "O":
            return kind, None if value is None else value.tobytes()
        return kind, repr(value.tolist()).encode()  # texts, of which an array holds the addresses

    def _asked(self, node: Node) -> list[bytes]:
        """What inference says of a node's outputs, in their order; b"" for one of which it says nothing."""
        alone = self._alone(node)
        try:
            with spelled_out(alone):
                inferred = infer_shapes(alone)
        except Exception:  # a defect of the operator's inference: what is known stays
            return []
        return [value.type.SerializeToString() for value in inferred.graph.output]

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
        if node.domain or node.op_type not in _COMPUTED or not outputs or not all(_small(kind) for kind in kinds):
            return
        source = self._type(node.inputs[0]) if node.op_type in _MEASURES else None
        if source is not None and is_static(source) and _elements(source) < 1 << 63:  # Size is an int64
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
    """Fill dimensions that are open in `kind` from what was known before, but for symbols that onnx made up."""
    new_dims, old_dims = tensor_dims(kind), tensor_dims(old)
    if len(new_dims) == len(old_dims):
        for new, known in zip(new_dims, old_dims, strict=True):
            made_up = new.dim_param and known.dim_param.startswith("unk__")
            if not new.HasField("dim_value") and known.WhichOneof("value") and not made_up:
                new.CopyFrom(known)


def _small(kind: TypeProto | None) -> bool:
    return kind is not None and is_static(kind) and _elements(kind) <= LIMIT


def _elements(kind: TypeProto) -> int:
    return math.prod(dim.dim_value for dim in tensor_dims(kind))


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
