"""What goes on beside a session that runs on the CPU: plan, compile, load, verify, and the switch between two runs."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from zif.backends.blame import reason
from zif.errors import StageFailed, ZifError
from zif.runtime.session import Event

if TYPE_CHECKING:
    from zif.model import Model
    from zif.model.arguments import Progress
    from zif.runtime.measures import Figures
    from zif.runtime.session import Session
    from zif.runtime.started.output_difference import Differing

#: How far it is.
State = Literal["compiling", "switched", "stayed", "closed"]

#: Makes the session for the target, and the model that it is of; tells the function what it does, which may raise.
Make = Callable[["Progress"], "tuple[Session, Model]"]

#: Seconds that a caller has for the first run: planning keeps the interpreter busy, and what it imports all the more.
_FIRST_RUN_S = 0.2

#: Seconds that the end of the interpreter waits for what is under way.
_AT_EXIT_S = 10.0


class _Closed(Exception):
    """The session was closed: what is under way ends at the next step."""


class Starting:
    """The compiling beside a session that was loaded with start="cpu". `session.starting` is it.

    state: "compiling"; "switched" when the session runs on its target; "stayed" when it stays on the CPU, with the
    reason in `error` and in an event; "closed" when it was closed before. seconds: from loading to that end. figures:
    for each output how far the target's is from the CPU's (see `zif.compare`), empty where nothing was compared.
    """

    def __init__(
        self, session: Session, make: Make, samples: Sequence[Any] | None, told: Progress | None = None
    ) -> None:
        self.state: str = "compiling"
        self.seconds: float | None = None
        self.error: ZifError | None = None
        self.figures: Mapping[str, Figures] = {}
        self._begun = monotonic()
        self._session = weakref.ref(session)
        self._make, self._samples, self._told = make, samples, told
        self._ended = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="zif-starting", daemon=True)
        _running.add(self)
        self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has switched, stays or is closed; whether that is so. timeout: seconds, None for ever."""
        return self._ended.wait(timeout)

    def cancel(self) -> None:
        """Let what is under way end at its next step. Never waits; the session stays as it is."""
        self._stop.set()
        if self.state == "compiling":
            self._end("closed")

    def _work(self) -> None:
        self._stop.wait(_FIRST_RUN_S)
        try:
            made, model = self._make(self._say)
        except _Closed:
            return
        except BaseException as error:
            self._stay(error)
            return
        try:
            self._settle(made, model)
        except _Closed:
            made.close()
        except BaseException as error:
            made.close()
            self._stay(error)
        finally:
            _running.discard(self)

    def _settle(self, made: Session, model: Model) -> None:
        from zif.runtime.started.output_difference import (
            differing,
        )  # what judges takes a while to import: not before the first run

        session = self._alive()
        start = session.plan.backends
        figures = differing(session, made, model, self._samples, self._say)
        self.figures = figures.figures
        if figures.wrong:
            raise figures.wrong
        session.adopt(made)
        self._switched(session, start, figures)

    def _switched(self, session: Session, start: Sequence[str], differing: Differing) -> None:
        from zif.runtime.started.output_difference import told

        to = ", ".join(session.plan.backends)
        text = f"switched from {', '.join(start)} to {to} after {self._seconds():.1f} s: {told(differing)}"
        session.events.append(Event("switched", to, None, text))
        self._end("switched")

    def _stay(self, error: BaseException) -> None:
        session = self._session()
        if self._stop.is_set() or session is None:
            return
        self.error = error if isinstance(error, ZifError) else StageFailed(f"it failed: {reason(error)}")
        text = f"stays on {', '.join(session.plan.backends)} after {self._seconds():.1f} s: {self.error}"
        session.events.append(Event("stayed", ", ".join(session.plan.backends), None, text))
        self._end("stayed")

    def _alive(self) -> Session:
        """The session; nobody compiles for one that was forgotten."""
        session = self._session()
        if session is None or self._stop.is_set():
            raise _Closed
        return session

    def _say(self, text: str) -> None:
        self._alive()
        if self._told:
            self._told(text)

    def _seconds(self) -> float:
        return monotonic() - self._begun

    def _end(self, state: State) -> None:
        self._samples = None
        self.state, self.seconds = state, self._seconds()
        _running.discard(self)
        self._ended.set()

    def end(self) -> None:
        """Cancel, and wait a while for the thread: the interpreter ends."""
        self.cancel()
        if self._thread is not threading.current_thread():
            self._thread.join(_AT_EXIT_S)


_running: set[Starting] = set()


@atexit.register
def _at_exit() -> None:
    """End what compiles before the interpreter goes: the workers first, so that nobody waits for their answers."""
    under_way = list(_running)
    for starting in under_way:
        starting.cancel()
    if under_way:
        from zif.backends.isolation.pool import pool

        pool.end()
    for starting in under_way:
        starting.end()
