"""Plans for the shapes that are seen, where a processor takes fixed ones only and a model leaves some open.

The first few sets of input shapes get a session of their own when they are first run; every other set runs on the plan
that takes any. Which of them a run is for is one look-up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from zif.errors import BackendCrashed, StageFailed, Unsupported
from zif.runtime.dropin.warn import once

if TYPE_CHECKING:
    from zif.runtime.session import Session

#: What a plan for fixed shapes may fail with while the open one works.
_FAILURES = (Unsupported, StageFailed, BackendCrashed)


class Shaped:
    """Sessions by input shapes. `make` gives the one for some; `open_session` takes any."""

    def __init__(self, open_session: Session, make: Callable[[Mapping[str, Any]], Session], limit: int) -> None:
        self._open, self._make, self._limit = open_session, make, limit
        self._tensors = [info.name for info in open_session.inputs if info.dtype]
        self._known: dict[tuple[Any, ...], Session] = {}
        self._lock = threading.Lock()

    def run(self, inputs: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """As `Session.run`."""
        return self.session(inputs).run(inputs, **more)

    @property
    def sessions(self) -> tuple[Session, ...]:
        """Those for shapes that were seen."""
        return tuple(self._known.values())

    def session(self, inputs: Mapping[str, Any]) -> Session:
        """The session for inputs of these shapes; the open one for what is no set of arrays."""
        try:
            key = tuple(inputs[name].shape for name in self._tensors)
        except (KeyError, AttributeError, TypeError):
            return self._open
        opened = self._known.get(key)
        return opened if opened is not None else self._first(key, inputs)

    def _first(self, key: tuple[Any, ...], inputs: Mapping[str, Any]) -> Session:
        with self._lock:
            if key in self._known:
                return self._known[key]
            if len(self._known) >= self._limit:
                once(
                    f"more than {self._limit} sets of input shapes: the others run on the plan for any shape "
                    "(shapes=, --shapes, says how many get a plan of their own)"
                )
                return self._open
            self._open.admitted(inputs)  # what does not fit is the caller's mistake, and no reason to plan
            shapes = {n: inputs[n].shape for n in self._tensors if isinstance(inputs[n], np.ndarray)}
            try:
                self._known[key] = self._make(shapes)
            except _FAILURES as error:
                once(f"no plan for the shapes {shapes}: {error}; they run on the plan for any shape")
                self._known[key] = self._open
            return self._known[key]

    def close(self) -> None:
        """Close every session but the open one."""
        for session in self._known.values():
            if session is not self._open:
                session.close()
        self._known.clear()
