"""A segment that is loaded in a worker, seen from the host."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zif.backends.abilities import offering
from zif.backends.isolation.described import written_values
from zif.errors import UsageError
from zif.records import SupportsOperators, SupportsProfile, SupportsUnitTimes

if TYPE_CHECKING:
    from zif.backends.isolation.messages import Loaded
    from zif.backends.isolation.pool import Slot
    from zif.backends.isolation.worker import Worker
    from zif.records import Arrays, Compiled, OperatorTrace


class _Home:
    """Where a segment is loaded; apart from the executable, so that it can be left when that is forgotten unclosed."""

    def __init__(self, slot: Slot, source: tuple[Compiled, Any, bool]) -> None:
        self.slot = slot
        self.source: tuple[Compiled, Any, bool] | None = source
        self.place = self._settled()

    def settle(self) -> None:
        """Load the segment again, in the slot's present worker. When that fails, the place stays the old, dead one."""
        self.place = self._settled()

    def forget(self) -> None:
        """Let go of the artifact: it is closed, and nobody loads it again."""
        self.source = None

    def leave(self) -> None:
        """Give the segment's memory back the next time that the worker is asked: a finalizer must not wait for it."""
        worker, loaded = self.place
        worker.forget(loaded.handle)
        self.slot.release()

    def _settled(self) -> tuple[Worker, Loaded]:
        if self.source is None:
            raise UsageError("the segment is closed: load the model again")
        worker = self.slot.worker()
        compiled, options, shared = self.source
        return worker, worker.call("load", compiled, written_values(options), shared)


class RemoteExecutable:
    """Runs in a worker. When that has died, because of this segment or another, the next run loads it in a new one."""

    def __init__(self, home: _Home) -> None:
        self._home = home
        notes = home.place[1].notes
        if notes is not None:
            self.notes = notes
        self._lock = threading.Lock()
        self._leave = weakref.finalize(self, home.leave)
        self._leave.atexit = False

    def run(self, inputs: Arrays) -> Arrays:
        """As Executable.run. Raises BackendCrashed when the worker dies or hangs, else what the backend raises."""
        answer: Arrays = self._call("run", _plain(inputs))
        return answer

    def close(self) -> None:
        """Unload the segment. May be called twice. Raises what the backend raises in it, and BackendCrashed."""
        with self._lock:
            leaving = self._leave.detach()
        if leaving is not None:
            worker, loaded = self._home.place
            try:
                if worker.alive:
                    worker.call("unload", loaded.handle)
            finally:
                self._home.slot.release()
                self._home.forget()

    def _call(self, stage: str, *args: Any) -> Any:
        worker, loaded = self._home.place
        if not self._leave.alive or not worker.alive:
            worker, loaded = self._again()
        return worker.call(stage, loaded.handle, *args)

    def _again(self) -> tuple[Worker, Loaded]:
        with self._lock:
            if not self._leave.alive:
                raise UsageError("the segment is closed: load the model again")
            if not self._home.place[0].alive:
                self._home.settle()
            return self._home.place


class RemoteProfiled(RemoteExecutable):
    """One that can say how long its parts took."""

    def profile(self) -> Mapping[str, float]:
        """As SupportsProfile.profile."""
        answer: Mapping[str, float] = self._call("profile")
        return answer


class RemoteTimed(RemoteExecutable):
    """One that can time its parts."""

    def unit_times(self, inputs: Arrays, runs: int) -> Mapping[str, float]:
        """As SupportsUnitTimes.unit_times."""
        answer: Mapping[str, float] = self._call("unit_times", _plain(inputs), runs)
        return answer


class RemoteTraced(RemoteExecutable):
    """One whose engine tells its operators."""

    def operators(self, inputs: Arrays, runs: int) -> OperatorTrace:
        """As SupportsOperators.operators."""
        answer: OperatorTrace = self._call("operators", _plain(inputs), runs)
        return answer


#: No SupportsBinding: what crosses to a worker is copied into memory that both see, and out of it, bound or not. Tried
#: with buffers of 4 KB to 16 MB between segments, binding made no run quicker and small ones slower.
_KEPT: Mapping[type, type] = {
    SupportsProfile: RemoteProfiled,
    SupportsUnitTimes: RemoteTimed,
    SupportsOperators: RemoteTraced,
}


def load(slot: Slot, compiled: Compiled, options: Any, shared: bool) -> RemoteExecutable:
    """Load an artifact in the slot's worker. Raises what the backend raises, and BackendCrashed."""
    slot.hold()
    try:
        home = _Home(slot, (compiled, options, shared))
    except BaseException:
        slot.release()
        raise
    offered = frozenset(kind for kind in _KEPT if kind.__name__ in home.place[1].abilities)
    return offering(RemoteExecutable, _KEPT, offered)(home)


def _plain(inputs: Arrays) -> dict[str, Any]:
    """Arrays as contiguous ones of numpy's own class: their contents then need no pickling."""
    import numpy as np

    def plain(array: Any) -> Any:
        return np.asarray(array) if array.flags.forc else np.array(array, order="C", subok=False)

    return {name: plain(value) if isinstance(value, np.ndarray) else value for name, value in inputs.items()}
