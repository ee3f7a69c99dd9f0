"""Cutting a valid model out of a model: whole units, weights by reference, types at the cut from the whole model.

Unlike `onnx.utils.Extractor` this keeps what bodies read from around them, the order of initializers (ONNX Runtime's
optimizer depends on it) and references to external data; and it costs what the slice holds, not what the model holds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import onnx
from attrs import frozen

from zif.errors import InvalidModel, UsageError
from zif.model.units import Unit


@frozen(eq=False)
class Index:
    """Where everything is in a model; built once, used for every slice."""

    units: Mapping[str, int]
    makers: Mapping[str, int]
    readers: Mapping[str, Sequence[int]]
    initializers: Mapping[str, int]
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


def index(graph: onnx.GraphProto, units: Sequence[Unit], initializers: Collection[str]) -> Index:
    """Positions by name."""
    readers: dict[str, list[int]] = {}
    for position, unit in enumerate(units):
        for name in unit.inputs:
            readers.setdefault(name, []).append(position)
    return Index(
        units={unit.id: position for position, unit in enumerate(units)},
        makers={name: position for position, unit in enumerate(units) for name in unit.outputs},
        readers=readers,
        initializers={name: position for position, name in enumerate(initializers)},
        inputs={value.name: position for position, value in enumerate(graph.input)},
        outputs={value.name: position for position, value in enumerate(graph.output)},
    )


@frozen(eq=False)
class Cut:
    """What a slice consists of: unit positions in order, and names at its edges, in the order of the whole model."""

    units: Sequence[int]
    inputs: Sequence[str]
    outputs: Sequence[str]
    initializers: Sequence[str]


def plan(ids: Collection[str], units: Sequence[Unit], where: Index) -> Cut:
    """Which values enter and leave the units named by `ids`. Raises UsageError for an id that there is not."""
    unknown = [name for name in ids if name not in where.units]
    if unknown:
        raise UsageError(f"the model has no unit {unknown[0]!r}.")
    positions = sorted({where.units[name] for name in ids})
    members = frozenset(positions)
    made = {name for position in positions for name in units[position].outputs}
    read = {name for position in positions for name in units[position].inputs}
    weights = {name for position in positions for name in units[position].weights}
    outputs = {n for n in made if n in where.outputs or any(r not in members for r in where.readers.get(n, ()))}
    if not outputs:  # nobody reads anything of it: it is still a model, of what its last unit makes
        outputs = set(units[positions[-1]].outputs) if positions else set()
    weights = {name for name in weights if name in where.initializers}
    return Cut(
        units=positions,
        inputs=_in_order(read - made, where.inputs, where),
        outputs=_in_order(outputs, where.outputs, where),
        initializers=sorted(weights, key=where.initializers.__getitem__),
    )


def _in_order(names: Collection[str], first: Mapping[str, int], where: Index) -> list[str]:
    """Those of the whole model first, in its order, then the others in the order in which they are made."""
    return sorted(names, key=lambda name: (first.get(name, len(first)), where.makers.get(name, -1), name))


def build(
    proto: onnx.ModelProto,
    cut: Cut,
    units: Sequence[Unit],
    where: Index,
    types: Mapping[str, onnx.ValueInfoProto],
    name: str,
) -> onnx.ModelProto:
    """The model of a cut. Raises InvalidModel for a value that it reads whose type is not known.

    What it makes may be without a type: whoever runs it knows.
    """
    part = onnx.ModelProto()
    for field, value in proto.ListFields():
        if field.name in ("opset_import", "metadata_props", "functions", "configuration"):
            getattr(part, field.name).extend(value)
        elif field.name not in ("graph", "training_info"):
            setattr(part, field.name, value)
    graph, source = part.graph, proto.graph
    graph.name = name
    nodes = sorted(node for position in cut.units for node in units[position].nodes)
    graph.node.extend(source.node[node] for node in nodes)
    _add_initializers(graph, source, cut, where)
    graph.input.extend(_typed(value, types, units, where) for value in cut.inputs)
    graph.input.extend(source.input[where.inputs[value]] for value in cut.initializers if value in where.inputs)
    graph.output.extend(types.get(value) or onnx.ValueInfoProto(name=value) for value in cut.outputs)
    edge = {*cut.inputs, *cut.outputs, ""}
    inner = (value for node in graph.node for value in node.output if value not in edge)
    graph.value_info.extend(types[value] for value in inner if value in types)
    _add_annotations(graph, source)
    return part


def _add_initializers(graph: onnx.GraphProto, source: onnx.GraphProto, cut: Cut, where: Index) -> None:
    dense = len(source.initializer)
    positions = [where.initializers[value] for value in cut.initializers]
    graph.initializer.extend(source.initializer[position] for position in positions if position < dense)
    graph.sparse_initializer.extend(
        source.sparse_initializer[position - dense] for position in positions if position >= dense
    )


def _typed(
    value: str, types: Mapping[str, onnx.ValueInfoProto], units: Sequence[Unit], where: Index
) -> onnx.ValueInfoProto:
    info = types.get(value)
    if info is not None and info.type.WhichOneof("value"):
        return info
    maker = where.makers.get(value)
    origin = "an input of the model" if maker is None else f"made by {units[maker].id!r} ({units[maker].op_type})"
    raise InvalidModel(
        f"the model cannot be cut at the value {value!r}, {origin}: its type is not known. Add it to the file's "
        "value_info, name the library that has the operator (--custom-ops), or keep both sides on one backend."
    )


def _add_annotations(graph: onnx.GraphProto, source: onnx.GraphProto) -> None:
    if source.quantization_annotation:
        held = {name for node in graph.node for name in (*node.input, *node.output)}
        graph.quantization_annotation.extend(a for a in source.quantization_annotation if a.tensor_name in held)
