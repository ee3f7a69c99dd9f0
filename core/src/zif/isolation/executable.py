"""A segment that is loaded in a worker, seen from the host."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zif.errors import UsageError
from zif.isolation.messages import Loaded
from zif.isolation.worker import Worker

if TYPE_CHECKING:
    from zif.isolation.pool import Slot
    from zif.records import Arrays, Compiled


class RemoteExecutable:
    """Runs in a worker. When that has died, because of this segment or another, the next run loads it in a new one."""

    def __init__(self, slot: Slot, source: tuple[Compiled, Any, bool], home: Worker, loaded: Loaded) -> None:
        self._slot = slot
        self._source = source
        self._home = (home, loaded)
        self._lock = threading.Lock()
        self._closed = False

    def run(self, inputs: Arrays) -> Arrays:
        """As Executable.run. Raises BackendCrashed when the worker dies or hangs, else what the backend raises."""
        worker, loaded = self._where()
        answer: Arrays = worker.call("run", loaded.handle, _plain(inputs))
        return answer

    def close(self) -> None:
        """Unload the segment. May be called twice; never raises."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        worker, loaded = self._home
        with contextlib.suppress(Exception):
            if worker.alive:
                worker.call("unload", loaded.handle)
        self._slot.release()

    def _where(self) -> tuple[Worker, Loaded]:
        """Where the segment is loaded now."""
        if self._closed or not self._home[0].alive:
            with self._lock:
                if self._closed:
                    raise UsageError("the segment is closed: load the model again")
                if not self._home[0].alive:
                    self._home = _loaded(self._slot, self._source)
        return self._home


class RemoteProfiled(RemoteExecutable):
    """One that can say how long its parts took."""

    def profile(self) -> Mapping[str, float]:
        """As SupportsProfile.profile."""
        worker, loaded = self._where()
        answer: Mapping[str, float] = worker.call("profile", loaded.handle)
        return answer


def load(slot: Slot, compiled: Compiled, options: Any, shared: bool) -> RemoteExecutable:
    """Load an artifact in the slot's worker. Raises what the backend raises, and BackendCrashed."""
    source = (compiled, options, shared)
    slot.hold()
    try:
        home, loaded = _loaded(slot, source)
    except BaseException:
        slot.release()
        raise
    return (RemoteProfiled if loaded.profiles else RemoteExecutable)(slot, source, home, loaded)


def _loaded(slot: Slot, source: tuple[Compiled, Any, bool]) -> tuple[Worker, Loaded]:
    worker = slot.worker()
    return worker, worker.call("load", *source)


def _plain(inputs: Arrays) -> dict[str, Any]:
    """Arrays as contiguous ones of numpy's own class: their contents then need no pickling."""
    import numpy as np

    def plain(array: Any) -> Any:
        return np.asarray(array) if array.flags.forc else np.array(array, order="C", subok=False)

    return {name: plain(value) if isinstance(value, np.ndarray) else value for name, value in inputs.items()}
