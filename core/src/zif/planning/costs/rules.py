"""What a unit counts for, by the kind of its operator, when it does not ride on a neighbour."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from attrs import define

from zif.planning.costs.shapes import LOCAL, Shape, channels, count, sizes, tiles, up

if TYPE_CHECKING:
    from zif.model import Unit

Counts = dict[str, float]


@define(eq=False, repr=False)
class Facts:
    """What a rule may look at. Shapes are those of the values that are computed at run time; numbers are in millions.

    into, out: padded elements of inputs and outputs. copied: of those inputs that do not come straight from a
    convolution made for this unit alone. weights: elements that are known before the first run; `kernel` the shape of
    the first of them.
    """

    unit: Unit
    kind: str
    inputs: Sequence[Shape]
    outputs: Sequence[Shape]
    into: float
    out: float
    copied: float
    weights: float
    kernel: Shape


def counts(facts: Facts) -> Counts:
    """The counts of one unit by the names of `zif.planning.costs.kinds.FEATURES`."""
    rule = _RULES.get(facts.kind)
    if rule is not None:
        return rule(facts)
    return {"op": 1.0, facts.kind: facts.out, "weights": facts.weights}


def _conv(f: Facts) -> Counts:
    kernel, shape = f.kernel or (f.inputs[1] if len(f.inputs) > 1 else ()), f.inputs[0]
    output = f.outputs[0] if f.outputs else ()
    if len(kernel) < 3 or len(shape) < 3 or len(output) < 3:
        return _product(f)
    backwards = f.unit.op_type == "ConvTranspose"
    if backwards:
        groups, made = max(1, count(output[1]) // count(kernel[1])), count(output[1])
        per_group = max(1, count(shape[1]) // groups)
    else:
        made, per_group = count(kernel[0]), count(kernel[1])
        groups = max(1, count(shape[1]) // per_group)
    area, places = math.prod(map(count, kernel[2:])), tiles(shape if backwards else output)
    if groups > 1 and per_group == 1:
        name = "depthwise" if area <= 9 else "depthwise_large"
        work: Counts = {name: places * up(made) * area / 1e6, "elementwise": (f.into + f.out) / 2}
    else:
        padded = places * area * channels(per_group, made, groups) / 1e9
        work = {"conv": padded, "traffic": f.into + f.out, "spill": _spill(f)}
        if len(kernel) == 5:
            work["conv3d"] = padded
    return {"op": 1.0, "weights": f.weights, **work}


def _spill(f: Facts) -> float:
    return max(0.0, f.into + f.out - LOCAL)


def _product(f: Facts) -> Counts:
    gmacs = f.unit.macs / 1e9
    if len(f.inputs) > 1:
        return _batch(f)
    inner = count(f.inputs[0][-1]) if f.inputs[0] else 1
    columns = count(f.outputs[0][-1]) if f.outputs and f.outputs[0] else 1
    padded = gmacs * up(inner) / inner * up(columns) / columns
    return {"op": 1.0, "conv": padded, "weights": f.weights, "traffic": f.into + f.out}


def _batch(f: Facts) -> Counts:
    """A product of two activations, matrix by matrix; the second factor is loaded as weights are."""
    first, second = f.inputs[0], f.inputs[1]
    operand = sizes(second)[1]
    inner = count(first[-1]) if first else 1
    columns = count(second[-1]) if second else 1
    padded = f.unit.macs / 1e9 * up(inner) / inner * up(columns) / columns
    matrices = math.prod(map(count, (f.outputs[0] if f.outputs else ())[:-2]))
    moved = f.into - operand + f.out
    return {
        **{"op": 1.0, "attention": padded, "attention_traffic": moved, "operand": operand, "weights": f.weights},
        **{"products": matrices / 1e3, "spill": _spill(f)},
    }


def _attention(f: Facts) -> Counts:
    """A fused attention is its two products and the softmax between them; the scores count as moved twice."""
    query, key = f.inputs[0], f.inputs[min(1, len(f.inputs) - 1)]
    scores = sizes(query[:-1])[0] * count(key[-2]) if len(query) > 1 and len(key) > 1 else f.out
    moved = f.into + f.out + 2 * scores
    return {"op": 3.0, "attention": f.unit.macs / 1e9, "attention_traffic": moved, "softmax": scores}


def _recurrent(f: Facts) -> Counts:
    """Every step waits for the one before: its gates are some small operators each."""
    steps = count(f.inputs[0][0]) if f.inputs[0] else 1
    gates = {"transcendental": 5 * f.out, "elementwise": 4 * f.out}
    return {"op": 4.0 * steps, "conv": f.unit.macs / 1e9, "weights": f.weights * steps, **gates}


def _elementwise(f: Facts) -> Counts:
    return {"op": 1.0, "elementwise": (f.into + f.out) / 2, "weights": f.weights}


def _both(f: Facts) -> Counts:
    return {"op": 1.0, f.kind: f.into + f.out}


def _reduce(f: Facts) -> Counts:
    return {"op": 1.0, "reduce": f.into}


def _reshape(f: Facts) -> Counts:
    return {"reshape": f.out}


def _slice(f: Facts) -> Counts:
    """A table that is gathered from is not read as a whole: what comes out counts."""
    return {"op": 1.0, "slice": f.out}


def _concat(f: Facts) -> Counts:
    """What a convolution just made for this alone is written in place; the rest is copied."""
    return {"op": 1.0, "concat": f.copied}


_RULES: Final[Mapping[str, Callable[[Facts], Counts]]] = {
    **{"conv": _conv, "product": _product, "attention": _attention, "recurrent": _recurrent},
    **{"elementwise": _elementwise, "pool": _both, "average_pool": _both, "reduce": _reduce, "reshape": _reshape},
    **{"slice": _slice, "concat": _concat},
}
