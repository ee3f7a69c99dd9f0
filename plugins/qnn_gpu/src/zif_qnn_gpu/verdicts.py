"""A verdict on every unit of a model: libQnnGpu's own answer, or the shipped table of them where it does not answer."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING

from zif import Verdict
from zif.plugin import Claims, bodies
from zif_qnn_runtime import Compiler, Probed, ProviderOptions, QnnGraph, ask_units, can_stand_in, stand_ins, unaskable
from zif_qnn_runtime.graph import build

from zif_qnn_gpu.operators import ENGINE, claims

if TYPE_CHECKING:
    from zif import Model, Unit


def declared(model: Model) -> dict[str, Verdict]:
    """What the table of operators says."""
    said = _table().verdicts(model)
    return {unit.id: _ruled_out(model, unit) or said[unit.id] for unit in model.units}


def probed(model: Model) -> Probed:
    """What libQnnGpu says, asked about the whole model at once. Raises BackendUnavailable or QnnError without it."""
    verdicts = {unit.id: _ruled_out(model, unit) for unit in model.units}
    askable = [name for name, verdict in verdicts.items() if verdict is None]
    with stand_ins() if can_stand_in() else nullcontext():
        answers = ask_units(model, askable, Compiler("gpu", ProviderOptions(), _asked))
    return Probed({unit: verdict or answers.verdicts[unit] for unit, verdict in verdicts.items()}, answers.notes)


def _asked(model: Model) -> QnnGraph:
    return build(model, invent_weights=True)


#: The element types of Qualcomm's "GPU Backend Op Definition Supplement" (QNN documentation 80-63442), where ONNX
#: Runtime's provider brings int64 to int32. Asked about others, the library says yes to some (Mod of float64).
TYPES = frozenset({"float32", "float16", "int32", "uint32", "int64", "bool"})
#: Operators about which libQnnGpu 2.51 must not even be asked (test_stft: a segmentation fault).
CRASHING = frozenset({"STFT"})
QUANTIZED = TYPES | {"uint8", "int8"}


def _ruled_out(model: Model, unit: Unit) -> Verdict | None:
    if unit.op_type in CRASHING:
        return Verdict(False, "observed", "observed-crash", f"asked about {unit.op_type}, libQnnGpu ends its process")
    if any(bodies(model.proto.graph.node[index]) for index in unit.nodes):
        return Verdict(False, "declared", "op", f"{ENGINE} has no control flow: {unit.op_type} decides while it runs")
    return unaskable(model, unit) or _foreign_type(model, unit)


def _foreign_type(model: Model, unit: Unit) -> Verdict | None:
    """An element type that the GPU does not have. Eight bits only mean something where they are quantized."""
    allowed = QUANTIZED if len(unit.nodes) > 1 or unit.op_type in ("QuantizeLinear", "DequantizeLinear") else TYPES
    for name in (*unit.inputs, *unit.weights, *unit.outputs):
        dtype = model.tensors[name].dtype
        if dtype and dtype not in allowed:
            reason = f"{ENGINE} does not take {dtype}, as {name!r} is; it takes {', '.join(sorted(allowed))}"
            return Verdict(False, "declared", "dtype", reason)
    return None


@cache
def _table() -> Claims:
    return Claims(claims(), engine=ENGINE)
