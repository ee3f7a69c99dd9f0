"""An executable seen by observers: its runs go over the `execute` hook while somebody looks, bound ones too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zif.backends.abilities import abilities, landed, offering
from zif.backends.relay import has_observer
from zif.records import SupportsBinding, SupportsOperators, SupportsProfile, SupportsUnitTimes

if TYPE_CHECKING:
    from zif.backends.backend import Backend
    from zif.records import Arrays, BoundRun, Executable, OperatorTrace


class Wrapper:
    """Stands in front of an executable, with its notes; subclasses run it and hand on what else it offers."""

    def __init__(self, inner: Any) -> None:
        self.inner: Executable = inner
        if hasattr(inner, "notes"):
            self.notes = inner.notes

    def close(self) -> None:
        """Close the executable."""
        self.inner.close()


class Profiled(Wrapper):
    """One that can say how long its parts took."""

    def profile(self) -> Mapping[str, float]:
        """As SupportsProfile.profile."""
        times: Mapping[str, float] = self.inner.profile()  # type: ignore[attr-defined]
        return times


class Timed(Wrapper):
    """One that can time its parts. Those runs are the backend's own: no observer sees them."""

    def unit_times(self, inputs: Arrays, runs: int) -> Mapping[str, float]:
        """As SupportsUnitTimes.unit_times."""
        times: Mapping[str, float] = self.inner.unit_times(inputs, runs)  # type: ignore[attr-defined]
        return times


class Traced(Wrapper):
    """One whose engine tells its operators. Those runs are the backend's own, too."""

    def operators(self, inputs: Arrays, runs: int) -> OperatorTrace:
        """As SupportsOperators.operators."""
        trace: OperatorTrace = self.inner.operators(inputs, runs)  # type: ignore[attr-defined]
        return trace


class Watched(Wrapper):
    """An executable whose runs go over the `execute` hook, because somebody observes it."""

    def __init__(self, backend: Backend, inner: Executable) -> None:
        super().__init__(inner)
        self.backend = backend

    def run(self, inputs: Arrays) -> Arrays:
        """Run once, seen by the observers."""
        return self.backend.execute(self.inner, inputs)


class WatchedBinding(Watched):
    """One whose runs over bound buffers are seen, too."""

    def bind(self, inputs: Arrays, outputs: Arrays) -> BoundRun:
        """As SupportsBinding.bind; observers see every input and output, as in a run that binds nothing."""
        bound, seen = inputs, self._seen(inputs, outputs)

        def call(inputs: Arrays) -> Arrays:
            return landed(self.backend.execute(seen, {**bound, **inputs}), outputs, self.backend.name)

        return call

    def _seen(self, inputs: Arrays, outputs: Arrays) -> Executable:
        if "execute" in self.backend.stages:  # what the backend does there with its executable, only it knows
            return self.inner
        return offering(BoundExecutable, _TOLD, abilities(self.inner))(self.inner, inputs, outputs)


class BoundExecutable(Wrapper):
    """What the `execute` hook is handed for a run over bound buffers: `run` reads and writes them in place."""

    def __init__(self, inner: Any, inputs: Arrays, outputs: Arrays) -> None:
        super().__init__(inner)
        self._bound, self._outputs = frozenset(inputs), outputs
        self._call: BoundRun = inner.bind(inputs, outputs)

    def run(self, inputs: Arrays) -> Arrays:
        """Run once on what is in the buffers and the free ones of these inputs; gives the buffers as outputs, too."""
        free = {name: value for name, value in inputs.items() if name not in self._bound}
        return {**self._call(free), **self._outputs}


_TOLD: Mapping[type, type] = {SupportsProfile: Profiled, SupportsUnitTimes: Timed, SupportsOperators: Traced}
_KEPT: Mapping[type, type] = {SupportsBinding: WatchedBinding, **_TOLD}


def watched(backend: Backend, executable: Executable) -> Executable:
    """The executable itself, unless an observer wants to see every run or the backend has its own `execute`.

    What stands for it then offers exactly what it offers.
    """
    if has_observer("execute") or "execute" in backend.stages:
        return offering(Watched, _KEPT, abilities(executable))(backend, executable)
    return executable
