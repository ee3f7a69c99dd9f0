"""A verdict on every unit of a model from the real compiler, for one chip, without compiling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import frozen
from zif import InvalidModel, Verdict
from zif_qnn_runtime import NodeAnswer, ProviderOptions, QnnError, query

from zif_qnn_htp import graph, infinite

if TYPE_CHECKING:
    from zif import Model, Unit

    from zif_qnn_htp.chips import Chip

_FLOATS = frozenset({"fp32", "fp16", "bf16", "fp64"})
_CONVERSIONS = frozenset({"QuantizeLinear", "DequantizeLinear"})


@frozen
class Probed:
    """The verdict on every unit, and what had to be assumed to get it."""

    verdicts: Mapping[str, Verdict]
    notes: tuple[str, ...] = ()


def probe(model: Model, chip: Chip, crashing: Mapping[str, Verdict]) -> Probed:
    """Ask the compiler about the whole model at once, since it looks at neighbours (a GELU is one operator to it).

    crashing: verdicts on units that it must not even be asked about, because the question ends its process.

    Raises BackendUnavailable without the library and QnnError when it does not start for this chip.
    """
    notes: dict[str, None] = {}
    verdicts = {unit.id: crashing.get(unit.id) or _ruled_out(model, unit, chip) for unit in model.units}
    for unit_id in infinite.judged(model):
        verdicts[unit_id] = verdicts[unit_id] or _INFINITE
    if None not in verdicts.values():
        return Probed({unit: verdict for unit, verdict in verdicts.items() if verdict}, ())
    askable = [name for name, verdict in verdicts.items() if verdict is None or verdict.code != "observed-crash"]
    answers = dict(_ask(model, askable, chip, notes))
    return Probed({unit: verdict or answers[unit] for unit, verdict in verdicts.items()}, tuple(notes))


def _ruled_out(model: Model, unit: Unit, chip: Chip) -> Verdict | None:
    """What needs no compiler to be refused."""
    value = graph.open_shape(model, unit)
    if value is not None and value.dtype:
        shape = (
            "unknown" if value.shape is None else f"({', '.join('?' if d is None else str(d) for d in value.shape)})"
        )
        reason = f"QNN needs every dimension fixed, and {value.name!r} has the shape {shape}"
        return Verdict(False, "declared", "dynamic-shape", reason)
    empty = next((name for name in (*unit.inputs, *unit.outputs) if model.tensors[name].elements == 0), None)
    if empty is not None:
        return Verdict(False, "observed", "observed-crash", f"QNN crashes on tensors without elements, as {empty!r} is")
    if not chip.fp16 and unit.precision in _FLOATS and unit.op_type not in _CONVERSIONS:
        arch = f" (Hexagon v{chip.arch})" if chip.arch else ""
        reason = f"{chip.title}{arch} computes in integers only: quantize the model"
        return Verdict(False, "declared", "precision", reason)
    return _edge_cast(model, unit)


def _edge_cast(model: Model, unit: Unit) -> Verdict | None:
    """Inside the NPU a cast between float types is nothing; at the edge of the model it meets what fp16 cannot hold."""
    if unit.op_type not in ("Cast", "CastLike") or unit.domain:
        return None
    edges = {value.name for value in (*model.inputs, *model.outputs)}
    values = [model.tensors[name] for name in (*unit.inputs[:1], *unit.outputs)]
    if edges.isdisjoint(value.name for value in values) or not all("float" in value.dtype for value in values):
        return None
    reason = "infinities and NaNs are lost in a cast between float types where values enter or leave the NPU"
    return Verdict(False, "observed", "observed-wrong", reason)


def _ask(model: Model, units: Sequence[str], chip: Chip, notes: dict[str, None]) -> Iterator[tuple[str, Verdict]]:
    """The verdicts on some units. Where the question as a whole fails, on each half of them."""
    if not units:
        return
    try:
        part = model if len(units) == len(model.units) else model.slice(units, model.name)
        yield from _answers(part, chip, notes)
    except InvalidModel as error:
        yield from ((unit, _refused(str(error))) for unit in units)
    except QnnError as error:
        if error.kind == "setup":
            raise
        if len(units) == 1:
            yield units[0], _refused(str(error))
        else:
            middle = len(units) // 2
            yield from _ask(model, units[:middle], chip, notes)
            yield from _ask(model, units[middle:], chip, notes)


def _refused(reason: str) -> Verdict:
    return Verdict(False, "probed", "probe-failed", reason)


def _answers(model: Model, chip: Chip, notes: dict[str, None]) -> list[tuple[str, Verdict]]:
    built = graph.build(model, invent_weights=True)
    notes.update(dict.fromkeys(built.notes))
    if len(built.folded) == len(model.units):
        return [(unit.id, _FOLDED) for unit in model.units]
    answer = query(built.data, "htp", ProviderOptions(soc_model=chip.soc_model), weights=built.weights)
    if answer.refusal and not answer.refused_nodes:
        raise QnnError(answer.refusal, "layout")
    refused = {built.owners[name][0] for name in answer.refused_nodes if name in built.owners}
    members: dict[str, list[str]] = {}
    for node, (owner, _) in built.owners.items():
        members.setdefault(owner, []).append(node)
    found = {}
    for unit in model.units:
        names = members[unit.id]
        found[unit.id] = _FOLDED if unit.id in built.folded else _verdict(names, answer.nodes)
        if unit.id in refused and found[unit.id].supported:
            found[unit.id] = _refused(answer.refusal)
    return list(found.items())


_INFINITE = Verdict(
    False,
    "observed",
    "observed-wrong",
    "it makes or judges infinite values that decide, and fp16 on the HTP keeps none",
)
_FOLDED = Verdict(True, "probed", reason="depends on no input: computed before compiling")


def _verdict(names: Sequence[str], answers: Mapping[str, NodeAnswer]) -> Verdict:
    """A unit is taken when each of its nodes is."""
    for name in names:
        answer = answers.get(name)
        if answer is None:
            return Verdict(None, "probed", "probe-failed", f"the compiler did not mention {name}")
        if not answer.accepted:
            among = (
                f" (looked at together with {len(answer.group) - 1} others)" if len(answer.group) > len(names) else ""
            )
            return Verdict(False, "probed", answer.code, answer.reason + among)
    group = answers[names[0]].group
    reason = (
        f"taken as one with {', '.join(n for n in group if n not in names)[:200]}" if len(group) > len(names) else ""
    )
    return Verdict(True, "probed", reason=reason)
