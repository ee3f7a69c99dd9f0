"""A model in the form that QNN is asked about and compiles: constants folded, shapes written out, weights at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
from attrs import frozen
from onnx import TensorProto, numpy_helper
from zif.plugin import bodies, free_name, unshare

from zif_qnn_runtime.failures import original_name
from zif_qnn_runtime.folding import fold
from zif_qnn_runtime.moved import close

if TYPE_CHECKING:
    from zif import Model, TensorInfo, Unit
    from zif.plugin import Array

#: Above this a serialized protobuf message may not be: weights then stay in their files.
MAX_INLINE = 1 << 30

#: Changes a graph before the compiler sees it, as one backend needs it; gives the unit of every new node, by its name.
Rewrite = Callable[[onnx.GraphProto, "Model"], Mapping[str, str]]


@frozen(eq=False)
class QnnGraph:
    """What goes to the compiler. `data` is the serialized model, `weights` the folder of its external data, if any.

    inputs are those that the graph itself reads.
    known: values of units that do not depend on any input, by name; folded: those units' ids. owners: node name → the
    id and operator of the unit that it belongs to. notes: what was assumed.
    """

    data: bytes
    weights: Path | None
    inputs: tuple[str, ...]
    known: Mapping[str, Array]
    folded: frozenset[str]
    owners: Mapping[str, tuple[str, str]]
    notes: tuple[str, ...] = ()


def build(model: Model, *, invent_weights: bool = False, rewrite: Rewrite | None = None) -> QnnGraph:
    """The compiler's form of a model. Outputs that are constant are left out of it and stand in `known`.

    rewrite is what one backend needs besides. invent_weights puts zeros in the place of weights whose file is missing:
    enough to ask, not to compile.
    Raises InvalidModel naming the file of a weight that is missing otherwise.
    """
    known, folded = fold(model)
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    graph = proto.graph
    _remove_folded(graph, model, known, folded)
    _drop_dropout(graph, model)
    _keep_read_inputs(graph, model)
    _write_shapes(graph, model)
    kinds = {unit.id: unit.op_type for unit in model.units}
    added = {node: (unit, kinds[unit]) for node, unit in (rewrite(graph, model) if rewrite else {}).items()}
    own = owners(model) | added
    own |= {node: own[moved] for node, moved in close(graph, model, own).items()}
    _name_left_out(graph)
    _import_domains(proto)
    weights, notes = _bring_weights(graph, model, invent_weights, unshare(graph))
    inputs = tuple(value.name for value in graph.input)
    renamed = _tell_apart(graph)
    whose = {renamed.get(node, node): unit for node, unit in own.items()}
    return QnnGraph(proto.SerializeToString(), weights, inputs, known, folded, whose, notes)


def owners(model: Model) -> dict[str, tuple[str, str]]:
    """The unit of every node, by the node's name."""
    nodes = model.proto.graph.node
    return {nodes[index].name: (unit.id, unit.op_type) for unit in model.units for index in unit.nodes}


def _tell_apart(graph: onnx.GraphProto) -> dict[str, str]:
    """Rename nodes that are called as the layout transformation would call its copies; the new names by the old.

    A model that ONNX Runtime optimized and saved has such names.
    """
    taken = {node.name for node in graph.node}
    renamed: dict[str, str] = {}
    for node in graph.node:
        if original_name(node.name) != node.name:
            new = f"{node.name}_"
            while new in taken:
                new += "_"
            taken.add(new)
            renamed[node.name] = node.name = new
    return renamed


def open_shape(model: Model, unit: Unit) -> TensorInfo | None:
    """A value of the unit whose dimensions are not all known, or None."""
    values = (model.tensors[name] for name in (*unit.inputs, *unit.outputs))
    return next((value for value in values if not value.static), None)


def _remove_folded(graph: onnx.GraphProto, model: Model, known: Mapping[str, Array], folded: frozenset[str]) -> None:
    if not folded:
        return
    gone = {index for unit in model.units if unit.id in folded for index in unit.nodes}
    kept = [node for index, node in enumerate(graph.node) if index not in gone]
    del graph.node[:]
    graph.node.extend(kept)
    read = {name for node in kept for name in _reads(node)}
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in known.items() if name in read)
    outputs = [value for value in graph.output if value.name not in known]
    del graph.output[:]
    graph.output.extend(outputs)


