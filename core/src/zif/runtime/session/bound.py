"""A run over arrays of the caller's that are named once: nothing is checked, allocated or copied in between.

Segments of backends that can (`SupportsBinding`) read and write the arrays where they are; for the others they are
handed over as in any run, and what they give is copied.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from zif.errors import InvalidInput, UsageError
from zif.model.dtypes import numpy_dtype
from zif.records import SupportsBinding, TensorInfo
from zif.runtime.session.fit import wanted
from zif.runtime.session.frames import allocate, bindable
from zif.runtime.session.output_arrays import check_outputs, handed_over

if TYPE_CHECKING:
    from zif.runtime.session.step import Step
    from zif.runtime.session.wiring import Wiring

Values = dict[str, Any]
_NOTHING: Mapping[str, Any] = {}
#: One segment: its call, the names of what it is handed, and the arrays that its results are copied into.
Stage = tuple[Callable[[Mapping[str, Any]], Mapping[str, Any]], tuple[str, ...], Mapping[str, Any]]


class Owner(Protocol):
    """What a bound run wants of its session."""

    _wiring: Wiring
    _closed: bool
    _watch: Any
    outputs: tuple[TensorInfo, ...]

    @property
    def tensors(self) -> Mapping[str, TensorInfo]: ...
    def admitted(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]: ...
    def awake(self) -> None: ...
    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]: ...
    def after_fault(
        self, wiring: Wiring, inputs: Mapping[str, Any], error: BaseException, number: int
    ) -> dict[str, Any]: ...


class Bound:
    """What `Session.bind` gives. Call it to run: it reads `inputs`, writes `outputs`, and returns `outputs`.

    Write new values into the arrays of `inputs` between two calls. Calls from several threads take turns; bind once per
    thread to run at the same time.
    """

    def __init__(self, session: Owner, inputs: Mapping[str, Any], outputs: Mapping[str, Any] | None) -> None:
        self._session = session
        self.inputs: Mapping[str, Any] = dict(inputs)
        _check_inputs(self.inputs, session)
        check_outputs(outputs or {}, session.outputs, self.inputs)
        self.outputs: Mapping[str, Any] = _completed(session, self.inputs, dict(outputs or {}))
        self._lock = threading.Lock()
        self._wiring: Any = None
        self._stages: tuple[Stage, ...] = ()
        self._alone: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None

    def __call__(self) -> Mapping[str, Any]:
        """Run once. Raises what `Session.run` raises."""
        with self._lock:
            session, alone = self._session, self._alone
            if alone is None or self._wiring is not session._wiring or session._closed or session._watch:
                return self._slowly()
            try:
                alone(_NOTHING)
            except BaseException as error:
                return self._again(error, 0)
            return self.outputs

    def _slowly(self) -> Mapping[str, Any]:
        session = self._session
        if session._closed or session._watch:  # it is refused, or somebody wants to see it
            handed_over(session.run(self.inputs), self.outputs)
            return self.outputs
        if self._wiring is not session._wiring:
            self._wire()
        values: Values = {**self.inputs, **self.outputs}
        for number, (call, names, into) in enumerate(self._stages):
            try:
                made = call({name: values[name] for name in names if name in values})
                for name, array in into.items():
                    np.copyto(array, made[name])
            except BaseException as error:
                return self._again(error, number)
            values.update((name, value) for name, value in made.items() if name not in into)
        return self.outputs

    def _again(self, error: BaseException, number: int) -> Mapping[str, Any]:
        """After a fault: what the session does of it. Whatever was bound may hold half a result."""
        wiring, self._wiring = self._wiring, None
        handed_over(self._session.after_fault(wiring, self.inputs, error, number), self.outputs)
        return self.outputs

    def _wire(self) -> None:
        self._wiring, self._stages, self._alone = None, (), None  # the old steps may go while others are loaded
        session = self._session
        while (wiring := session._wiring).resting:
            session.awake()
        steps, names = wiring.steps, tuple(self.outputs)
        between = {name: session.tensors[name] for name in bindable(steps, session.tensors, names)}
        arrays = {**self.inputs, **self.outputs, **allocate(steps, between)}
        self._stages = tuple(_stage(step, arrays, self.outputs) for step in steps)
        whole = len(steps) == 1 and not self._stages[0][1] and not self._stages[0][2]
        self._alone = self._stages[0][0] if whole and set(names) == set(steps[0].outputs) else None
        self._wiring = wiring


def _stage(step: Step, arrays: Mapping[str, Any], outputs: Mapping[str, Any]) -> Stage:
    executable = step.executable
    if not isinstance(executable, SupportsBinding):
        return executable.run, step.inputs, {name: outputs[name] for name in step.outputs if name in outputs}
    reads = {name: arrays[name] for name in step.inputs if name in arrays}
    writes = {name: arrays[name] for name in step.outputs if name in arrays}
    return executable.bind(reads, writes), tuple(name for name in step.inputs if name not in arrays), {}


def _check_inputs(inputs: Mapping[str, Any], session: Owner) -> None:
    """Raise InvalidInput for what a run would have to convert: it is read where it is."""
    admitted = session.admitted(inputs)
    for name, value in inputs.items():
        if admitted[name] is not value or not isinstance(value, np.ndarray):
            what = wanted(session.tensors[name])
            raise InvalidInput(f"input {name!r} cannot be bound as it is: give a C-contiguous array of {what}")


def _completed(session: Owner, inputs: Mapping[str, Any], outputs: Values) -> Values:
    """An array for every output, in the model's order; where a size is known from a run only, of a first run."""
    missing = [info for info in session.outputs if info.name not in outputs]
    if any(not info.dtype for info in missing):
        odd = next(info for info in missing if not info.dtype)
        raise UsageError(f"output {odd.name!r} ({odd.type}) is no tensor, and cannot be bound: use run")
    first = session.run(inputs) if any(not info.static for info in missing) else {}
    for info in missing:
        outputs[info.name] = first[info.name] if info.name in first else _fresh(info)
    return {info.name: outputs[info.name] for info in session.outputs}


def _fresh(info: TensorInfo) -> Any:
    return np.empty([d for d in info.shape or () if isinstance(d, int)], numpy_dtype(info.dtype))
