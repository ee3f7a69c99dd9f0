"""A verdict on every unit of a model from the real compiler, for one chip, without compiling."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING

from zif import Verdict
from zif.plugin import judging_infinities
from zif_qnn_runtime import Compiler, Probed, ProviderOptions, ask_units, constant, unaskable

from zif_qnn_htp import foreign_contexts, graph
from zif_qnn_htp.refusals import angles, counts, geometry, products, spans
from zif_qnn_htp.rewrites import in_floats, logarithms

if TYPE_CHECKING:
    from zif import Model, Unit

    from zif_qnn_htp.chips import Chip

OLDEST_OPSET = 7
_FLOATS = frozenset({"fp32", "fp16", "bf16", "fp64"})
_CONVERSIONS = frozenset({"QuantizeLinear", "DequantizeLinear"})


def probe(model: Model, chip: Chip, crashing: Collection[str]) -> Probed:
    """Ask the compiler about the whole model at once, since it looks at neighbours (a GELU is one operator to it).

    crashing: ids of units that it must not even be asked about, because the question ends its process.

    Raises BackendUnavailable without the library and QnnError when it does not start for this chip.
    """
    if foreign_contexts.units(model):
        return Probed(foreign_contexts.verdicts(model, chip), ())
    judged = dict.fromkeys(judging_infinities(model), _INFINITE)
    tiny = dict.fromkeys(logarithms.of_tiny(model), _TINY) if chip.fp16 else {}
    turning = dict.fromkeys(angles.of_positions(model), _ANGLE) if chip.fp16 else {}
    whole = dict.fromkeys(counts.of_whole_numbers(model), _COUNT) if chip.fp16 else {}
    lengths = dict.fromkeys(products.of_squares(model), _LENGTHS) if chip.fp16 else {}
    folded = constant(model)
    sure = {**dict.fromkeys(crashing, _UNASKED), **folded, **judged, **tiny, **turning, **whole, **lengths}
    verdicts = {unit.id: sure.get(unit.id) or _ruled_out(model, unit, chip) for unit in model.units}
    if None not in verdicts.values():
        return Probed({unit: verdict for unit, verdict in verdicts.items() if verdict}, ())
    deadly = {name for name, verdict in verdicts.items() if verdict and verdict.code == "observed-crash"}
    deadly |= set(crashing) - folded.keys()
    deadly |= {name for name, verdict in verdicts.items() if verdict and verdict.code == "tensor-size"}
    askable = [name for name in verdicts if name not in deadly]
    wild: dict[str, str] = {}
    asked = partial(graph.build, invent_weights=True, wild=wild)  # the weights need not be there to be asked
    answers = ask_units(model, askable, Compiler("htp", ProviderOptions(soc_model=chip.soc_model), asked))
    told = {unit: _wild(said, wild[unit]) if unit in wild else said for unit, said in answers.verdicts.items()}
    return Probed({unit: verdict or told[unit] for unit, verdict in verdicts.items()}, answers.notes)


def _wild(verdict: Verdict, reason: str) -> Verdict:
    """The compiler's own refusal, or what was seen of a unit that it takes."""
    if not verdict.supported:
        return verdict
    return Verdict(False, "observed", "observed-wrong", reason, overruled=verdict.chain)


def _ruled_out(model: Model, unit: Unit, chip: Chip) -> Verdict | None:
    """What needs no compiler to be refused."""
    verdict = unaskable(model, unit)
    if verdict is not None:
        return verdict
    if any(model.tensors[name].dtype == "float64" for name in _values(model, unit)):
        return _DOUBLE
    if model.opsets.get("", OLDEST_OPSET) < OLDEST_OPSET:
        needed = f"ONNX Runtime's QNN provider takes opset {OLDEST_OPSET} and later"
        return Verdict(False, "declared", "opset", f"{needed}, and the model has {model.opsets['']}")
    if not chip.fp16 and unit.precision in _FLOATS and unit.op_type not in _CONVERSIONS:
        arch = f" (Hexagon v{chip.arch})" if chip.arch else ""
        reason = f"{chip.title}{arch} computes in integers only: quantize the model"
        return Verdict(False, "declared", "precision", reason)
    if not chip.fp16 and in_floats.needs(model, unit):
        reason = f"a 16-bit {unit.op_type} is coarse in integers, and {chip.title} has no others"
        return Verdict(False, "observed", "precision", reason)
    misplaced = geometry.misplaced(model, unit)
    if misplaced:
        return Verdict(False, "observed", "observed-wrong", f"{unit.op_type}: {misplaced}")
    beyond = spans.beyond(model, unit)
    if beyond:
        return Verdict(False, "observed", "fp16-range", f"{unit.op_type}: {beyond}")
    return _edge_cast(model, unit)


def _values(model: Model, unit: Unit) -> list[str]:
    """The values that a unit reads and makes, as far as anything is known of them."""
    return [name for name in (*unit.inputs, *unit.weights, *unit.outputs) if name in model.tensors]


def _edge_cast(model: Model, unit: Unit) -> Verdict | None:
    """Inside the NPU a cast between float types is nothing; at the edge of the model it meets what fp16 cannot hold."""
    if unit.op_type not in ("Cast", "CastLike") or unit.domain:
        return None
    edges = {value.name for value in (*model.inputs, *model.outputs)}
    values = [model.tensors[name] for name in (*unit.inputs[:1], *unit.outputs)]
    if edges.isdisjoint(value.name for value in values) or not all("float" in value.dtype for value in values):
        return None
    if _saturates(model, unit):
        return None
    reason = "infinities and NaNs are lost in a cast between float types where values enter or leave the NPU"
    return Verdict(False, "observed", "observed-wrong", reason)


def _saturates(model: Model, unit: Unit) -> bool:
    """Whether all that a cast makes is quantized at once: an infinity is the end of the range then, in any type."""
    readers = [model.units[place].op_type for place in model.consumers.get(unit.outputs[0], ())]
    outputs = {value.name for value in model.outputs}
    return unit.outputs[0] not in outputs and bool(readers) and set(readers) == {"QuantizeLinear"}


_INFINITE = Verdict(
    False,
    "observed",
    "observed-wrong",
    "it makes or judges infinite values that decide, and fp16 on the HTP keeps none",
)
#: Inside one of its graphs the compiler takes float64 for fp16; a segment that begins or ends with one cannot be fed.
_DOUBLE = Verdict(False, "observed", "dtype", "the HTP has no float64, and would compute in fp16 what a model widens")
_UNASKED = Verdict(None, "probed", "probe-failed", "the compiler was not asked: this question ends its process")
_ANGLE = Verdict(False, "observed", "fp16-range", angles.REASON)
_LENGTHS = Verdict(False, "observed", "fp16-range", products.REASON)
_COUNT = Verdict(False, "observed", "fp16-range", counts.REASON)
_TINY = Verdict(
    False,
    "observed",
    "fp16-range",
    "it makes or takes the logarithm of numbers that become smaller than fp16 has",
)
