"""Which backends take part in a plan, what each says of the model, and why the others do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from zif.backends import trials
from zif.backends.apart import stand_in
from zif.backends.blame import blaming
from zif.backends.config import remarks
from zif.backends.deadline import deadline
from zif.backends.options import build_options
from zif.backends.registry import backend, installed
from zif.backends.survey import open_and_ask
from zif.errors import BackendNotFound, ZifError
from zif.model import compiled_units
from zif.model.arguments import Progress
from zif.planning.costs.precisions import FLOATS
from zif.planning.plan import Candidate, Request
from zif.records import Capabilities, ChoosesPrecision, Target
from zif.verdicts import learned
from zif.verdicts.settle import with_words
from zif.verdicts.tensor_size import too_large

if TYPE_CHECKING:
    from zif.backends.backend import Backend
    from zif.model import Model
    from zif.verdicts.settle import Words


@frozen(eq=False)
class Participant:
    """A backend that takes part, itself or the worker that stands for it, and its verdicts on the model.

    precisions: what its options allow it to compute in; empty for whatever it likes. remarks: what has no effect.
    """

    backend: Backend
    capabilities: Capabilities
    precisions: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def after(self, source: str, words: Words) -> Participant:
        """The same once more was heard of it: who says it, and what of which units (see `zif.verdicts.settle`)."""
        answer = with_words(self.capabilities, (source, words))
        return self if answer is self.capabilities else evolve(self, capabilities=answer)


@frozen(eq=False)
class Participants:
    """Those who take part by name, in the order of the names, and everyone who was asked."""

    by_name: Mapping[str, Participant]
    candidates: tuple[Candidate, ...]


def ask(
    model: Model, target: Target, request: Request, progress: Progress | None = None, isolate: bool = False
) -> Participants:
    """Ask every installed backend, leave out whom the request or their own answer rules out, and say why.

    isolate: ask every one in a worker process, where its stages will be done too.

    Raises BackendNotFound for a name in the request that nobody offers.
    """
    names = sorted({row.name for row in installed()})
    for name in (*request.only, *request.exclude, *request.pin.values()):
        if name not in names:
            backend(name)  # raises BackendNotFound with the ones that are installed
            raise BackendNotFound(name)
    trials.prepare(row for row in installed() if not excluded(row.name, request))
    answers = [_ask_one(name, model, target, request, progress, isolate) for name in names]
    by_name = {
        name: participant for name, (participant, _) in zip(names, answers, strict=True) if participant is not None
    }
    return Participants(by_name, tuple(candidate for _, candidate in answers))


def _ask_one(
    name: str, model: Model, target: Target, request: Request, progress: Progress | None, isolate: bool
) -> tuple[Participant | None, Candidate]:
    rows = [row for row in installed() if row.name == name]
    reason = excluded(name, request)
    if reason:
        return None, _out(rows[0].distribution, rows[0].version, name, "excluded", reason)
    seconds = deadline()
    try:
        backend, general = open_and_ask(rows[0], target, seconds)
        refusal = left_out(general, target, request)
        asked = refusal is not None and _tried_out(general, target, model)
        if refusal and not asked:
            return None, _candidate(backend, general, *refusal)
        if progress:
            progress(f"asking {name}")
        backend = stand_in(backend, general, target, isolate)
        answer = backend.capabilities(target, model)
        if refusal and asked and not _knows_compiled(answer, model):
            return None, _candidate(backend, general, *refusal)
        lessons = learned.words(model, name, answer.toolchain, target.name)
        full = with_words(answer, ("verified", lessons), ("tensor-size", too_large(answer, model)))
    except ZifError as error:
        return None, _out(rows[0].distribution, rows[0].version, name, "failed", str(error))
    return _participant(backend, full, target, request), _candidate(backend, full)


def _participant(backend: Backend, full: Capabilities, target: Target, request: Request) -> Participant:
    """The backend with what its options change in the plan. Raises UsageError for options that it does not have."""
    options = build_options(full.options, request.config.get(backend.name, {}), backend.name)
    with blaming(backend.info.owner, "telling its precisions"):
        precisions = tuple(options.precisions) if isinstance(options, ChoosesPrecision) else ()
    if precisions and precisions[0] in FLOATS:
        full = evolve(full, preferred_precision=precisions[0])
    return Participant(backend, full, precisions, remarks(options, target, full, backend.name))


def excluded(name: str, request: Request) -> str:
    """Why the request keeps a backend from being asked; "" where it does not."""
    if name in request.exclude:
        return "excluded by the caller"
    if request.only and name not in request.only:
        return f"not among the backends asked for ({', '.join(request.only)})"
    return ""


def left_out(general: Capabilities, target: Target, request: Request) -> tuple[str, str] | None:
    """Code and reason for leaving out a backend that was asked; None for one that takes part."""
    if not general.available:
        return "unavailable", general.reason
    if general.kind == "emulator" and target.is_host and not request.emulate:
        return (
            "excluded",
            "an emulator on this machine: takes part with --emulate, or when a chip is named as the target",
        )
    if general.rates is None and general.processor not in target.processors:
        return "unavailable", f"{target.name} has no {general.processor}, and the backend gives no rates of its own"
    return None


def _tried_out(general: Capabilities, target: Target, model: Model) -> bool:
    """Whether an emulator is asked unbidden: what was compiled for a chip runs nowhere else, as what a bundle has."""
    emulated = general.available and general.kind == "emulator" and target.is_host
    return emulated and bool(compiled_units.units(model))


def _knows_compiled(answer: Capabilities, model: Model) -> bool:
    """Whether a backend takes any unit that was compiled elsewhere, or would if it were for another chip or release."""
    said = (answer.verdicts.get(unit) for unit in compiled_units.units(model))
    return any(
        capabilities is not None and (bool(capabilities.supported) or capabilities.code == "unavailable")
        for capabilities in said
    )


def _candidate(backend: Backend, answer: Capabilities, code: str = "ok", reason: str = "") -> Candidate:
    return Candidate(
        name=backend.name,
        distribution=backend.distribution,
        version=backend.version,
        processor=answer.processor,
        kind=answer.kind,
        toolchain=answer.toolchain,
        takes_part=code == "ok",
        code=code,
        reason=reason,
        notes=answer.notes,
        label=answer.label,
    )


def _out(distribution: str, version: str, name: str, code: str, reason: str) -> Candidate:
    return Candidate(name, distribution, version, "", "hardware", "", False, code, reason)


__all__ = ["Participant", "Participants", "ask", "excluded", "left_out", "stand_in"]
