"""A verdict on every unit of a model from one of Qualcomm's compilers, without compiling."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import frozen
from zif import InvalidModel, Verdict

from zif_qnn_runtime.failures import QnnError
from zif_qnn_runtime.folding import fold
from zif_qnn_runtime.graph import QnnGraph, open_shape
from zif_qnn_runtime.libraries import BackendType
from zif_qnn_runtime.probing import NodeAnswer, query
from zif_qnn_runtime.provideroptions import ProviderOptions

if TYPE_CHECKING:
    from zif import Model, Unit

#: Trees, vectors and labels: nothing of it runs on an accelerator, and no ensemble is handed over to hear so.
_CLASSIC = "ai.onnx.ml"
#: A tensor of 2 GiB ends the HTP's compiler minutes after it was asked, and no question to libQnnGpu holds it.
LARGEST = (1 << 31) - 1
FOLDED = Verdict(True, "probed", reason="depends on no input: computed before compiling")


@frozen
class Probed:
    """The verdict on every unit, and what had to be assumed to get it."""

    verdicts: Mapping[str, Verdict]
    notes: tuple[str, ...] = ()


@frozen
class Compiler:
    """Whom to ask: one of QNN's backends, for which chip, and how it wants a model prepared."""

    backend: BackendType
    options: ProviderOptions
    build: Callable[[Model], QnnGraph]


def constant(model: Model) -> dict[str, Verdict]:
    """The verdict on every unit that depends on no input: whatever it is, the compiler gets its value."""
    return dict.fromkeys(fold(model)[1], FOLDED)


def unaskable(model: Model, unit: Unit) -> Verdict | None:
    """What no compiler of QNN's takes, or must not even be asked about."""
    if unit.domain == _CLASSIC:
        return Verdict(False, "declared", "op", f"QNN has no operators of {_CLASSIC}, and {unit.op_type} is one")
    if unit.op_type == "EPContext":
        reason = "it is no operator but what was compiled elsewhere, and this backend does not load such"
        return Verdict(False, "declared", "op", reason)
    value = open_shape(model, unit)
    if value is not None and value.dtype:
        shape = (
            "unknown" if value.shape is None else f"({', '.join('?' if d is None else str(d) for d in value.shape)})"
        )
        reason = f"QNN needs every dimension fixed, and {value.name!r} has the shape {shape}"
        return Verdict(False, "declared", "dynamic-shape", reason)
    empty = next((name for name in (*unit.inputs, *unit.outputs) if model.tensors[name].elements == 0), None)
    if empty is not None:
        return Verdict(False, "observed", "observed-crash", f"QNN crashes on tensors without elements, as {empty!r} is")
    names = (*unit.inputs, *unit.weights, *unit.outputs)
    over = next((name for name in names if (model.tensors[name].nbytes or 0) > LARGEST), None)
    if over is not None:
        return Verdict(False, "declared", "tensor-size", f"{over} has 2 GiB or more, and smaller tensors are taken")
    return None


def ask_units(model: Model, units: Sequence[str], compiler: Compiler) -> Probed:
    """The verdicts on some units of a model, asked as a whole; where that question fails, about each half of them.

    Raises BackendUnavailable without the library and QnnError when the backend does not start.
    """
    notes: dict[str, None] = {}
    return Probed(dict(_ask(model, units, compiler, notes)), tuple(notes))


def _ask(
    model: Model, units: Sequence[str], compiler: Compiler, notes: dict[str, None]
) -> Iterator[tuple[str, Verdict]]:
    if not units:
        return
    try:
        part = model if len(units) == len(model.units) else model.slice(units, model.name)
        yield from _answers(part, compiler, notes)
    except InvalidModel as error:
        yield from ((unit, _refused(str(error))) for unit in units)
    except QnnError as error:
        if error.kind == "setup":
            raise
        if len(units) == 1:
            yield units[0], _refused(str(error))
        else:
            middle = len(units) // 2
            yield from _ask(model, units[:middle], compiler, notes)
            yield from _ask(model, units[middle:], compiler, notes)


def _refused(reason: str) -> Verdict:
    return Verdict(False, "probed", "probe-failed", reason)


def _answers(model: Model, compiler: Compiler, notes: dict[str, None]) -> list[tuple[str, Verdict]]:
    built = compiler.build(model)
    notes.update(dict.fromkeys(built.notes))
    if len(built.folded) == len(model.units):
        return [(unit.id, FOLDED) for unit in model.units]
    answer = query(built.data, compiler.backend, compiler.options, weights=built.weights)
    if answer.refusal and not answer.refused_nodes:
        raise QnnError(answer.refusal, "layout")
    refused = {built.owners[name][0] for name in answer.refused_nodes if name in built.owners}
    members: dict[str, list[str]] = {}
    for node, (owner, _) in built.owners.items():
        members.setdefault(owner, []).append(node)
    by_unit = {}
    for unit in model.units:
        by_unit[unit.id] = FOLDED if unit.id in built.folded else _verdict(members[unit.id], answer.nodes)
        if unit.id in refused and by_unit[unit.id].supported:
            by_unit[unit.id] = _refused(answer.refusal)
    return list(by_unit.items())


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
