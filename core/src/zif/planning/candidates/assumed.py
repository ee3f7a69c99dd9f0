"""What a float model would cost if it were quantized: the model as the pricing would see it then.

Verdicts stay those of the float model, for they are the backends' own; only that a backend computes in integers alone
is no obstacle any more. Which operators it takes in integers is known of the quantized model only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from zif.errors import UsageError
from zif.planning.costs.precisions import FLOATS
from zif.records import TensorInfo, Verdict

if TYPE_CHECKING:
    from zif.model import Model, Unit
    from zif.planning.candidates.participants import Participants

#: By the word that practitioners use: the arithmetic, and the ONNX types of activations and of weights.
ASSUMED: Mapping[str, tuple[str, str, str]] = {
    "w8a8": ("int8", "tensor(uint8)", "tensor(int8)"),
    "w8a16": ("int16", "tensor(uint16)", "tensor(int8)"),
}
_FLOAT_TYPES = frozenset({"tensor(float)", "tensor(double)", "tensor(float16)", "tensor(bfloat16)"})


def quantized(model: Model, word: str) -> Model:
    """The same model with every value and unit in floating point taken for quantized. For pricing, not for building.

    Raises UsageError for an unknown word, and when nothing is in floating point.
    """
    if word not in ASSUMED:
        raise UsageError(f"unknown quantization {word!r} to assume; known: {', '.join(ASSUMED)}")
    if not any(unit.precision in FLOATS for unit in model.units):
        raise UsageError(f"{model.name} has nothing in floating point that could be assumed to be {word}")
    arithmetic, activation, weight = ASSUMED[word]
    tensors = {
        name: attrs.evolve(info, type=weight if name in model.initializers else activation)
        if info.type in _FLOAT_TYPES
        else info
        for name, info in model.tensors.items()
    }
    units = tuple(_quantized(unit, model.tensors, tensors, arithmetic) for unit in model.units)
    return attrs.evolve(model, tensors=tensors, units=units)


def _quantized(unit: Unit, before: Mapping[str, TensorInfo], after: Mapping[str, TensorInfo], arithmetic: str) -> Unit:
    saved = sum((before[name].nbytes or 0) - (after[name].nbytes or 0) for name in unit.weights if name in before)
    sizes = [after[name].nbytes for name in (*unit.inputs, *unit.outputs) if name in after]
    return attrs.evolve(
        unit,
        precision=arithmetic if unit.precision in FLOATS else unit.precision,
        weight_bytes=unit.weight_bytes - saved,
        bytes=None if unit.bytes is None else sum(size or 0 for size in sizes),
    )


def lifted(participants: Participants, word: str) -> Participants:
    """The backends' answers, in which a backend that takes no floating point takes the unit after all.

    What was observed to come out imprecise has the same code and another cause: that stays refused (see `settle`).
    """
    by_name = {}
    for name, participant in participants.by_name.items():
        words = {
            unit: Verdict(True, verdict.basis, reason=f"assumed in {word}: {verdict.reason}")
            for unit, verdict in participant.capabilities.verdicts.items()
            if verdict.code == "precision"
        }
        by_name[name] = participant.after("assumed", words)
    return attrs.evolve(participants, by_name=by_name)


def told(word: str) -> str:
    """The sentence that a plan carries."""
    return (
        f"priced as if everything in floating point were quantized to {word}; the verdicts are those of the float "
        "model, and which operators a backend takes in integers is known only once it is: zif quantize"
    )
