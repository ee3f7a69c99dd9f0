"""Session: segments in order over a DAG of tensors, values released when last used, faults as events."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve, frozen

from zif.errors import BackendBroken, BackendCrashed, InvalidInput, StageFailed, UsageError, ZifError
from zif.records import Arrays, TensorInfo
from zif.runtime.session.admit import Admission
from zif.runtime.session.step import Step
from zif.runtime.session.wiring import Wiring

if TYPE_CHECKING:
    from types import TracebackType

    from zif.planning import Plan

OnFault = Literal["fail", "fallback"]


@frozen
class Event:
    """Something that the host should know of: a fallback, a rebuilt artifact, a note of a backend."""

    kind: str
    backend: str
    segment: int | None
    text: str


@frozen
class Timing:
    """How long one segment took in one run, in milliseconds of wall-clock time."""

    segment: int
    backend: str
    kind: str
    ms: float
    label: str = ""


#: Builds a step anew on the next-best backend after a fault; raises when there is none.
Rescue = Callable[[Step, ZifError], Step]


class Session:
    """A loaded plan or bundle. `run` may be called from several threads; `close` frees what the backends hold.

    `events` lists what happened besides the plan, `plan` says what runs where and why.
    """

    def __init__(
        self,
        plan: Plan,
        steps: Sequence[Step],
        tensors: Mapping[str, TensorInfo],
        optional: Sequence[TensorInfo] = (),
        events: Sequence[Event] = (),
        rescue: Rescue | None = None,
        constants: Mapping[str, Any] | None = None,
    ) -> None:
        """`constants` are the graph outputs that no segment makes because they are known before running."""
        self.plan = plan
        self.inputs = plan.inputs
        self.optional_inputs = tuple(optional)
        self.outputs = plan.outputs
        self.events: list[Event] = list(events)
        self._tensors = dict(tensors)
        self._rescue = rescue
        self._closed = False
        self._lock = threading.Lock()
        self._admission = Admission(plan.inputs, optional)
        self._names = tuple(info.name for info in plan.outputs)
        self._constants = dict(constants or {})
        self._wiring = self._wire(steps)

    def run(self, inputs: Arrays | None = None, *, trace: list[Timing] | None = None) -> dict[str, Any]:
        """Run once: arrays by input name in, arrays by output name out, in the model's order.

        trace: a list that gets one Timing per segment. Raises InvalidInput for inputs that don't fit, BackendCrashed
        or StageFailed, naming the segment, when a backend fails, and UsageError after `close`.
        """
        values = self._admission.admit(inputs if inputs is not None else {})
        direct = self._wiring.direct
        if direct is None or trace is not None or self._closed:
            return self._run(values, trace)
        try:
            made = direct(values)
            whole = tuple(made) == self._names
        except Exception as error:
            return self._again(self._wiring, values, None, error, 0)
        return made if whole else self._collect(made)  # type: ignore[return-value]

    def close(self) -> None:
        """Free every backend's resources. May be called twice; a run in another thread fails with a clear error."""
        with self._lock:
            closed, self._closed = self._closed, True
        if closed:
            return
        self._wiring.frames.clear()
        for step in self._wiring.steps:
            step.executable.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The segments in the order in which they run, with their executables."""
        return self._wiring.steps

    def stages(self, inputs: Arrays) -> Iterator[tuple[Step, dict[str, Any]]]:
        """Run segment by segment, outside of shared buffers: each step with what it is handed, before it runs."""
        values = dict(self._admission.admit(inputs))
        for step in self.steps:
            given = {name: values[name] for name in step.inputs if name in values}
            yield step, given
            values.update(step.executable.run(given))

    def _run(self, given: Arrays, trace: list[Timing] | None) -> dict[str, Any]:
        if self._closed:
            raise UsageError("the session is closed: load the model again")
        wiring = self._wiring
        values = dict(given)
        frame = wiring.frames.take()
        for number, call in enumerate(frame.calls):
            start = perf_counter()
            try:
                values.update(call({name: values[name] for name in wiring.free[number] if name in values}))
            except Exception as error:
                return self._again(wiring, given, trace, error, number)
            if trace is not None:
                trace.append(_timing(wiring.steps[number], start))
            for name in wiring.drop[number]:
                values.pop(name, None)
        wiring.frames.give(frame)
        return self._collect(values)

    def _wire(self, steps: Sequence[Step]) -> Wiring:
        return Wiring.of(steps, self._tensors, self._admission.gates, self._names)

    def _collect(self, values: Mapping[str, Any]) -> dict[str, Any]:
        if self._constants:
            values = {name: copy(value) for name, value in self._constants.items()} | dict(values)
        missing = [name for name in self._names if name not in values]
        if missing:
            made_by = next((s.segment.backend for s in self._wiring.steps if missing[0] in s.outputs), "no segment")
            raise BackendBroken(f"output {missing[0]!r} was not made: {made_by} did not return it")
        return {name: values[name] for name in self._names}

    def _again(
        self, wiring: Wiring, given: Arrays, trace: list[Timing] | None, error: Exception, number: int
    ) -> dict[str, Any]:
        """After a fault in step `number`: rebuild it elsewhere and run again if the host allowed it, else raise."""
        if self._closed:
            raise UsageError("the session was closed while it ran") from error
        fault = _labelled(wiring.steps[number], error)
        if self._rescue is None or isinstance(fault, InvalidInput):  # elsewhere it would be as wrong
            raise fault from (error if fault is not error else error.__cause__)
        with self._lock:
            if self._wiring is wiring:  # another thread may have rescued it already
                self._replace(number, self._rescue(wiring.steps[number], fault), fault)
        if trace is not None:
            trace.clear()
        return self._run(given, trace)

    def _replace(self, number: int, step: Step, fault: ZifError) -> None:
        steps = list(self._wiring.steps)
        old, steps[number] = steps[number], step
        told = f"segment {old.segment.id} moved from {old.segment.backend} to {step.segment.backend}: {fault}"
        self.events.append(Event("fallback", old.segment.backend, old.segment.id, told))
        self.plan = evolve(self.plan, segments=tuple(one.segment for one in steps))
        self._wiring = self._wire(steps)
        old.executable.close()


def _timing(step: Step, start: float) -> Timing:
    segment = step.segment
    return Timing(segment.id, segment.backend, segment.kind, (perf_counter() - start) * 1e3, segment.label)


def _labelled(step: Step, error: Exception) -> ZifError:
    segment = step.segment
    if isinstance(error, BackendCrashed):
        return BackendCrashed(f"segment {segment.id}: {error}", error.log)
    if isinstance(error, StageFailed):
        return StageFailed(f"segment {segment.id}: {error}")
    if isinstance(error, ZifError):
        return error
    why = str(error).strip() or type(error).__name__
    return StageFailed(f"segment {segment.id} on {segment.backend} failed to run: {why}")
