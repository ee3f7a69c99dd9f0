"""How long a stage may take in the kit: one that never answers fails the test that it happens in, and the run goes on.

What counts is processor time, of the process with all that it started, and time in which nothing is done at all: a busy
machine makes nobody late. What a test does between the stages, its runs above all, has the limit of `run`.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from zif.errors import UsageError
from zif.files.patience import Patience, of_process
from zif.files.wording import did_you_mean

if TYPE_CHECKING:
    from zif.backends.backend import Backend

#: Seconds for each stage, unless `--deadline STAGE=TIME` says otherwise.
LIMITS: Mapping[str, float] = {"capabilities": 300, "convert": 300, "compile": 1200, "load": 600, "run": 600}
#: The exit code of a process that ended itself because a stage did not end.
OVERRUN = 77
_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_UNITS = {"ms": 1e-3, None: 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def limits(words: Iterable[str]) -> dict[str, float]:
    """Seconds by stage, from words such as "compile=10m". Raises UsageError with what can be said."""
    seconds = dict(LIMITS)
    for word in words:
        stage, _, text = word.partition("=")
        time_ = _TIME.fullmatch(text.strip())
        if stage not in LIMITS:
            known = f"{did_you_mean(stage, LIMITS)} Known: {', '.join(LIMITS)}."
            raise UsageError(f"--deadline {word}: no stage is called {stage!r}.{known}")
        if time_ is None or not float(time_[1]):
            raise UsageError(f"--deadline {word}: write a time with its unit, such as {stage}=10m or {stage}=90s")
        seconds[stage] = float(time_[1]) * _UNITS[time_[2]]
    return seconds


class Watch:
    """Looks at what the main thread is at. `over` is told, in words, when a stage does not come to its end."""

    def __init__(self, seconds: Mapping[str, float], over: Callable[[str], None], pid: int) -> None:
        self._limits, self._over, self._pid = seconds, over, pid
        self._stages: list[tuple[str, int]] = []
        self._count = 0
        threading.Thread(target=self._look, daemon=True, name="zif-kit-watch").start()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Within, this stage runs; those around it begin anew afterwards."""
        self._enter([*self._stages, (name, 0)])
        try:
            yield
        finally:
            self._enter(self._stages[:-1])

    def _enter(self, stages: list[tuple[str, int]]) -> None:
        """What is running now is told from what ran before by its number, also where a stage calls itself again."""
        self._count += 1
        self._stages = [*stages[:-1], *((name, self._count) for name, _ in stages[-1:])]

    def _look(self) -> None:
        """The thread: a new patience whenever the stage has changed."""
        at: tuple[str, int] | None = None
        patience: Patience | None = None
        last = time.monotonic()
        while True:
            now = self._stages[-1] if self._stages else None
            if now != at:
                at, patience = now, None
                if now is not None:
                    limit = self._limits[now[0]]
                    patience = Patience(limit, limit, of_process(self._pid))
                last = time.monotonic()
            time.sleep(patience.step if patience else 0.2)
            moment = time.monotonic()
            how, last = (patience.over(moment - last) if patience else ""), moment
            if how and at is not None and at == (self._stages[-1] if self._stages else None):
                self._over(sentence(at[0], self._limits[at[0]], how))
                at = None


def sentence(stage: str, seconds: float, how: str) -> str:
    """What is said of a stage that did not end."""
    what = {"busy": "of processor time", "idle": "in which it did nothing"}.get(how, "")
    more = told(seconds * 4)
    return (
        f"{stage} did not end within {told(seconds)} {what}".rstrip() + f"; `--deadline {stage}={more}` gives it more"
    )


def told(seconds: float) -> str:
    """A time as `limits` reads it."""
    for unit, length in (("h", 3600.0), ("m", 60.0)):
        if seconds >= length and not seconds % length:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"


def timed(backend: Backend, watch: Watch) -> Backend:
    """The backend with its stages watched."""
    return cast("Backend", _Timed(backend, watch))


class _Timed:
    """A backend whose stages are watched; all else is the backend's own."""

    def __init__(self, backend: Backend, watch: Watch) -> None:
        self._backend, self._watch = backend, watch

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._backend, name)
        if name not in LIMITS:
            return attribute

        def watched(*args: Any, **named: Any) -> Any:
            with self._watch.stage(name):
                return attribute(*args, **named)

        return watched


__all__ = ["LIMITS", "OVERRUN", "Watch", "limits", "sentence", "timed", "told"]