def _reads(node: onnx.NodeProto) -> list[str]:
    """What a node reads, its bodies included (a name that is local to a body does no harm)."""
    return [*node.input, *(name for body in bodies(node) for inner in body.node for name in _reads(inner))]


def _drop_dropout(graph: onnx.GraphProto, model: Model) -> None:
    """Dropout hands its input on when nobody trains; QNN has no operator for it."""
    read = {name for node in graph.node for name in _reads(node)} | {value.name for value in graph.output}
    for node in graph.node:
        if node.op_type != "Dropout" or node.domain or any(name in read for name in node.output[1:]):
            continue
        mode = node.input[2] if len(node.input) > 2 else ""
        if not mode or (mode in model.initializers and not model.array(mode)):
            node.op_type = "Identity"
            del node.input[1:], node.output[1:], node.attribute[:]


def _keep_read_inputs(graph: onnx.GraphProto, model: Model) -> None:
    """An input with a default is a constant to the compiler, and one that nobody reads is no input."""
    read = {name for node in graph.node for name in _reads(node)} | {value.name for value in graph.output}
    fed = read.intersection(value.name for value in model.inputs)
    kept = [value for value in graph.input if value.name in fed]
    del graph.input[:]
    graph.input.extend(kept)


def _write_shapes(graph: onnx.GraphProto, model: Model) -> None:
    """What the model knows of its values, where ONNX Runtime might not find out by itself."""
    from onnx.helper import make_tensor_value_info, np_dtype_to_tensor_dtype
    from zif.plugin import numpy_dtype

    written = {value.name for value in (*graph.value_info, *graph.input, *graph.output)}
    made = (name for node in graph.node for name in node.output if name and name not in written)
    for name in made:
        info = model.tensors.get(name)
        if info is not None and info.dtype and info.static:
            kind = TensorProto.STRING if info.dtype == "string" else np_dtype_to_tensor_dtype(numpy_dtype(info.dtype))
            graph.value_info.append(make_tensor_value_info(name, kind, info.shape))


def _import_domains(proto: onnx.ModelProto) -> None:
    """A domain that only a rewrite's nodes are of."""
    known = {opset.domain for opset in proto.opset_import}
    for domain in {node.domain for node in proto.graph.node if node.domain} - known:
        proto.opset_import.add(domain=domain, version=1)


def _name_left_out(graph: onnx.GraphProto) -> None:
    """Give a name to an output that is left out before one that is not.

    The provider looks for who reads the first one, and ends the process where that is not there and a Tanh reads
    another, as behind a GRU of which only the last state is wanted.
    """
    taken = {name for node in graph.node for name in node.output}
    for node in graph.node:
        for place in range(len(node.output) - 1):
            if not node.output[place]:
                node.output[place] = free_name(f"{node.name}_left_out", taken)
                taken.add(node.output[place])


def _bring_weights(
    graph: onnx.GraphProto, model: Model, invent: bool, copies: Mapping[str, str]
) -> tuple[Path | None, tuple[str, ...]]:
    """External weights: in the model where they fit, else in their folder; zeros where they are missing.

    copies: the model's name of every initializer that has another one here.
    """
    own = {tensor.name: copies.get(tensor.name, tensor.name) for tensor in graph.initializer}
    outside = [tensor for tensor in graph.initializer if tensor.data_location == TensorProto.EXTERNAL]
    if not outside:
        return None, ()
    from zif import InvalidModel

    try:
        model.check_external()
    except InvalidModel as missing:
        if not invent:
            raise
        _zero(outside, model, own)
        return None, (f"asked with zeros in the place of missing weights: {missing}",)
    size = sum(model.initializers[own[tensor.name]].nbytes or 0 for tensor in outside)
    if size > MAX_INLINE:
        return model.base_dir, ()
    for tensor in outside:
        tensor.CopyFrom(numpy_helper.from_array(model.array(own[tensor.name]), tensor.name))
    return None, ()


def _zero(tensors: list[TensorProto], model: Model, own: Mapping[str, str]) -> None:
    for tensor in tensors:
        tensor.ClearField("data_location")
        del tensor.external_data[:]
        tensor.raw_data = bytes(model.initializers[own[tensor.name]].nbytes or 0)
