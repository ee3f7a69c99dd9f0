"""Whether a model that was rewritten still computes what the one that was given does: tried, on one set of inputs.

Converters and fusions change what a model means where their authors did not think of a case; what comes out loads and
runs. So each is held against the model as it was given, on values that are made when there are no others, and left out
where the two differ.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from zif import InvalidInput, InvalidModel, Model, StageFailed
from zif.plugin import all_graphs, is_float, random_inputs

from zif_quantize.ort.tools import CpuSession

if TYPE_CHECKING:
    Values = Mapping[str, Any]

#: Float outputs that mean the same agree better than this, in dB: rounding apart, folding and fusing change nothing.
SAME_DB = 50.0
#: And no more of the others may differ, where a rounding decides between two of them.
FLIPS = 0.01
#: The seed of the values that are made.
SEED = 0

_held: weakref.WeakSet[Model] = weakref.WeakSet()
_originals: weakref.WeakKeyDictionary[Model, onnx.ModelProto] = weakref.WeakKeyDictionary()


def remember(prepared: Model, proto: onnx.ModelProto) -> None:
    """Note from what a model was prepared."""
    _originals[prepared] = proto


def as_given(prepared: Model) -> onnx.ModelProto | None:
    """The model, computing in float32, that this one was prepared from; None where that is not known."""
    return _originals.get(prepared)


def refuse_changed(prepared: Model, sample: Values, wanted: Values) -> None:
    """Hold a prepared model against the outputs of the one that was given, once.

    Raises InvalidModel where preparing has changed what it computes.
    """
    if prepared in _held or prepared not in _originals or _draws(_originals[prepared]):
        return
    changed = _against(wanted, prepared.proto, sample)
    if changed:
        raise InvalidModel(
            f"preparing {prepared.name} for quantizing changed what it computes: {changed}. "
            "Export it with a newer opset, so that nothing is converted."
        )
    _held.add(prepared)


class Original:
    """A model as it was given, with what it makes of inputs that are made for it.

    Where it cannot run on those, or draws numbers, nothing is known, and `means` agrees to everything: the first sample
    decides later.
    """

    def __init__(self, proto: onnx.ModelProto, model: Model) -> None:
        self._inputs: Values = {}
        self._outputs: Values | None = None
        if _draws(proto):
            return
        # Open shapes, indices that are none, a model that is too large, or one that the engine refuses.
        with contextlib.suppress(InvalidInput, InvalidModel, StageFailed, ValueError):
            self._inputs = random_inputs(model.inputs, SEED)
            self._outputs = _run(proto, self._inputs)

    def means(self, other: onnx.ModelProto) -> bool:
        """Whether another model computes the same, as far as that is known."""
        return self._outputs is None or not _against(self._outputs, other, self._inputs)


def _against(wanted: Values, other: onnx.ModelProto, inputs: Values) -> str:
    try:
        made = _run(other, inputs)
    except (InvalidModel, StageFailed, ValueError) as error:
        return f"it does not run: {error}"
    rows = (_difference(name, value, made.get(name)) for name, value in wanted.items())
    return next((row for row in rows if row), "")


def _draws(proto: onnx.ModelProto) -> bool:
    """Whether a model draws random numbers: it is another one each time it runs."""
    nodes = [node for graph in all_graphs(proto.graph) for node in graph.node]
    return any(
        node.op_type.startswith("Random")
        or node.op_type in ("Bernoulli", "Multinomial")
        or (node.op_type == "Dropout" and len(node.input) > 2)
        for node in nodes
    )


def _run(proto: onnx.ModelProto, inputs: Values) -> Values:
    session = CpuSession(proto.SerializeToString())
    names = [value.name for value in session.get_outputs()]
    fed = {value.name for value in session.get_inputs()}
    return dict(zip(names, session.run(names, {n: v for n, v in inputs.items() if n in fed}), strict=True))


def _difference(name: str, wanted: Any, made: Any) -> str:
    if not isinstance(wanted, np.ndarray) or not isinstance(made, np.ndarray):
        return ""  # sequences and optionals hold what these are made of
    if wanted.shape != made.shape:
        return f"{name!r} has the shape {list(made.shape)} instead of {list(wanted.shape)}"
    if not is_float(wanted):
        flips = float((wanted != made).mean()) if wanted.size else 0.0
        return f"{100 * flips:.3g} % of {name!r} differ" if flips > FLIPS else ""
    exact, other = wanted.astype(np.float64), made.astype(np.float64)
    both = np.isfinite(exact) & np.isfinite(other)
    if (np.isfinite(exact) != np.isfinite(other)).mean() > FLIPS if exact.size else False:
        return f"{name!r} has infinities or NaNs in other places"
    signal, noise = float((exact[both] ** 2).sum()), float(((exact - other)[both] ** 2).sum())
    ratio = 10 * np.log10(signal / noise) if signal and noise else np.inf if not noise else -np.inf
    return f"{name!r} agrees to {ratio:.1f} dB only" if ratio < SAME_DB else ""
