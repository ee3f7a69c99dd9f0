"""Units that depend on no input, computed before compiling: QNN wants weights and shapes to be constants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import NodeProto
    from zif import Model, Unit
    from zif.records import Array

#: What stays a part of the graph: quantization means something to the compiler, and chance is not constant.
_KEPT = frozenset({"QuantizeLinear", "DequantizeLinear", "RandomNormal", "RandomUniform", "Bernoulli", "Multinomial"})
_KEPT_LIKE = frozenset({"RandomNormalLike", "RandomUniformLike", "Dropout"})
#: Bytes of one folded value; what is larger stays a node.
LIMIT = 1 << 29


def fold(model: Model) -> tuple[dict[str, Array], frozenset[str]]:
    """The values that depend on no input, by name, and the ids of the units that make them."""
    known: dict[str, Array] = {}
    folded: set[str] = set()
    for unit in model.units:
        if _foldable(model, unit, known):
            made = _compute(model, unit, known)
            if made is not None:
                known.update(made)
                folded.add(unit.id)
    return known, frozenset(folded)


def _foldable(model: Model, unit: Unit, known: Iterable[str]) -> bool:
    if len(unit.nodes) > 1 or unit.op_type in _KEPT | _KEPT_LIKE or not all(name in known for name in unit.inputs):
        return False
    optional = {value.name for value in model.optional_inputs}
    sizes = (model.tensors[name].nbytes for name in unit.outputs)
    return optional.isdisjoint(unit.weights) and all(size is not None and size <= LIMIT for size in sizes)


def _compute(model: Model, unit: Unit, known: dict[str, Array]) -> dict[str, Array] | None:
    """The unit's values by ONNX's reference implementation; None where that does not know the operator."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator
    from zif import InvalidModel

    node: NodeProto = model.proto.graph.node[unit.nodes[0]]
    names = [*unit.inputs, *unit.weights]
    try:
        feeds = {name: known[name] if name in known else model.array(name) for name in names}
        inputs = [helper.make_tensor_value_info(name, 0, None) for name in names]
        outputs = [helper.make_tensor_value_info(name, 0, None) for name in unit.outputs]
        graph = helper.make_graph([node], "fold", inputs, outputs)
        opsets = [helper.make_opsetid(domain, version) for domain, version in model.opsets.items()]
        values = ReferenceEvaluator(helper.make_model(graph, opset_imports=opsets)).run(None, feeds)
    except InvalidModel:  # a weight that is not at hand
        return None
    except Exception:  # the reference has a gap here: then it is a node like any other
        return None
    return dict(zip(unit.outputs, values, strict=True))
