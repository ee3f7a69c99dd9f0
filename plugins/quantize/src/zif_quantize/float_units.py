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
#: Operators that keep a divisor from zero, with a constant.
_KEEPING_UP = frozenset({"Add", "Max", "Clip"})
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
        elif divides_by_root(model, unit):
            kept.add(unit.id)
    return kept


def in_float(model: Model, unit: Unit) -> bool:
    """Whether a unit is not quantized because of what it computes itself."""
    rules = prepared_by(model)
    never = unit.op_type in WITHOUT_FORM | rules.float_operators
    decades = takes_decades(model, unit) or divides_by_root(model, unit)
    return never or (rules.decades_in_float and decades)


def takes_decades(model: Model, unit: Unit) -> bool:
    """Whether what goes in spans decades: before a Log, Sqrt, Reciprocal, or a Div of a constant, which is one."""
    if unit.op_type != "Div":
        return unit.op_type in DECADES
    nodes = [model.proto.graph.node[place] for place in unit.nodes]
    return len(unit.inputs) == 1 and unit.inputs[0] not in {node.input[0] for node in nodes}


def divides_by_root(model: Model, unit: Unit) -> bool:
    """Whether a Div divides by a Sqrt of what is computed, as a normalization in parts does.

    The root spans decades, too: in integers a small one is zero, and a chip's 8-bit Div may be 20 dB off on others.
    """
    if unit.op_type != "Div" or len(unit.nodes) > 1:
        return False
    name = model.proto.graph.node[unit.nodes[0]].input[1]
    while name in model.producers:
        before = model.units[model.producers[name]]
        if before.op_type == "Sqrt":
            return True
        if before.op_type not in MOVES | _KEEPING_UP or len(before.inputs) != 1:
            return False
        name = before.inputs[0]
    return False


def _way_up(model: Model, unit: Unit) -> set[str]:
    """The units that only lead up to this one, back to where something else is computed."""
    units: set[str] = set()
    waiting = [unit]
    while waiting:
        now = waiting.pop()
        for name in now.inputs:
            if name not in model.producers:
                continue
            before = model.units[model.producers[name]]
            only = all(_read_by(model, value) <= {unit.id, *units} for value in before.outputs)
            if before.id in units or not only:
                continue
            if before.op_type in LEADING_UP | MOVING | SOURCES:
                units.add(before.id)
            if before.op_type in LEADING_UP | MOVING:
                waiting.append(before)
    return units


def _read_by(model: Model, name: str) -> set[str]:
    outputs = {info.name for info in model.outputs}
    readers = {model.units[place].id for place in model.consumers.get(name, ())}
    return readers | ({""} if name in outputs else set())
