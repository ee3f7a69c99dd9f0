"""Units that depend on no input, computed before compiling: QNN wants weights and shapes to be constants."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zif import Model, Unit
    from zif.records import Array

#: What is not constant although it reads nothing.
_CHANCE = frozenset({"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli"})
_CHANCE |= {"Multinomial", "Dropout"}
#: The reference computes quantization from this opset on. These operators mean the same in every version before it.
_QUANTIZES_FROM = 21
_SAME = frozenset({"QuantizeLinear", "DequantizeLinear", "Identity", "Transpose", "Reshape", "Flatten", "Cast"})
#: Bytes of one folded value; what is larger stays a node.
LIMIT = 1 << 29


def fold(model: Model) -> tuple[dict[str, Array], frozenset[str]]:
    """The values that depend on no input, by name, and the ids of the units that make them."""
    known: dict[str, Array] = {}
    folded: set[str] = set()
    for unit in _constant(model):
        if all(name in known for name in unit.inputs):
            made = _compute(model, unit, known)
            if made is not None:
                known.update(made)
                folded.add(unit.id)
    return known, frozenset(folded)


def _constant(model: Model) -> list[Unit]:
    """The units that read nothing that is given at run time.

    A DequantizeLinear by itself stays, unless all that read it are folded: to the compiler it is a weight in integers.
    """
    made: set[str] = set()
    found: list[Unit] = []
    for unit in model.units:
        if made.issuperset(unit.inputs) and _foldable(model, unit):
            made.update(unit.outputs)
            found.append(unit)
    needed = _read_at_run_time(model, {unit.id for unit in found})
    return [unit for unit in found if unit.op_type != "DequantizeLinear" or needed.isdisjoint(unit.outputs)]


def _read_at_run_time(model: Model, found: Collection[str]) -> set[str]:
    read = {name for unit in model.units if unit.id not in found for name in unit.inputs}
    return read.union(value.name for value in model.outputs)


def _foldable(model: Model, unit: Unit) -> bool:
    optional = {value.name for value in model.optional_inputs}
    sizes = (model.tensors[name].nbytes for name in unit.outputs)
    small = all(size is not None and size <= LIMIT for size in sizes)
    return unit.op_type not in _CHANCE and optional.isdisjoint(unit.weights) and small


def _compute(model: Model, unit: Unit, known: dict[str, Array]) -> dict[str, Array] | None:
    """The unit's values by ONNX's reference implementation; None where that does not know the operator."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator
    from zif import InvalidModel

    nodes = [model.proto.graph.node[index] for index in sorted(unit.nodes)]
    names = [*unit.inputs, *unit.weights]
    try:
        feeds = {name: known[name] if name in known else model.array(name) for name in names}
        inputs = [helper.make_tensor_value_info(name, 0, None) for name in names]
        outputs = [helper.make_tensor_value_info(name, 0, None) for name in unit.outputs]
        graph = helper.make_graph(nodes, "fold", inputs, outputs)
        versions = dict(model.opsets)
        if _SAME.issuperset(node.op_type for node in nodes):
            versions[""] = max(versions.get("", 1), _QUANTIZES_FROM)
        opsets = [helper.make_opsetid(domain, version) for domain, version in versions.items()]
        values = ReferenceEvaluator(helper.make_model(graph, opset_imports=opsets)).run(None, feeds)
    except InvalidModel:  # a weight that is not at hand
        return None
    except Exception:  # the reference has a gap here: then it is a node like any other
        return None
    return dict(zip(unit.outputs, values, strict=True))
