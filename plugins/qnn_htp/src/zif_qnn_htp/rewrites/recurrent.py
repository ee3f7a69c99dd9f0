"""LSTM as what it is made of, step by step: QNN 2.51's own is at 34 to 39 dB in floats, where 60 and more are right.

Its error goes into the state, and three layers over 160 steps had 18 dB left. ONNX Runtime's provider unrolls the steps
as well, so that the graph does not grow by this. What is not written here (peepholes, lengths, a clip, other
activations, more than STEPS steps) is not taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import onnx
from attrs import frozen
from onnx import numpy_helper
from zif.plugin import attribute
from zif_qnn_htp.rewrites.node_maker import Maker, lone, sizes

if TYPE_CHECKING:
    from zif import Model
    from zif.plugin import Array

#: More steps than these are more nodes than a compiler should be given.
STEPS = 256
COARSE = "LSTM: QNN's own was off by 30 dB more than fp16 must cost, and this one cannot be written out"
_SPLIT_INPUT = 13
_GATES = 4
_INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")


def unroll(graph: onnx.GraphProto, model: Model) -> tuple[dict[str, str], dict[str, str]]:
    """Rewrite every LSTM in place: the unit of every new node, by the node's name; why a unit is left, by its id."""
    units, folded = lone(model), _folded(graph, model)
    added: dict[str, str] = {}
    left: dict[str, str] = {}
    for node in [node for node in graph.node if node.op_type == "LSTM" and node.name in units]:
        unit, original = units[node.name]
        layer = _layer(graph, node, original, model, folded)
        if layer is None:
            left[unit] = COARSE
            continue
        layer.write()
        added.update(dict.fromkeys(layer.made.names, unit))
    return added, left


def _folded(graph: onnx.GraphProto, model: Model) -> dict[str, onnx.TensorProto]:
    """Values that the model computes of constants alone: exporters put weights together from pieces."""
    return {tensor.name: tensor for tensor in graph.initializer if tensor.name not in model.initializers}


def _layer(
    graph: onnx.GraphProto,
    node: onnx.NodeProto,
    original: onnx.NodeProto,
    model: Model,
    folded: Mapping[str, onnx.TensorProto],
) -> _Layer | None:
    """What is to be written, or None where it cannot be."""
    ends = dict(zip(_INPUTS, original.input, strict=False))
    shape, hidden = sizes(model, original.input[0]), attribute(original, "hidden_size", 0)
    constant = model.initializers.keys() | folded.keys()
    odd = ends.get("sequence_lens") or ends.get("P") or any(name not in constant for name in original.input[1:3])
    odd = odd or (ends.get("B") and ends["B"] not in constant)
    strange = ("activations", "activation_alpha", "activation_beta", "clip", "input_forget", "layout")
    if odd or any(attribute(original, word, 0) for word in strange) or not shape or shape[0] > STEPS or not hidden:
        return None
    kind = np.dtype(model.tensors[original.input[0]].dtype)
    ways = {"forward": (False,), "reverse": (True,)}.get(attribute(original, "direction", "forward"), (False, True))
    weights = [_values(model, folded, ends.get(word, ""), kind) for word in "WRB"]
    known = {word: node.input[place] for place, word in enumerate(_INPUTS[: len(node.input)])}
    made = Maker(graph, node, "step")
    return _Layer(made, known, shape, hidden, ways, weights, kind, model.opsets.get("", 1))


def _values(
    model: Model, folded: Mapping[str, onnx.TensorProto], name: str, kind: np.dtype[np.generic]
) -> Array | None:
    """A constant; zeros where its file is missing, which is told when the weights are brought."""
    if not name:
        return None
    if name in folded:
        return np.asarray(numpy_helper.to_array(folded[name])).astype(kind)
    try:
        return model.array(name).astype(kind)
    except Exception:  # the compiler is asked without weights, too
        return np.zeros(sizes(model, name) or [], kind)


