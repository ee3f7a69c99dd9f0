"""Operators that QNN 2.51 gets wrong where no node test looks, written so that it gets them right.

Seen on the emulator by feeding every finite number that fp16 has (`tests/qnn_htp/test_every_half.py`): Exp and Softplus
of less than -88 give -131008, Atan beyond 32768 too; (-0.0)² is -4; what a power makes smaller than 2**-127 is -131008.
What is divided by more than 16384, as samples of 16 bits are, gives 0, and of 1e-7 as a factor three digits are wrong.
In fp16 the exponential of -20 is 0 already, so a floor there changes no result. And before opset 11, where the bounds
of Clip are attributes, they are ignored. What cannot be helped so is named as wild.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import onnx
from attrs import field, frozen
from onnx import TensorProto, helper, numpy_helper
from zif.plugin import attributes

if TYPE_CHECKING:
    from zif import Model

#: exp(-20) is 2e-9; half of the least that fp16 can hold is 3e-8.
FLOOR = -20.0
#: atan(16384) is what fp16 has for π/2.
FAR = 16384.0
#: From here on the power of what fp16 holds leaves what fp32 holds.
_STEEP = 6.0
#: Doublings from 1 to below the least that fp16 can hold, with some to spare.
_DOUBLINGS = 30.0
#: Beyond it the reciprocal, by which the HTP multiplies, is below what fp16 holds in full precision: 0.
DIVISOR = 16384.0
#: The least number that fp16 holds in full precision.
NORMAL = 2.0**-14
#: Constants up to this many elements are looked into.
LOOK = 1 << 16
KINDS = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "bfloat16": TensorProto.BFLOAT16}
_FLOATS = frozenset(KINDS)
#: The first opset in which bounds and sizes are inputs; before it the provider overlooks some.
_INPUTS = 11
_OVERLOOKED = {"Clip": "before opset 11 its bounds are ignored", "Resize": "before opset 11 its coordinates are others"}
#: Operators that no rewriting helps in a quantized group.
_GROUPS = {
    "CumSum": "sums of quantized values were off by up to 21 steps: they leave the range of the output on the way",
    "BatchNormalization": "quantized, it was at 2 dB: it has one scale for all channels; fold it, or make a Conv of it",
}
_WILD = {
    "LogSoftmax": "it was off by up to 90 in a row that holds values 100 to 1000 below its largest",
    "ReduceLogSumExp": "it overflows on values above 11: the largest is not taken out first",
}


@frozen
class Tamed:
    """The unit of every node that was added, by the node's name; and why a unit could not be helped, by its id."""

    added: dict[str, str] = field(factory=dict)
    wild: dict[str, str] = field(factory=dict)


def tame(graph: onnx.GraphProto, model: Model) -> Tamed:
    """Rewrite the nodes in place. Quantized groups stay as they are: they are computed in whole numbers."""
    done = Tamed(wild=_overlooked(model))
    owners = {model.proto.graph.node[unit.nodes[0]].name: unit for unit in model.units if len(unit.nodes) == 1}
    for node in list(graph.node):
        unit = owners.get(node.name)
        dtype = model.tensors[node.output[0]].dtype if unit and node.output[0] in model.tensors else ""
        if unit is None or node.domain or dtype not in _FLOATS:
            continue
        if node.op_type in _WILD:
            done.wild[unit.id] = f"{node.op_type}: {_WILD[node.op_type]}"
        elif node.op_type in _TAMERS:
            shape = model.tensors[node.output[0]].shape
            alike = tuple(name in model.tensors and model.tensors[name].shape == shape for name in node.input)
            tamer = _Tamer(graph, node, dtype, shape == (), model.opsets.get("", 1), alike)
            problem = _TAMERS[node.op_type](tamer)
            done.added.update(dict.fromkeys(tamer.added, unit.id))
            if problem:
                done.wild[unit.id] = f"{node.op_type}: {problem}"
    return done


