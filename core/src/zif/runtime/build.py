"""From a plan to a session: convert, compile (or take from the cache) and load each segment; plan again when one fails.

A backend's compiler can refuse what it promised. Then the unit that it refused moves to the next-best backend, the plan
is made again without it, and the session says so in its events; never silently, and never for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from zif.backends.isolation.remote import IsolatedBackend
from zif.backends.watched import watched
from zif.errors import BackendCrashed, StageFailed, Unsupported, ZifError
from zif.files.wording import listed
from zif.model.arguments import Progress
from zif.model.infer import skeleton
from zif.model.proof import Proof
from zif.runtime.bisect import culprits
from zif.runtime.extra_formats import chosen
from zif.runtime.session import Event, Session, Step

if TYPE_CHECKING:
    from zif.artifacts.cache import Cache, Hit, Miss
    from zif.backends.backend import Backend
    from zif.model import Model
    from zif.planning import Plan, Segment
    from zif.planning.planner import Planner
    from zif.records import Compiled, Executable
    from zif.runtime.session.events import OnFault

#: How often a plan is made again after a failed build before the error goes to the caller.
ROUNDS = 12

#: What a backend's stage may raise when a segment cannot be built there.
FAILURES = (Unsupported, StageFailed, BackendCrashed)


@frozen(eq=False)
class Builder:
    """Builds the segments of a planner's plans, keeping what was built when the plan changes.

    also: forms that backends put beside their artifacts where they can (see `zif.runtime.extra_formats`). fresh: every
    segment is compiled by a worker that has done nothing yet, where its backend has workers, to be alike each time.
    """

    planner: Planner
    cache: Cache | None = None
    progress: Progress | None = None
    also: tuple[str, ...] = ()
    fresh: bool = False
    events: list[Event] = field(factory=list)
    _built: dict[tuple[str, tuple[str, ...]], Compiled] = field(factory=dict, init=False)
    _faulty: dict[tuple[str, ...], set[str]] = field(factory=dict, init=False)

    def artifacts(self) -> tuple[Plan, list[Compiled]]:
        """A plan whose every segment compiled, and the artifacts in its order. Raises what the last attempt raised."""
        bans: dict[tuple[str, str], str] = {}
        for _ in range(ROUNDS):
            plan = self.planner.plan(bans)
            if plan.failure:
                raise Unsupported(f"{plan.model} for {plan.target}: {plan.failure}")
            failed = self._compile_all(plan)
            if not isinstance(failed, tuple):
                self._tell_failed(plan)
                return plan, failed
            segment, error = failed
            bans |= self._ban(segment, error, bans)
        raise StageFailed(f"{self.planner.model.name}: {ROUNDS} plans in a row could not be built: {error}") from error

    def _tell_failed(self, plan: Plan) -> None:
        """An event for every backend that failed when it was asked: the plan might have been another one with it."""
        failed = (candidate for candidate in plan.candidates if candidate.code == "failed")
        self.events.extend(Event("failed", answer.name, None, f"takes no part: {answer.reason}") for answer in failed)

    def session(self, on_fault: OnFault = "fail") -> Session:
        """A loaded session. Raises ZifError subclasses."""
        plan, compiled = self.artifacts()
        used = {name: self.planner.participants.by_name[name].remarks for name in plan.backends}
        self.events.extend(Event("note", name, None, text) for name, texts in used.items() for text in texts)
        steps: list[Step] = []
        try:
            for segment, artifact in zip(plan.segments, compiled, strict=True):
                steps.append(self._opened(segment, artifact, len(plan.segments) > 1, on_fault))
        except BaseException:
            for step in steps:
                step.close()
            raise
        model = self.planner.model
        plan = evolve(plan, segments=tuple(step.segment for step in steps))
        rescue = (lambda step, fault: self._rescue(step.segment, fault)) if on_fault == "fallback" else None
        known = {info.name: model.array(info.name) for info in plan.outputs if info.name in model.initializers}
        return Session(plan, steps, model.tensors, model.optional_inputs, self.events, rescue, known)

    def step(self, segment: Segment, artifact: Compiled, *, shared: bool) -> Step:
        """Load one artifact."""
        backend = self.planner.participants.by_name[segment.backend].backend
        executable = backend.load(artifact, self.options(segment.backend), shared=shared)
        texts = getattr(executable, "notes", ())
        self.events.extend(Event("note", segment.backend, segment.id, text) for text in texts)
        model = self.planner.model
        read = {name for unit in segment.units for name in model.unit(unit).weights} if model.optional_inputs else ()
        optional = tuple(info.name for info in model.optional_inputs if info.name in read)
        bare = skeleton(self._slice(segment.units, segment.id).proto)  # the session must not keep the weights
        inputs, proof = (*segment.inputs, *optional), Proof(lambda: bare)
        return Step(segment, watched(backend, executable), inputs, segment.outputs, proof)

    def _compile_all(self, plan: Plan) -> list[Compiled] | tuple[Segment, ZifError]:
        done = []
        for segment in plan.segments:
            try:
                done.append(self.compiled(segment))
            except FAILURES as error:
                return segment, error
        return done

    def compiled(self, segment: Segment) -> Compiled:
        """The artifact of one segment, made when it was not made before. Raises FAILURES."""
        key = (segment.backend, segment.units)
        if key not in self._built:
            if self.progress:
                self.progress(f"segment {segment.id} on {segment.backend} ({len(segment.units)} units)")
            made = self._make(segment.backend, self._slice(segment.units, segment.id))
            self.events.extend(Event("note", segment.backend, segment.id, text) for text in made.notes)
            self._built[key] = made
        return self._built[key]

    def loaded(self, name: str, units: Sequence[str]) -> Executable:
        """Some units by themselves on a backend, compiled and loaded. Raises ZifError subclasses."""
        backend = self.planner.participants.by_name[name].backend
        return backend.load(self._make(name, self._slice(units, 0)), self.options(name), shared=True)

    def replanned(self, planner: Planner) -> Builder:
        """A builder of another planner's plans of the same model, which keeps what was built and its events."""
        other = evolve(self, planner=planner)
        other._built.update(self._built)
        return other

    def looked_up(self, segment: Segment) -> Hit | Miss | None:
        """Whether the cache holds a segment's artifact, or why not; None when its backend's artifacts are not kept."""
        participant = self.planner.participants.by_name[segment.backend]
        if self.cache is None or "compile" not in participant.backend.stages:
            return None
        from zif.artifacts.cache import key_of

        model, options = self._slice(segment.units, segment.id), self.options(segment.backend)
        key = key_of(participant.backend, model, self.planner.target, options, participant.capabilities.toolchain)
        return self.cache.lookup(key, model.name, model.external_files())

    def _slice(self, units: Sequence[str], number: int) -> Model:
        model = self.planner.model
        return model.slice(units, f"{model.name}-{number:02d}")

    def _make(self, name: str, model: Model) -> Compiled:
        """One artifact with its certificate, from the cache when it holds one."""
        participant = self.planner.participants.by_name[name]
        backend, target, options = participant.backend, self.planner.target, self.options(name)

        def make() -> Compiled:
            if self.fresh and isinstance(backend, IsolatedBackend):
                backend.renew()
            return compiled_by(backend, model, target, options, participant.capabilities.toolchain)

        if self.cache is None or "compile" not in backend.stages:
            return make()
        toolchain = participant.capabilities.toolchain
        kept = self.cache.fetch(backend, model, target, options, toolchain, make, self._note)
        return evolve(kept, custom_ops=model.custom_ops)

    def _note(self, name: str, text: str) -> None:
        event = Event("cache", name, None, text)
        if event not in self.events:  # a cache that is not there is not there for every segment
            self.events.append(event)

    def options(self, name: str) -> Any:
        """What a backend is asked with: its own options, from the request and from the forms that are wanted."""
        participant = self.planner.participants.by_name[name]
        option_values: Mapping[str, Any] = self.planner.request.config.get(name, {})
        return participant.backend.options(
            {**option_values, **chosen(self.also, participant.capabilities.options)}, self.planner.target
        )

    def _ban(
        self, segment: Segment, error: ZifError, bans: Mapping[tuple[str, str], str]
    ) -> dict[tuple[str, str], str]:
        """Which units of a segment that did not build must go elsewhere, and why."""
        guilty = culprits(segment.units, error, lambda units: self._fails(segment.backend, units))
        reason = f"building it on {segment.backend} failed: {_first_line(error)}"
        fresh = {(unit, segment.backend): reason for unit in guilty if (unit, segment.backend) not in bans}
        if not fresh:  # the same answer again: nothing of this segment builds here
            fresh = {(unit, segment.backend): reason for unit in segment.units}
        names = listed((unit for unit, _ in fresh), 5)
        text = f"moved off {segment.backend}: {names} ({_first_line(error)})"
        self.events.append(Event("replan", segment.backend, segment.id, text))
        return fresh

    def _fails(self, name: str, units: Sequence[str]) -> bool:
        try:
            self._make(name, self._slice(units, 0))
        except FAILURES:
            return True
        return False

    def _opened(self, segment: Segment, artifact: Compiled, shared: bool, on_fault: OnFault) -> Step:
        """A segment, loaded; where its backend cannot and the host allows it, on another one, which is an event."""
        try:
            return self.step(segment, artifact, shared=shared)
        except ZifError as fault:
            if on_fault != "fallback":
                raise
            moved = self._rescue(segment, fault)
            to = moved.segment.backend
            told = f"segment {segment.id} moved from {segment.backend} to {to}: it could not be loaded: {fault}"
            self.events.append(Event("fallback", segment.backend, segment.id, told))
            return moved

    def _rescue(self, segment: Segment, fault: ZifError) -> Step:
        """The segment on the cheapest other backend that takes all its units; the fault itself when there is none.

        A backend that failed on these units once is not tried again: two of them would hand the segment to and fro.
        """
        self._faulty.setdefault(segment.units, set()).add(segment.backend)
        for name in self._others(segment):
            try:
                artifact = self._make(name, self._slice(segment.units, segment.id))
                general = self.planner.participants.by_name[name].capabilities
                moved = evolve(segment, backend=name, kind=general.kind, label=self.planner.labels[name])
                return self.step(moved, artifact, shared=True)
            except ZifError:  # whatever stands in its way, the next one may do, and the fault is what counts
                continue
        raise fault

    def _others(self, segment: Segment) -> list[str]:
        """Backends that have not failed on the segment's units and support all of them, cheapest first."""
        planner, faulty = self.planner, self._faulty[segment.units]
        rows = [row for row, unit in enumerate(planner.model.units) if unit.id in set(segment.units)]
        cost = {
            name: float(planner.prices.us[rows, k].sum())
            for k, name in enumerate(planner.names)
            if name not in faulty and planner.supports(name, segment.units)
        }
        return sorted(cost, key=lambda name: cost[name])


def compiled_by(backend: Backend, model: Model, target: Any, options: Any, toolchain: str) -> Compiled:
    """Convert and compile one model on one backend, and certify the artifact."""
    converted = backend.convert(model, target, options)
    made = backend.certify(backend.compile(converted, target, options), toolchain, target, options)
    return evolve(made, custom_ops=model.custom_ops)


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
