"""Two things on the same inputs: outputs first, as users get them, then inner tensors, a group at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs import define, field

from zif.errors import InvalidInput, UsageError, ZifError
from zif.evaluation.comparison import origin
from zif.evaluation.comparison.ends import Ends, match
from zif.evaluation.comparison.idle import idle
from zif.evaluation.comparison.record import Compared, Comparison, Ran
from zif.evaluation.comparison.sides import Side, side
from zif.evaluation.comparison.taps import Tap, common, groups, tapped, taps
from zif.model.arguments import Progress
from zif.runtime.measures import Tally

if TYPE_CHECKING:
    from zif.model import Model
    from zif.model.arguments import Source
    from zif.planning import Plan
    from zif.runtime.session import Session

    Sample = Mapping[str, Any] | Callable[[], Mapping[str, Any]]


def compare(
    a: Source | Session | Side,
    b: Source | Session | Side,
    inputs: Mapping[str, Any] | Sequence[Sample],
    *,
    target: str = "",
    policy: str = "balanced",
    shapes: Mapping[str, Sequence[int]] | None = None,
    custom_ops: Sequence[str | Path] | str | Path = (),
    intermediates: bool = True,
    group: int = 0,
    memory: int = 2**28,
    progress: Progress | None = None,
) -> Comparison:
    """Run A and B on the same inputs and tell how far B is from A, output by output and tensor by tensor.

    a, b: a model (path, bytes, proto), "PATH@WHERE" with a target, backends, or both ("m.onnx@some-chip,my_npu"), a
    bundle's folder, or an open session. inputs: one set of arrays by input name, of its input's dtype and shape each,
    or several; a set may be a function that gives it. target: for both, where they name none. policy: of the plans of
    models that name no backends, as for `zif.load`; "power" gives an accelerator what it takes. shapes: fixes dynamic
    inputs by name. custom_ops: libraries of operators, as for `zif.load`.

    Inner tensors are read by running both again with these as further outputs: at most `group` at a time (0: as many as
    take `memory` bytes). That keeps an accelerator from fusing across them; `observer_db` says what it changed. Only
    models have inner tensors, not bundles and sessions.

    Raises UsageError when the two do not have the same inputs and outputs, and what `zif.load` and `session.run` raise.
    """
    samples = [inputs] if isinstance(inputs, Mapping) else inputs
    if not isinstance(samples, Sequence):
        raise UsageError(
            f"inputs are one set of arrays by input name, or a list of such sets, not {type(inputs).__name__}"
        )
    if not samples:
        raise UsageError("there are no inputs to compare with")
    first, other = _same_shapes(
        *(s if isinstance(s, Side) else side(s, target, shapes, policy, custom_ops) for s in (a, b))
    )
    return _Comparing(first, other, samples, group, memory, progress or (lambda _: None)).all(intermediates)


def _same_shapes(a: Side, b: Side) -> tuple[Side, Side]:
    """What one side leaves open and the other fixes is fixed for both: quantizers fix shapes, exporters do not."""
    if a.model is None or b.model is None:
        return a, b
    return a.reshaped(_fixed(a.model, b.model)), b.reshaped(_fixed(b.model, a.model))


def _fixed(model: Model, by: Model) -> dict[str, tuple[int, ...]]:
    """The shapes of the inputs that `model` leaves open and `by` fixes."""
    loose = {info.name for info in model.inputs if not info.static}
    known = ((info.name, info.shape) for info in by.inputs if info.static and info.name in loose)
    return {name: tuple(dim for dim in shape or () if isinstance(dim, int)) for name, shape in known}


@define
class _Comparing:
    a: Side
    b: Side
    samples: Sequence[Sample]
    group: int
    memory: int
    told: Progress
    ends: Ends = field(init=False)
    tallies: dict[str, Tally] = field(factory=dict)
    unobserved: dict[str, str] = field(factory=dict)
    first: list[dict[str, Any]] = field(factory=list)
    ran: list[Ran] = field(factory=list)
    plans: list[Plan] = field(factory=list)
    moved: tuple[Tally, Tally] = field(factory=lambda: (Tally(), Tally()))

    def all(self, intermediates: bool) -> Comparison:
        outputs = self._outputs()
        whole = intermediates and self.a.model is not None and self.b.model is not None
        ours = taps(self.a.model) if whole and self.a.model else {}
        theirs = taps(self.b.model) if whole and self.b.model else {}
        pairs = common(ours, theirs)
        for members in groups(pairs, self.group, self.memory):
            self._observe(members)
        names = [pair[0].name for pair in pairs]
        rest = tuple(n for n in ours if n not in theirs), tuple(n for n in theirs if n not in ours)
        return self._result(outputs, names, [ours[name] for name in names], rest)

    def _outputs(self) -> list[str]:
        """Run both as they are; gives the names of the outputs."""
        if self.a.model and self.b.model:  # before anything is compiled
            self.ends = _ends(self.a.model, self.b.model)
        with ExitStack() as stack:
            sessions = [self._opened(stack, side)[0] for side in (self.a, self.b)]
            self.ends = _ends(*sessions)
            self.ran = [_ran(side, session) for side, session in zip((self.a, self.b), sessions, strict=True)]
            names = {name: name for name in self.ends.outputs}
            self._each(sessions, names, dict(self.ends.outputs), "outputs", scores=True)
        return list(names)

    def _opened(self, stack: ExitStack, side: Side, wanted: Sequence[Tap] = ()) -> tuple[Session, dict[str, str]]:
        """A session, closed with the stack, and the outputs that show the wanted tensors ("" for what is fed)."""
        self.told(f"building {side.label}")
        if not wanted:
            session = side.open(self.told)
            names: dict[str, str] = {}
            self.plans.append(session.plan)
        else:
            assert side.model is not None
            model, names = tapped(side.model, wanted)
            session = side.observed(model, self.plans[side is self.b], self.told)
        stack.callback(side.close, session)
        return session, {tap.name: names.get(tap.name, "") for tap in wanted}

    def _each(
        self, sessions: Sequence[Session], ours: Mapping[str, str], theirs: Mapping[str, str], what: str, scores: bool
    ) -> None:
        """Run every sample on both and count the values of these names, which map to what each side calls them."""
        fresh = {name: Tally(scores) for name in ours}
        for number, sample in enumerate(self.samples, 1):
            self.told(f"{what}, sample {number} of {len(self.samples)}")
            inputs = sample() if callable(sample) else sample
            results = [sessions[0].run(inputs), sessions[1].run(self.ends.for_b(inputs))]
            if number == 1:
                self._watch(results)
            for name, tally in fresh.items():
                mine = results[0][ours[name]] if ours[name] else inputs[name]
                other = results[1][theirs[name]] if theirs[name] else inputs[name]
                _count(tally, name, mine, other)
        self.tallies |= fresh

    def _watch(self, results: Sequence[Mapping[str, Any]]) -> None:
        """Keep the outputs of the first run as users get it; later, see whether observing has moved them."""
        kept = list(self.ends.outputs), list(self.ends.outputs.values())
        if not self.first:
            self.first = [{n: result[n] for n in names} for result, names in zip(results, kept, strict=True)]
            return
        for before, now, tally in zip(self.first, results, self.moved, strict=True):
            for name, value in before.items():
                _count(tally, name, value, now[name])

    def _observe(self, pairs: Sequence[tuple[Tap, Tap]]) -> None:
        """Read these tensors on both sides; where that cannot be built or run, halve until it can."""
        try:
            with ExitStack() as stack:
                ours, seen_a = self._opened(stack, self.a, [pair[0] for pair in pairs])
                theirs, seen_b = self._opened(stack, self.b, [pair[1] for pair in pairs])
                self._each([ours, theirs], seen_a, seen_b, f"{len(pairs)} inner tensors", scores=False)
        except (UsageError, InvalidInput):
            raise
        except ZifError as error:
            if len(pairs) == 1:
                self.unobserved[pairs[0][0].name] = str(error)
                return
            half = len(pairs) // 2
            self._observe(pairs[:half])
            self._observe(pairs[half:])

    def _result(
        self, outputs: list[str], names: list[str], seen: list[Tap], rest: tuple[tuple[str, ...], tuple[str, ...]]
    ) -> Comparison:
        model = self.a.model
        sources = origin.sources(model, seen) if model else {}
        makers = origin.makers(model, seen) if model else {}
        figures = {name: tally.figures() for name, tally in self.tallies.items()}
        ratios = {name: figure.sqnr_db for name, figure in figures.items()}

        def report(name: str) -> Compared:
            source = origin.worst_source(sources.get(name, ()), ratios)
            fall = origin.drop(ratios[name], source) if sources else None
            return Compared(name, *makers.get(name, ("", "")), figures[name], source, fall)

        tensors = [report(name) for name in names if name in figures]
        results = tuple(report(name) for name in outputs)
        moved = [tally.figures().sqnr_db if tensors else None for tally in self.moved]
        marked = {
            compared.name: compared
            for compared in (*tensors, *results)
            if (compared.drop_db or 0.0) >= origin.MARKED_DB
        }
        falls = {name: mark.source_sqnr_db for name, mark in marked.items()}
        fine = origin.harmless(falls, sources, ratios, set(outputs))
        tensors = [attrs.evolve(tensor, harmless=tensor.name in fine) for tensor in tensors]
        return Comparison(
            a=self.ran[0],
            b=self.ran[1],
            samples=len(self.samples),
            outputs=results,
            tensors=tuple(tensors),
            start=next((name for name in marked if name not in fine), "") if tensors else "",
            only_a=rest[0],
            only_b=rest[1],
            unobserved=self.unobserved,
            observer_db=(moved[0], moved[1]),
            notes=(*self.ends.notes, *self._notes()),
        )

    def _notes(self) -> list[str]:
        sides = (self.a, self.b)
        notes = [
            f"{side.label} is no model: only its outputs could be compared" for side in sides if side.model is None
        ]
        named = [side.backends or side.model is None for side in sides]  # bundles and sessions are settled already
        left = [idle(plan, side.label) for side, plan, own in zip(sides, self.plans, named, strict=False) if not own]
        return [*notes[:1], *dict.fromkeys(note for note in left if note)]


def _ends(a: Any, b: Any) -> Ends:
    return match((a.inputs, b.inputs), (a.outputs, b.outputs))


def _ran(side: Side, session: Session) -> Ran:
    plan = session.plan
    label = f"{side.folder.name} on {plan.target}" if side.folder is not None else side.label  # it says itself for what
    return Ran(label, plan.target, plan.backends, plan.emulated, len(plan.segments))


def _count(tally: Tally, name: str, mine: Any, other: Any) -> None:
    try:
        tally.add(mine, other)
    except ValueError as error:
        raise UsageError(f"{name!r} has the shapes {error} in A and B: they are not two forms of one model") from None