@frozen(eq=False)
class _Layer:
    made: Maker
    known: dict[str, str]
    shape: Sequence[int]
    hidden: int
    backward: Sequence[bool]
    weights: Sequence[Array | None]
    kind: np.dtype[np.generic]
    opset: int

    def write(self) -> None:
        """Put the steps of all directions in the place of the node."""
        node = self.made.at
        wanted = [*node.output, "", ""][:3]
        rows = [self._direction(number, back) for number, back in enumerate(self.backward)]
        steps, batch, _ = self.shape
        forms = ([steps, 1, batch, self.hidden], *[[1, batch, self.hidden]] * 2)
        ends = []
        for place, (name, form) in enumerate(zip(wanted, forms, strict=True)):
            if name:
                rows_of = [self._reshaped(row[place], form) for row in rows]
                joined = (
                    rows_of[0]
                    if len(rows_of) == 1
                    else self.made.single("Concat", *rows_of, axis=1 if place == 0 else 0)
                )
                ends.append((joined, name))
        for value, name in ends:
            maker = next(waiting for waiting in self.made.waiting if value in waiting.output)
            maker.output[list(maker.output).index(value)] = name
        self.made.names.remove(self.made.waiting[-1].name)
        self.made.waiting[-1].name = node.name  # who asks about the unit looks for it
        self.made.before()
        self.made.graph.node.remove(node)

    def _direction(self, number: int, back: bool) -> tuple[str, str, str]:
        """The values of all steps, the last state and the last cell, all as [rows, hidden]."""
        m, (steps, batch, width) = self.made, self.shape
        weights, own, bias = (None if values is None else values[number] for values in self.weights)
        assert weights is not None
        assert own is not None
        flat = m.single("Reshape", self.known["X"], self._form([steps * batch, width]))
        rows = m.single("MatMul", flat, m.constant(np.ascontiguousarray(weights.T)))
        if bias is not None:
            half = _GATES * self.hidden
            rows = m.single("Add", rows, m.constant(bias[:half] + bias[half:]))
        step_rows = self._split(rows, [batch] * steps, 0)
        recurrent, ones = m.constant(np.ascontiguousarray(own.T)), m.constant(np.ones(1, self.kind))
        state, cell = (self._start(word, number) for word in ("initial_h", "initial_c"))
        made = [""] * steps
        for step in reversed(range(steps)) if back else range(steps):
            state, cell = self._step(step_rows[step], state, cell, recurrent, ones)
            made[step] = state
        every = m.single("Concat", *made, axis=0) if steps > 1 else made[0]
        return every, state, cell

    def _step(self, projected: str, state: str, cell: str, recurrent: str, ones: str) -> tuple[str, str]:
        """One step. ONNX has the gates in the order input, output, forget, cell. Factors of 1 keep gates from sums."""
        m, size = self.made, self.hidden
        if state:
            projected = m.single("Add", projected, m.single("MatMul", state, recurrent))
        gates, new = self._split(m.single("Mul", projected, ones), [3 * size, size], 1)
        enter, leave, keep = self._split(m.single("Sigmoid", gates), [size] * 3, 1)
        fresh = m.single("Mul", enter, m.single("Tanh", new))
        cell = m.single("Add", m.single("Mul", keep, cell), fresh) if cell else fresh
        return m.single("Mul", leave, m.single("Tanh", m.single("Mul", cell, ones))), cell

    def _start(self, word: str, number: int) -> str:
        """Where a state begins: "" for zeros."""
        name = self.known.get(word, "")
        if not name:
            return ""
        batch = self.shape[1]
        if len(self.backward) > 1:
            name = self._split(name, [1, 1], 0)[number]
        return self._reshaped(name, [batch, self.hidden])

    def _split(self, name: str, sizes: Sequence[int], axis: int) -> list[str]:
        if len(sizes) == 1:
            return [name]
        if self.opset < _SPLIT_INPUT:
            return self.made.node("Split", [name], len(sizes), axis=axis, split=list(sizes))
        return self.made.node("Split", [name, self.made.constant(np.array(sizes, np.int64))], len(sizes), axis=axis)

    def _reshaped(self, name: str, form: Sequence[int]) -> str:
        return self.made.single("Reshape", name, self._form(form))

    def _form(self, form: Sequence[int]) -> str:
        return self.made.constant(np.array(form, np.int64))


__all__ = ["COARSE", "STEPS", "unroll"]
