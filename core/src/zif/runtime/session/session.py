"""Session: segments in order over a DAG of tensors, values released when last used, faults as events."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from copy import copy
from itertools import count
from time import perf_counter, perf_counter_ns
from typing import TYPE_CHECKING, Any

from attrs import evolve

from zif.backends import timeline
from zif.backends.blame import from_signal
from zif.backends.timeline import NOTHING, recorded, span, within
from zif.errors import InvalidInput, InvalidModel, UsageError, ZifError
from zif.records import Arrays, TensorInfo
from zif.runtime.session.admit import Admission
from zif.runtime.session.events import Event, Rescue, Timing, Underway, Watch
from zif.runtime.session.faults import named
from zif.runtime.session.moving import Moving
from zif.runtime.session.output_arrays import check_outputs, handed_over
from zif.runtime.session.step import Step
from zif.runtime.session.wiring import Wiring, check_of

if TYPE_CHECKING:
    from types import TracebackType

    from zif.planning import Plan
    from zif.runtime.session.asynchronous import Asynchronous, Run, Stop
    from zif.runtime.session.bound import Bound
    from zif.runtime.session.late_plan import LatePlan
    from zif.runtime.session.pipeline import Pipeline
    from zif.runtime.session.stream import Stream
    from zif.runtime.timeline import Timeline

_NUMBERS = count(1)


class Session(Moving):
    """A loaded plan or bundle. `run` may be called from several threads; `close` frees what the backends hold.

    `events` lists what happened besides the plan, `plan` says what runs where and why. `starting` is what is compiled
    beside one that was loaded with start="cpu"; None otherwise.
    """

    def __init__(
        self,
        plan: Plan | LatePlan,
        steps: Sequence[Step],
        tensors: Mapping[str, TensorInfo],
        optional: Sequence[TensorInfo] = (),
        events: Sequence[Event] = (),
        rescue: Rescue | None = None,
        constants: Mapping[str, Any] | None = None,
    ) -> None:
        """`constants` are the graph outputs that no segment makes because they are known before running."""
        super().__init__()
        self._plan = plan
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
        self._passed = frozenset(self._names) & self._admission.gates.keys()
        self._watch: Watch | None = None
        self._close_watch: Callable[[], None] | None = None
        self._queue: Asynchronous | None = None
        #: What its spans in a timeline are known by.
        self.number = next(_NUMBERS)
        self.starting: Underway | None = None
        self._wiring = self._wire(steps)

    def run(
        self, inputs: Arrays | None = None, *, outputs: Arrays | None = None, trace: list[Timing] | None = None
    ) -> dict[str, Any]:
        """Run once: arrays by input name in, arrays by output name out, in the model's order.

        outputs: arrays of the caller's, by name, that results are written into, of the output's dtype and shape,
        C-contiguous, sharing memory with nothing else that is handed over; they stand in what is returned. trace: a
        list that gets one Timing per segment. Raises InvalidInput for inputs and outputs that don't fit, BackendCrashed
        or StageFailed, naming the segment, when a backend fails, and UsageError after `close`.
        """
        values = self._admission.admit(inputs if inputs is not None else {})
        if outputs is not None:
            check_outputs(outputs, self.outputs, values)
            return handed_over(self._watched(values, trace), outputs)
        wiring = self._wiring
        direct = wiring.direct
        if direct is None or trace is not None or self._closed or self._watch or timeline.recorders:
            return self._watched(values, trace)
        try:
            made = direct[0](values)
            return direct[1](made, values)  # type: ignore[return-value]
        except BaseException as error:
            return self._again(wiring, values, None, error, 0)

    def bind(self, inputs: Arrays, outputs: Arrays | None = None) -> Bound:
        """A run over these arrays, to be made many times: `bound()` reads `bound.inputs` and writes `bound.outputs`.

        inputs: one C-contiguous array for each input, of its dtype and shape. outputs: arrays that are written into, as
        `run` takes them; those that are missing are made, where their shapes are known from a run only by a first run.
        Raises InvalidInput for what does not fit, UsageError for an output that is no tensor.
        """
        from zif.runtime.session.bound import Bound

        return Bound(self, inputs, outputs)

    def run_async(
        self,
        inputs: Arrays | None = None,
        *,
        outputs: Arrays | None = None,
        deadline: float | None = None,
        wait: float | None = None,
    ) -> Run:
        """Ask for a run and go on: what is returned is a `concurrent.futures.Future`, and can be awaited.

        The arrays must stay as they are until it is over. deadline: seconds until it ends with DeadlineExceeded,
        whatever its backend does. wait: seconds to wait for a place in the queue when that is full, as long as it takes
        without; in an event loop nobody waits. `queue` says how many runs wait and work. Raises InvalidInput for what
        does not fit, QueueFull, and UsageError after `close`; what `run` raises is in the future.
        """
        if self._closed:
            raise UsageError("the session is closed: load the model again")
        values = self._admission.admit(inputs if inputs is not None else {})
        if outputs is not None:
            check_outputs(outputs, self.outputs, values)

        asked = perf_counter_ns()

        def call(stop: Stop) -> dict[str, Any]:
            if timeline.recorders:
                with within(self.number):
                    timeline.tell("waits for a thread", "queue", asked, "queue")
            made = self._watched(values, None, stop)
            return made if outputs is None else handed_over(made, outputs)

        return self._queued().run(call, deadline, wait)

    def queue(
        self, workers: int = 1, limit: int = 16, submit: Callable[[Callable[[], None]], Any] | None = None
    ) -> None:
        """How runs of `run_async` are made: so many at a time, so many waiting or being made at the most.

        submit: takes a job without arguments and sees that it is done soon in another thread, in the place of threads
        of the session's own. Runs that wait already are made as before.
        """
        from zif.runtime.session.asynchronous import Asynchronous

        with self._lock:
            old, self._queue = self._queue, Asynchronous(workers, limit, submit)
        if old is not None:
            old.close()

    def _queued(self) -> Asynchronous:
        if self._queue is None:
            from zif.runtime.session.asynchronous import Asynchronous

            with self._lock:
                if self._queue is None:
                    self._queue = Asynchronous()
        return self._queue

    def watch(self, watch: Watch, close: Callable[[], None]) -> None:
        """From now on `watch` sees every run; `close` is called when the session is closed."""
        self._watch, self._close_watch = watch, close

    def stream(
        self, state: Mapping[str, str], *, initial: Arrays | None = None, outputs: Collection[str] | None = None
    ) -> Stream:
        """A sequence of runs that keeps state: what an output of one run is, an input of the next will be.

        state: input names and the outputs that they come from, such as {"h": "hn"}. initial: what they begin with;
        zeros of the declared shape where it is not given. outputs: which ones runs give; without, all, states copied.
        Raises UsageError for names that the model lacks and pairs that do not go together, InvalidInput for arrays that
        do not fit.
        """
        from zif.runtime.session.stream import Stream

        return Stream(self, state, initial, outputs)

    def pipeline(self, depth: int | None = None) -> Pipeline:
        """Runs that follow each other through the segments, so that different processors work at the same time.

        depth: how many are in flight at most; one more than there are segments without. Raises UsageError.
        """
        from zif.runtime.session.pipeline import Pipeline

        return Pipeline(self, depth)

    def map(self, inputs: Iterable[Arrays], depth: int | None = None) -> Iterator[dict[str, Any]]:
        """The outputs for each of these inputs, in order, made in a pipeline of that depth (see `Pipeline.map`)."""
        with self.pipeline(depth) as pipeline:
            yield from pipeline.map(inputs)

    def close(self) -> None:
        """Free every backend's resources. May be called twice; a run in another thread fails with a clear error.

        A backend that fails in closing is an event, and the others are closed all the same.
        """
        with self._lock:
            closed, self._closed = self._closed, True
        if closed:
            return
        if self._queue is not None:
            self._queue.close()
        if self.starting is not None:
            self.starting.cancel()
        self.reload = None  # it may hold the model's content
        self._wiring.frames.clear()
        with ExitStack() as all_of_them:
            all_of_them.callback(self._retired.close)
            if self._close_watch is not None:
                all_of_them.callback(self._close_watch)
            for step in reversed(self._wiring.steps):
                all_of_them.callback(self._let_go, step)

    def _let_go(self, step: Step) -> None:
        problem = step.close()
        if problem:
            self.events.append(Event("close", step.segment.backend, step.segment.id, problem))

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def carried(self, values: Arrays, between: Stop, trace: list[Timing] | None = None) -> dict[str, Any]:
        """A run on inputs that were admitted; `between` is called before each segment, and may wait or raise."""
        return self._watched(values, trace, between)

    @property
    def tensors(self) -> Mapping[str, TensorInfo]:
        """What is known of every value."""
        return self._tensors

    def admitted(self, inputs: Arrays) -> Arrays:
        """The inputs, ready for the backends. Raises InvalidInput."""
        return self._admission.admit(inputs)

    def after_fault(self, wiring: Wiring, values: Arrays, error: BaseException, number: int) -> dict[str, Any]:
        """The outputs of a run that failed in step `number`, made elsewhere if the host allowed it; else the fault."""
        return self._again(wiring, values, None, error, number)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The segments in the order in which they run, with their executables; none while it rests."""
        return self._wiring.steps

    def stages(self, inputs: Arrays) -> Iterator[tuple[Step, dict[str, Any]]]:
        """Run segment by segment, outside of shared buffers: each step with what it is handed, before it runs."""
        self.awake()
        values = dict(self._admission.admit(inputs))
        for step in self.steps:
            handed = {name: values[name] for name in step.inputs if name in values}
            yield step, handed
            try:
                made = step.executable.run(handed)
                values.update(check_of(step, self._tensors, (), ())(made, handed))
            except BaseException as error:
                raise self._fault(step, error) from error

    def _watched(self, values: Arrays, trace: list[Timing] | None, stop: Stop | None = None) -> dict[str, Any]:
        if not recorded():
            made = self._run(values, trace, stop)
        else:
            with within(self.number), span(f"run {self.plan.model}", "run"):
                made = self._run(values, trace, stop)
        return made if self._watch is None else self._watch(values, made)

    def trace(self) -> AbstractContextManager[Timeline]:
        """Within it, what runs of this session do is recorded: `with session.trace() as timeline: …`.

        What was recorded is there after it: `timeline.spans`, `timeline.save("run.pftrace")` (or .json).
        """
        from zif.runtime.timeline import traced

        return traced(self.number)

    def _run(self, inputs: Arrays, trace: list[Timing] | None, stop: Stop | None = None) -> dict[str, Any]:
        if self._closed:
            raise UsageError("the session is closed: load the model again")
        while (wiring := self._wiring).resting:
            self.awake()
        values = dict(inputs)
        frame = wiring.frames.take()
        for number, (call, check) in enumerate(zip(frame.calls, wiring.checks, strict=True)):
            if stop is not None:
                with span("waits for its turn", "queue", "queue"):
                    stop()
            start = perf_counter()
            handed = {name: values[name] for name in wiring.free[number] if name in values}
            try:
                with segment_span(wiring.steps[number]):
                    made = call(handed)
                if check is not None:
                    with span("checks and copies", "copy"):
                        values.update(check(made, handed))
            except BaseException as error:
                return self._again(wiring, inputs, trace, error, number)
            if trace is not None:
                trace.append(_timing(wiring.steps[number], start))
            for name in wiring.drop[number]:
                values.pop(name, None)
        wiring.frames.give(frame)
        return self._collect(values)

    def _wire(self, steps: Sequence[Step]) -> Wiring:
        return Wiring.of(steps, self._tensors, self._admission.gates, self._names, self._tell)

    def _tell(self, step: Step, text: str) -> None:
        self.events.append(Event("shape", step.segment.backend, step.segment.id, text))

    def _collect(self, values: Mapping[str, Any]) -> dict[str, Any]:
        if self._constants:
            values = {name: copy(value) for name, value in self._constants.items()} | dict(values)
        if self._passed:  # an input that is an output, too: what is returned is the caller's own
            values = {**values, **{name: copy(values[name]) for name in self._passed}}
        return {name: values[name] for name in self._names}

    def _again(
        self, wiring: Wiring, values: Arrays, trace: list[Timing] | None, error: BaseException, number: int
    ) -> dict[str, Any]:
        """After a fault in step `number`: rebuild it elsewhere and run again if the host allowed it, else raise."""
        try:
            fault = self._fault(wiring.steps[number], error)
            if self._closed:
                raise UsageError("the session was closed while it ran") from error
            if self._rescue is None or isinstance(fault, (InvalidInput, InvalidModel)):  # as wrong elsewhere
                raise fault from (error if fault is not error else error.__cause__)
            with self._lock:
                if self._wiring is wiring:  # another thread may have rescued it already
                    self._replace(number, self._rescue(wiring.steps[number], fault), fault)
        finally:
            fault = error = None  # type: ignore[assignment]  # an error that its own frame holds keeps all arrays alive
        if trace is not None:
            trace.clear()
        return self._run(values, trace)

    def _replace(self, number: int, step: Step, fault: ZifError) -> None:
        steps = list(self._wiring.steps)
        old, steps[number] = steps[number], step
        told = f"segment {old.segment.id} moved from {old.segment.backend} to {step.segment.backend}: {fault}"
        self.events.append(Event("fallback", old.segment.backend, old.segment.id, told))
        self.plan = evolve(self.plan, segments=tuple(step.segment for step in steps))
        self._wiring = self._wire(steps)
        self._let_go(old)

    def _fault(self, step: Step, error: BaseException) -> ZifError:
        """What a step raised, as a ZifError that says who; what a signal's handler raised is raised again."""
        if from_signal(error):
            raise error
        return step.judged(self._named(step, error))

    def _named(self, step: Step, error: BaseException) -> ZifError:
        return named(step, error, self._admission.gates.keys())


def _timing(step: Step, start: float) -> Timing:
    segment = step.segment
    return Timing(segment.id, segment.backend, segment.kind, (perf_counter() - start) * 1e3, segment.label)


def segment_span(step: Step) -> AbstractContextManager[None]:
    """The span of a segment that runs, on the track of its backend."""
    if not recorded():
        return NOTHING
    segment = step.segment
    track = f"{segment.backend} ({segment.label or segment.kind})"
    return span(f"segment {segment.id}", "segment", track, backend=segment.backend, units=len(segment.units))