def _overlooked(model: Model) -> dict[str, str]:
    """Units that cannot be rewritten: a resize and a bound within a quantized group of old versions, sums in 8 bits."""
    kinds = {unit.id: {model.proto.graph.node[index].op_type for index in unit.nodes} for unit in model.units}
    grouped = [unit for unit in model.units if len(unit.nodes) > 1]
    overlooked = {
        unit.id: f"{kind}: {_GROUPS[kind]}" for unit in grouped for kind in sorted(kinds[unit.id] & _GROUPS.keys())
    }
    if model.opsets.get("", _INPUTS) >= _INPUTS:
        return overlooked
    return overlooked | {
        unit.id: f"{kind}: {_OVERLOOKED[kind]}; raise the model's opset"
        for unit in model.units
        for kind in sorted(kinds[unit.id] & _OVERLOOKED.keys())
        if kind == "Resize" or len(unit.nodes) > 1
    }


@frozen(eq=False)
class _Tamer:
    """One node, and what can be put before its inputs. alike: whether each has the shape of the output."""

    graph: onnx.GraphProto
    node: onnx.NodeProto
    dtype: str
    scalar: bool
    opset: int
    alike: tuple[bool, ...] = ()
    added: list[str] = field(factory=list)

    def constant(self, place: int) -> float | None:
        """The one number that an input is everywhere, or None."""
        name = self.node.input[place]
        for tensor in self.graph.initializer:
            if tensor.name == name and tensor.data_location != TensorProto.EXTERNAL:
                values = numpy_helper.to_array(tensor).astype(np.float64).reshape(-1)
                return float(values[0]) if values.size and (values == values[0]).all() else None
        return None

    def become(self, op_type: str, *inputs: str) -> None:
        """Make the node another operator without attributes."""
        self.node.op_type = op_type
        del self.node.input[:], self.node.attribute[:]
        self.node.input.extend(inputs)

    def limit(self, place: int, low: float | None = None, high: float | None = None) -> None:
        """Keep an input within bounds."""
        for op_type, bound in (("Max", low), ("Min", high)):
            if bound is not None:
                self.before(place, op_type, self.number(bound))

    def before(self, place: int, op_type: str, *others: str) -> None:
        """Put a node before an input: of that input, and others."""
        self.node.input[place] = self.made(op_type, self.node.input[place], *others)

    def made(self, op_type: str, *inputs: str) -> str:
        """Put a node before the node; what it gives."""
        made = helper.make_node(op_type, list(inputs), [])
        made.name = f"{self.node.name}_tamed{len(self.added)}"
        made.output.append(f"{made.name}_value")
        self.graph.node.insert(next(i for i, node in enumerate(self.graph.node) if node.name == self.node.name), made)
        self.added.append(made.name)
        return f"{made.name}_value"

    def halve(self, place: int, most: float) -> bool:
        """Apply the node twice where a constant holds numbers of which fp16 loses digits, each time by half of these.

        Half is meant of the powers of two: 2^15 becomes 2^8 and 2^7. most: beyond it a number is too large.
        """
        tensor = next((known for known in self.graph.initializer if known.name == self.node.input[place]), None)
        if tensor is None or tensor.data_location == TensorProto.EXTERNAL or math.prod(tensor.dims) > LOOK:
            return False
        values = numpy_helper.to_array(tensor).astype(np.float64)
        size = np.abs(values)
        odd = (size > most) | ((size > 0) & (size < NORMAL))
        if not odd.any() or not np.isfinite(values).all():
            return False
        first = np.where(odd, 2.0 ** np.round(np.log2(np.where(odd, size, 1.0)) / 2), 1.0)
        self.before(1 - place, self.node.op_type, self.array(first))
        self.node.input[place] = self.array(values / first)
        return True

    def array(self, values: np.ndarray) -> str:
        """A constant of these values."""
        name = f"{self.node.name}_tamed_{len(self.graph.initializer)}"
        self.graph.initializer.append(helper.make_tensor(name, KINDS[self.dtype], values.shape, values.reshape(-1)))
        return name

    def number(self, value: float) -> str:
        """A constant that goes with any shape that has a dimension."""
        return self.array(np.full(() if self.scalar else (1,), value))


