"""What the backends that would take part in a plan want of a quantized model, as one record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import Factory, frozen

from zif.backends.deadline import deadline
from zif.backends.registry import backend, installed
from zif.backends.survey import open_and_ask
from zif.errors import UsageError, ZifError
from zif.planning.candidates.combined import combined
from zif.planning.candidates.participants import excluded, left_out
from zif.planning.plan import Request
from zif.records import QuantizationRules, Target
from zif.targets import target as target_named


@frozen
class Wanted:
    """Rules, the backends that they are from (none: the default's), and what was not taken, as a sentence each."""

    rules: QuantizationRules = Factory(QuantizationRules)
    backends: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def quantization_rules(
    targets: Iterable[Target | str], only: Sequence[str] = (), exclude: Sequence[str] = (), emulate: bool = False
) -> Wanted:
    """The rules of every backend that would take part in a plan for any of the targets; the default's without any.

    Nothing is planned and no compiler is asked: each backend says so for a target as a whole, and where several do, all
    that they say holds. Raises UsageError where two contradict each other, BackendNotFound for a name in `only` or
    `exclude` that nobody offers, and what `zif.target` raises.
    """
    _refuse_unknown((*only, *exclude))
    request = Request(only=tuple(only), exclude=tuple(exclude), emulate=emulate)
    said: dict[str, QuantizationRules] = {}
    notes: list[str] = []
    for target in targets:
        chip = target_named(target) if isinstance(target, str) else target
        for name in sorted({row.name for row in installed()}):
            _add(name, chip, request, said, notes)
    return Wanted(combined(said), tuple(said), () if said else tuple(notes))


def rules_of(name: str, target: str = "host") -> Wanted:
    """The rules of one backend for a target, whether or not it could take part; the default's where it has none.

    Raises BackendNotFound, BackendBroken where it cannot be asked, and what `zif.target` raises.
    """
    _refuse_unknown((name,))
    row = next(row for row in installed() if row.name == name)
    _, answer = open_and_ask(row, target_named(target), deadline())
    if answer.quantization is None:
        return Wanted(notes=(f"{name} has no rules of its own for quantized models",))
    return Wanted(answer.quantization, (name,))


def _add(name: str, target: Target, request: Request, said: dict[str, QuantizationRules], notes: list[str]) -> None:
    """Add what this backend says for the target, or a note where it has rules that do not count, or cannot be asked."""
    if excluded(name, request):
        return
    row = next(row for row in installed() if row.name == name)
    try:
        _, answer = open_and_ask(row, target, deadline())
    except ZifError as error:
        notes.append(f"the rules of {name} were not taken: {error}")
        return
    if answer.quantization is None:
        return
    reason = left_out(answer, target, request)
    if reason is not None:
        notes.append(f"the rules of {name} were not taken: {reason[1]}; --rules {name} takes them all the same")
    elif said.setdefault(name, answer.quantization) != answer.quantization:
        raise UsageError(f"{name} wants different things of a quantized model for these targets: quantize for each")


def _refuse_unknown(names: Iterable[str]) -> None:
    """Raise BackendNotFound for a name that nobody offers."""
    known = {row.name for row in installed()}
    for name in names:
        if name not in known:
            backend(name)
