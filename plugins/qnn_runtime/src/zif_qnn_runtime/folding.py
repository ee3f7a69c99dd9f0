"""Units that depend on no input, computed before compiling: QNN wants weights and shapes to be constants."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from onnx import NodeProto
    from zif import Model, Unit
    from zif.plugin import Array

#: What is not constant although it reads nothing.
_CHANCE = frozenset({"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli"})
_CHANCE |= {"Multinomial", "Dropout"}
#: The reference computes these from this opset on; they mean the same in every version before it.
_QUANTIZES_FROM = 21
_QUANTIZATION = frozenset({"QuantizeLinear", "DequantizeLinear"})
#: Bytes of one folded value; what is larger stays a node.
LIMIT = 1 << 29


#: What was computed last, as long as its model lives: a question and its answer need the same values, and a model whose
#: weights are computed (ConstantOfShape) has as many of them as it has weights.
_last: WeakKeyDictionary[Model, tuple[dict[str, Array], frozenset[str]]] = WeakKeyDictionary()


def fold(model: Model) -> tuple[dict[str, Array], frozenset[str]]:
    """The values that depend on no input, by name, and the ids of the units that make them. Read them only."""
    folded = _last.get(model)
    if folded is None:
        folded = _folded(model)
        _last.clear()
        _last[model] = folded
    return folded


def _folded(model: Model) -> tuple[dict[str, Array], frozenset[str]]:
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
    units: list[Unit] = []
    for unit in model.units:
        if made.issuperset(unit.inputs) and _foldable(model, unit):
            made.update(unit.outputs)
            units.append(unit)
    needed = _read_at_run_time(model, {unit.id for unit in units})
    return [unit for unit in units if unit.op_type != "DequantizeLinear" or needed.isdisjoint(unit.outputs)]


def _read_at_run_time(model: Model, names: Collection[str]) -> set[str]:
    read = {name for unit in model.units if unit.id not in names for name in unit.inputs}
    return read.union(value.name for value in model.outputs)


def _foldable(model: Model, unit: Unit) -> bool:
    optional = {value.name for value in model.optional_inputs}
    sizes = (model.tensors[name].nbytes for name in unit.outputs)
    small = all(size is not None and size <= LIMIT for size in sizes)
    return unit.op_type not in _CHANCE and optional.isdisjoint(unit.weights) and small


def _compute(model: Model, unit: Unit, known: Mapping[str, Array]) -> dict[str, Array] | None:
    """The unit's values by ONNX's reference implementation; None where that does not know an operator."""
    from zif import InvalidModel

    try:
        values = {name: known[name] if name in known else model.array(name) for name in (*unit.inputs, *unit.weights)}
        for index in sorted(unit.nodes):
            values.update(_evaluate(model.proto.graph.node[index], model.opsets, values))
    except InvalidModel:  # a weight that is not at hand
        return None
    except Exception:  # the reference has a gap here: then it is a node like any other
        return None
    return {name: values[name] for name in unit.outputs}


def _evaluate(node: NodeProto, opsets: Mapping[str, int], values: Mapping[str, Array]) -> dict[str, Array]:
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    versions = dict(opsets)
    if node.op_type in _QUANTIZATION:
        versions[""] = max(versions.get("", 1), _QUANTIZES_FROM)
    made = [name for name in node.output if name]
    # What a body of the node reads of the graph around it counts as an input, too.
    ends = [[helper.make_tensor_value_info(name, 0, None) for name in names] for names in (values, made)]
    imports = [helper.make_opsetid(domain, version) for domain, version in versions.items()]
    model = helper.make_model(helper.make_graph([node], "fold", *ends), opset_imports=imports)
    return dict(zip(made, ReferenceEvaluator(model).run(None, dict(values)), strict=True))