def _divided(tamer: _Tamer) -> str:
    """By what has no reciprocal in fp16, in two steps; those that are computed are in `divisors`."""
    tamer.halve(1, DIVISOR)
    return ""


def _multiplied(tamer: _Tamer) -> str:
    """By what fp16 holds with few digits or none, in two steps."""
    if not tamer.halve(1, math.inf):
        tamer.halve(0, math.inf)
    return ""


def _added(tamer: _Tamer) -> str:
    """Nothing: from five dimensions on the sum with a constant of zeros was never written."""
    for place in (1, 0) if tamer.node.op_type == "Add" else (1,):
        if tamer.constant(place) == 0 and tamer.alike[1 - place]:
            tamer.become("Identity", tamer.node.input[1 - place])
            break
    return ""


def _floored(tamer: _Tamer) -> str:
    tamer.limit(0, low=FLOOR)
    return ""


def _soft(tamer: _Tamer) -> str:
    """log(1 + exp(x)) is max(x, 0) - log(sigmoid(|x|)): QNN's own is at 37 to 48 dB where 65 to 72 are right."""
    source = tamer.node.input[0]
    tamer.become("Sub", tamer.made("Relu", source), tamer.made("Log", tamer.made("Sigmoid", tamer.made("Abs", source))))
    return ""


def _mish(tamer: _Tamer) -> str:
    """x · tanh(softplus(x)), with that softplus."""
    source = tamer.node.input[0]
    soft = tamer.made(
        "Sub", tamer.made("Relu", source), tamer.made("Log", tamer.made("Sigmoid", tamer.made("Abs", source)))
    )
    tamer.become("Mul", source, tamer.made("Tanh", soft))
    return ""


def _near(tamer: _Tamer) -> str:
    tamer.limit(0, -FAR, FAR)
    return ""


def _bounded(tamer: _Tamer) -> str:
    """Bounds that are attributes, as a maximum and a minimum."""
    if tamer.opset >= _INPUTS:
        return ""
    bounds = attributes(tamer.node)
    if "min" in bounds:
        tamer.before(0, "Max", tamer.number(bounds["min"]))
    if "max" in bounds:
        tamer.become("Min", tamer.node.input[0], tamer.number(bounds["max"]))
    else:
        tamer.become("Identity", tamer.node.input[0])
    return ""


def _power(tamer: _Tamer) -> str:
    """Empty, or why this power cannot be helped."""
    base, exponent = tamer.constant(0), tamer.constant(1)
    if exponent is not None:
        return _constant_exponent(tamer, exponent)
    if base is not None and base > 0:
        if base != 1:
            edge = _DOUBLINGS / math.log2(base)
            tamer.limit(1, *((-edge, None) if base > 1 else (None, -edge)))
        return ""
    return "a power with an exponent that is not known before was wrong where the base is -0.0 or 0"


def _constant_exponent(tamer: _Tamer, exponent: float) -> str:
    source = tamer.node.input[0]
    if exponent == 2:
        tamer.become("Mul", source, source)
    elif exponent == 0.5:
        tamer.become("Sqrt", source)
    elif exponent == 1:
        tamer.become("Identity", source)
    elif exponent == 0:
        return "0 to the power of 0 was 0"
    elif exponent % 2 == 1:  # an odd power keeps the sign, and is right for -0.0
        return "" if -_STEEP <= exponent < _STEEP else "so steep a power underflows into nonsense"
    elif exponent > 0:
        tamer.before(0, "Abs")
        if exponent >= _STEEP:
            tamer.limit(0, low=2.0 ** (-_DOUBLINGS / exponent))
    elif exponent < -_STEEP:
        return "so steep a power underflows into nonsense"
    return ""


_TAMERS: Mapping[str, Callable[[_Tamer], str]] = {
    **{
        "Div": _divided,
        "Mul": _multiplied,
        "Add": _added,
        "Sub": _added,
        "Exp": _floored,
        "Softplus": _soft,
        "Mish": _mish,
        "Atan": _near,
        "Pow": _power,
        "Clip": _bounded,
    },
}
