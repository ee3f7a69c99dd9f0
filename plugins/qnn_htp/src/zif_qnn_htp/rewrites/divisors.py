"""Computed divisors that fp16 has no reciprocal of, with both sides of the quotient, or the reciprocal, by a quarter.

The HTP multiplies with the reciprocal, in fp16 and without its last digits: from 16384 on that is 0, and so is what is
divided, as 60000 samples by their energy. A quarter of the largest number that fp16 has is below that; small divisors
keep their size. Divisors that cannot get there (a root, a softmax, a sum of such) stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from attrs import frozen
from zif.plugin import MOVES
from zif_qnn_htp.rewrites.node_maker import Maker, lone, sizes
from zif_qnn_htp.rewrites.taming import DIVISOR, LOOK

if TYPE_CHECKING:
    from zif import Model

QUARTER = 0.25
_UP_TO_ONE = frozenset({"Softmax", "Sigmoid", "Tanh", "Sin", "Cos", "Erf", "HardSigmoid", "Softsign", "Sign"})
_SAME = MOVES | {"Relu", "Abs", "Neg", "Cast", "ReduceMean", "ReduceMax", "GlobalAveragePool", "MaxPool", "AveragePool"}
#: √65504: the root of the largest number that fp16 has.
_ROOT = 256.0
_STEPS = 24


def quarter(graph: onnx.GraphProto, model: Model) -> dict[str, str]:
    """Rewrite such quotients in place; gives the unit of every new node, by the node's name."""
    units, added = lone(model), dict[str, str]()
    bounds = _Bounds({name: node for node in graph.node for name in node.output}, model)
    for node in [node for node in graph.node if node.op_type in ("Div", "Reciprocal") and node.name in units]:
        unit, original = units[node.name]
        info = model.tensors[original.output[0]]
        known = original.input[-1] in model.initializers or node.input[-1] != original.input[-1]  # seen to elsewhere
        if known or info.dtype not in ("float32", "float16") or bounds.of(node.input[-1]) <= DIVISOR:
            continue
        made = Maker(graph, node, "quarter")
        share = _share(made, node.input[-1], np.dtype(info.dtype), bool(info.shape))
        node.input[:] = [made.single("Mul", name, share) for name in node.input]
        made.before()
        if node.op_type == "Reciprocal":
            result, node.output[0] = node.output[0], f"{node.name}_quarter_value"
            made.single("Mul", node.output[0], share)
            made.waiting[-1].output[0] = result
            made.behind()
        added.update(dict.fromkeys(made.names, unit))
    return added


def _share(made: Maker, divisor: str, dtype: np.dtype[Any], ranked: bool) -> str:
    """A quarter where the divisor is large, else 1: a quarter of a small one has no finite reciprocal."""
    unity, quarter = (made.constant(np.full(1 if ranked else (), value, dtype)) for value in (1, QUARTER))
    return made.single("Where", made.single("Greater", made.single("Abs", divisor), unity), quarter, unity)


@frozen(eq=False)
class _Bounds:
    """How large values can get, as far as that is seen from what makes them."""

    makers: Mapping[str, onnx.NodeProto]
    model: Model

    def of(self, name: str, steps: int = 0) -> float:
        """The largest absolute value; infinity where nothing bounds it."""
        if name in self.model.initializers:
            return self._constant(name)
        node = self.makers.get(name)
        if node is None or node.domain or steps > _STEPS:
            return math.inf
        if node.op_type in _UP_TO_ONE:
            return 1.0
        if node.op_type == "Sqrt":
            return _ROOT
        return self._made(node, [self.of(name, steps + 1) for name in node.input[:2] if name])

    def _made(self, node: onnx.NodeProto, ends: Sequence[float]) -> float:
        if node.op_type in _SAME:
            return ends[0]
        if node.op_type in ("Add", "Sub"):
            return sum(ends)
        if node.op_type in ("Mul", "Max"):
            return math.prod(ends) if node.op_type == "Mul" else max(ends)
        before, after = (sizes(self.model, name) for name in (node.input[0], node.output[0]))
        if node.op_type == "ReduceSum" and before and after is not None:
            return ends[0] * math.prod(before) / max(1, math.prod(after))
        return math.inf

    def _constant(self, name: str) -> float:
        info = self.model.initializers[name]
        if (info.elements or 0) > LOOK or not info.elements:
            return math.inf
        try:
            return float(np.abs(self.model.array(name).astype(np.float64)).max())
        except Exception:  # its file is missing, and planning needs none
            return math.inf
