"""Types and shapes of every value, inferred on a skeleton: the model without the data of its weights.

Inference on the whole of a 1 GB model takes seconds and gigabytes; on the skeleton, milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence

from onnx import AttributeProto, FunctionProto, ModelProto, NodeProto, TensorProto
from onnx.helper import make_function, make_node, make_opsetid
from onnx.shape_inference import infer_shapes

from zif.model.arithmetic import Walk
from zif.model.external import attribute_tensors
from zif.model.nodes import Node
from zif.model.subgraphs import all_graphs, bodies
from zif.model.types import tensor_bytes

#: Initializers up to this size keep their data in the skeleton: shapes, axes, pads, scales.
SMALL = 4096
_CONTRIB = "com.microsoft"
_QDQ = frozenset({"QuantizeLinear", "DequantizeLinear"})


def skeleton(proto: ModelProto, *, keep_attributes: bool = False) -> ModelProto:
    """A copy of the model without large data: what inference and inlining need, quick to serialise.

    `keep_attributes` keeps the tensors that stand in nodes, so that the nodes can be used further.
    """
    bare = ModelProto(ir_version=max(proto.ir_version, 4), opset_import=proto.opset_import, functions=proto.functions)
    graph, source = bare.graph, proto.graph
    graph.name = source.name or "graph"
    graph.node.extend(source.node)
    if not keep_attributes:
        for node in graph.node:
            _strip_node(node)
    graph.input.extend(source.input)
    graph.output.extend(source.output)
    graph.value_info.extend(source.value_info)
    graph.initializer.extend(_bare(tensor) for tensor in source.initializer)
    graph.initializer.extend(
        TensorProto(name=sparse.values.name, data_type=sparse.values.data_type, dims=sparse.dims)
        for sparse in source.sparse_initializer
    )
    return bare


def _bare(tensor: TensorProto) -> TensorProto:
    if (tensor_bytes(tensor) or 0) <= SMALL and tensor.data_type != TensorProto.STRING:
        return tensor
    return TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)


def _strip_node(node: NodeProto) -> None:
    """Drop large data from the attributes of a copied node, and from its bodies."""
    tensors = list(attribute_tensors(node))
    for body in bodies(node):
        for graph in all_graphs(body):
            tensors.extend(graph.initializer)
            tensors.extend(tensor for inner in graph.node for tensor in attribute_tensors(inner))
    for tensor in tensors:
        if (tensor_bytes(tensor) or 0) > SMALL:
            tensor.ClearField("raw_data")
            for field in ("float_data", "int32_data", "int64_data", "double_data", "uint64_data"):
                tensor.ClearField(field)


def infer(proto: ModelProto, nodes: Sequence[Node]) -> Walk:
    """Types and shapes of all values, as far as they can be known, and the values of small constants.

    `nodes` are the records of the graph's nodes, sorted.
    """
    bare = skeleton(proto)
    try:
        inferred = infer_shapes(_with_contrib(bare), data_prop=True)
    except Exception:  # a defect of one operator's inference must not lose what the file itself declares
        inferred = bare
    graph = inferred.graph
    infos = {value.name: value for value in graph.value_info}
    infos.update((value.name, value) for value in graph.input)
    infos.update((v.name, v) for v in graph.output if v.type.WhichOneof("value") or v.name not in infos)
    walk = Walk(bare, infos)
    for position, node in enumerate(nodes):
        walk.visit(node)
        if node.nested:
            walk.nested[node.name] = graph.node[position]
    return walk


def _with_contrib(bare: ModelProto) -> ModelProto:
    """The skeleton with ONNX Runtime's own QuantizeLinear and DequantizeLinear described by ONNX's.

    Its quantizer writes them for 16-bit types below opset 21. onnx does not know them, and then nothing behind them has
    a shape.
    """
    used = {node.op_type for node in bare.graph.node if node.domain == _CONTRIB} & _QDQ
    if not used or bare.functions:
        return bare
    described = ModelProto()
    described.CopyFrom(bare)
    described.functions.extend(_as_onnx(op_type) for op_type in sorted(used))
    return described


def _as_onnx(op_type: str) -> FunctionProto:
    names = ["x", "scale", "zero_point"]
    node = make_node(op_type, names, ["y"])
    node.attribute.append(AttributeProto(name="axis", type=AttributeProto.INT, ref_attr_name="axis"))
    return make_function(_CONTRIB, op_type, names, ["y"], [node], [make_opsetid("", 21)], ["axis"])
