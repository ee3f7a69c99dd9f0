"""A session that goes on with other steps between two runs, or with none until somebody runs it.

Who runs already ends on the old steps, who comes next has the new.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve

from zif.errors import UsageError
from zif.records import TensorInfo
from zif.runtime.session.late_plan import LatePlan
from zif.runtime.session.retired import Retired
from zif.runtime.session.step import Step
from zif.runtime.session.wiring import Wiring

if TYPE_CHECKING:
    from zif.planning import Plan
    from zif.runtime.session.admit import Admission


class Moving:
    """What of a session is about other steps; a session derives from it."""

    _plan: Plan | LatePlan
    inputs: tuple[TensorInfo, ...]
    optional_inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    events: list[Any]
    _lock: threading.Lock
    _closed: bool
    _wiring: Wiring
    _rescue: Any
    _tensors: Mapping[str, TensorInfo]
    _constants: Mapping[str, Any]
    _admission: Admission
    _watch: Any
    _close_watch: Any

    def __init__(self) -> None:
        #: Loads the same once more; None for a session that was put together by hand.
        self.reload: Callable[[], Moving] | None = None
        self._waking = threading.Lock()
        self._retired = Retired(self._let_go)

    @property
    def plan(self) -> Plan:
        """What runs where, at what cost, and why."""
        if isinstance(self._plan, LatePlan):
            self._plan = self._plan.make()
        return self._plan

    @plan.setter
    def plan(self, plan: Plan) -> None:
        self._plan = plan

    def adopt(self, other: Moving) -> None:
        """From the next run on, run what `other` was loaded for. `other` must not be used any more.

        Both are of one model, with the same names of inputs and outputs. Raises UsageError when this session was closed
        meanwhile; then `other` is closed, too.
        """
        with self._lock:
            closed = self._closed
            if not closed:
                self._take(other)
        if closed:
            other.close()
            raise UsageError("the session was closed meanwhile: load the model again")

    @property
    def resting(self) -> bool:
        """Whether its backends hold nothing, until the next run."""
        return self._wiring.resting

    def rest(self) -> None:
        """Give back what the backends hold, memory and contexts. The next run loads again, which takes a while.

        Runs that are under way end first. What was compiled is in the cache, unless that was switched off. Raises
        UsageError after `close`, and for a session that was not made by `zif.load`.
        """
        with self._lock:
            if self._closed:
                raise UsageError("the session is closed: load the model again")
            if self.reload is None:
                raise UsageError("only a session that zif.load made of a file, or of a small model in memory, can rest")
            if self._wiring.resting:
                return
            old, self._wiring = self._wiring, evolve(self._wire(()), resting=True)
            leaving = self._retired.add(old)
        del old
        leaving.wait()

    def awake(self) -> None:
        """Load again now what rests; nothing otherwise. Raises what `zif.load` raises, UsageError for another model."""
        with self._waking:
            reload = self.reload
            if not self._wiring.resting:
                return
            if reload is None:
                raise UsageError("the session is closed: load the model again")
            fresh = reload()
            if self.plan.digest and fresh.plan.digest != self.plan.digest:
                fresh.close()
                raise UsageError("the model was changed since it was loaded: load it anew")
            self.adopt(fresh)

    def _take(self, other: Moving) -> None:
        old = self._wiring
        self.plan, self._rescue = other.plan, other._rescue
        self.inputs, self.outputs, self.optional_inputs = other.inputs, other.outputs, other.optional_inputs
        self._tensors, self._constants, self._admission = other._tensors, other._constants, other._admission
        self._watch, self._close_watch = other._watch, other._close_watch
        self._wiring = self._wire(other._wiring.steps)
        self._retired.add(old)

    def close(self) -> None:
        """See `Session.close`."""
        raise NotImplementedError

    def _wire(self, steps: Sequence[Step]) -> Wiring:
        raise NotImplementedError

    def _let_go(self, step: Step) -> None:
        raise NotImplementedError
