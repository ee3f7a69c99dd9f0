"""Units that stay in float whatever the recipe: integers of one scale cannot hold what they compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zif.plugin import MOVES

from zif_quantize.rules import prepared_by

if TYPE_CHECKING:
    from zif import Model, Unit

#: Operators without a quantized form, or with a graph of their own inside.
WITHOUT_FORM = frozenset({"LSTM", "GRU", "RNN", "If", "Loop", "Scan", "NonMaxSuppression", "Cast"})
#: Operators that turn small numbers into large differences: what goes in spans decades.
DECADES = frozenset({"Log", "Sqrt", "Reciprocal"})
#: Operators that make and pass on what spans decades: energies, variances and what keeps them from zero.
LEADING_UP = frozenset(
    {"Add", "Sub", "Mul", "Pow", "Max", "Min", "Clip", "Relu", "ReduceSum", "ReduceMean", "Abs", "Neg"}
)
#: Operators that hand on what spans decades, joined with others (Concat) or with a number beside it (Pad).
MOVING = MOVES | {"Concat", "Pad"}
#: Operators that the way ends with: a spectrum is a sum of products, and its small bins are what the Log is about; what
#: an Exp makes spans decades, what it takes does not.
SOURCES = frozenset({"Conv", "MatMul", "Gemm", "Exp"})


def kept_float(model: Model) -> set[str]:
    """The ids of units that are not quantized: those without a form, and those that the rules leave in float."""
    rules = prepared_by(model)
    kept = {unit.id for unit in model.units if unit.op_type in WITHOUT_FORM | rules.float_operators}
    for unit in model.units if rules.decades_in_float else ():
        if takes_decades(model, unit):
            kept.add(unit.id)
            kept |= _way_up(model, unit)
    return kept


def in_float(model: Model, unit: Unit) -> bool:
    """Whether a unit is not quantized because of what it computes itself."""
    rules = prepared_by(model)
    never = unit.op_type in WITHOUT_FORM | rules.float_operators
    return never or (rules.decades_in_float and takes_decades(model, unit))


def takes_decades(model: Model, unit: Unit) -> bool:
    """Whether what goes in spans decades: before a Log, Sqrt, Reciprocal, or a Div of a constant, which is one."""
    if unit.op_type != "Div":
        return unit.op_type in DECADES
    nodes = [model.proto.graph.node[place] for place in unit.nodes]
    return len(unit.inputs) == 1 and unit.inputs[0] not in {node.input[0] for node in nodes}


def _way_up(model: Model, unit: Unit) -> set[str]:
    """The units that only lead up to this one, back to where something else is computed."""
    found: set[str] = set()
    waiting = [unit]
    while waiting:
        now = waiting.pop()
        for name in now.inputs:
            if name not in model.producers:
                continue
            before = model.units[model.producers[name]]
            only = all(_read_by(model, value) <= {unit.id, *found} for value in before.outputs)
            if before.id in found or not only:
                continue
            if before.op_type in LEADING_UP | MOVING | SOURCES:
                found.add(before.id)
            if before.op_type in LEADING_UP | MOVING:
                waiting.append(before)
    return found


def _read_by(model: Model, name: str) -> set[str]:
    outputs = {info.name for info in model.outputs}
    readers = {model.units[place].id for place in model.consumers.get(name, ())}
    return readers | ({""} if name in outputs else set())
