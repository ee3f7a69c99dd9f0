"""A backend in a worker process, behind the same typed methods as one in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from attrs import evolve

from zif.backends import relay
from zif.backends.backend import Backend
from zif.backends.deadline import deadline
from zif.backends.isolation import pool as workers
from zif.backends.isolation.described import stand_in as stand_in_for
from zif.backends.isolation.described import written_values
from zif.backends.isolation.executable import load
from zif.backends.isolation.service import of_backend
from zif.backends.isolation.worker import Limits
from zif.hookspecs import hookimpl
from zif.records import Arrays, Capabilities, Compiled, Converted, Executable, Stage, Target

if TYPE_CHECKING:
    from zif.backends.isolation.pool import Slot
    from zif.model import Model
    from zif.records import Installed

#: How many answers about models one isolated backend remembers while the process lives.
ANSWERS = 32


class IsolatedBackend(Backend):
    """A backend with its stages done in a worker process for `target`; observers in this process see them all the same.

    inner: the same in this process, which then answers what holds without a model; None for one that is not imported
    here, as it is in another environment. Besides what Backend raises: BackendCrashed when the worker dies or hangs.
    """

    def __init__(self, info: Installed, target: Target, limits: Limits, inner: Backend | None = None) -> None:
        self._inner = inner
        self._answers: dict[str, tuple[Target, Capabilities]] = {}
        self._slot = workers.pool.slot(of_backend(info, target), limits)
        self._kind: tuple[Any, type[Any]] | None = None
        stages = self._slot.worker().stages if inner is None else inner.stages
        proxy = _Proxy(self._slot, self.options_class)
        hooks = {name: getattr(proxy, name) for name in stages if name != "execute"}
        super().__init__(info, relay.build(SimpleNamespace(**hooks), info.owner))
        self._ask = proxy.ask
        self.stages = stages

    def capabilities(
        self, target: Target, model: Model | None = None, *, deadline: float | None = None
    ) -> Capabilities:
        """As Backend.capabilities. What holds without a model is answered in this process where that has the plugin."""
        if model is None and self._inner is not None:
            return self._inner.capabilities(target, None, deadline=deadline)
        key = "" if model is None else model.stamp
        known = self._answers.get(key)
        if model is not None and known is not None and known[0] == target:
            return known[1]
        answer = super().capabilities(target, model, deadline=deadline)
        if answer.available:
            self._remember(key, target, answer)
        return answer

    def renew(self) -> None:
        """Have the next stage done by a worker that has done nothing yet, unless somebody uses the one that there is.

        What an engine makes can depend on what its process did before: on counters of its own, say.
        """
        self._slot.close_idle()

    def options_class(self, target: Target, told: Any) -> type[Any]:
        """The class of options: this process's own, or one that stands for what the worker described."""
        if self._inner is not None:
            return self._inner.capabilities(target).options
        if self._kind is None or self._kind[0] != told:
            again = options_class, (self.info, target, told)
            self._kind = told, stand_in_for(told, self._ask, again)
        return self._kind[1]

    def _remember(self, key: str, target: Target, answer: Capabilities) -> None:
        """Keep an answer for this process: the model's weights need not go to the worker again to hear the same."""
        self._answers.pop(key, None)
        self._answers[key] = (target, answer)
        while len(self._answers) > ANSWERS:
            self._answers.pop(next(iter(self._answers)), None)

    def _settled(self, answer: Capabilities, model: Model, target: Target) -> Capabilities:  # noqa: ARG002
        return answer  # the worker has heard the observations already


class _Proxy:
    """The plugin as this process sees it: each hook is done by the worker.

    Hooks that the plugin lacks are not registered: they are core's defaults, and need no worker.
    """

    def __init__(self, slot: Slot, kind: Callable[[Target, Any], type[Any]]) -> None:
        self._slot, self._kind = slot, kind

    @hookimpl
    def capabilities(self, target: Target, model: Model | None) -> Any:
        limit = deadline() if model is None else None
        answer = self.ask("capabilities", target, model, about=_name(model), within=limit)
        return evolve(answer, options=self._kind(target, answer.options))

    @hookimpl
    def convert(self, model: Model, target: Target, options: Any) -> Any:
        return self.ask("convert", model, target, written_values(options), about=_name(model))

    @hookimpl
    def compile(self, converted: Converted, target: Target, options: Any) -> Any:
        return self.ask("compile", converted, target, written_values(options), about=_name(converted.data))

    @hookimpl
    def load(self, compiled: Compiled, options: Any, shared: bool) -> Executable:
        return load(self._slot, compiled, options, shared)

    def ask(self, stage: str, *args: Any, about: str = "", within: float | None = None) -> Any:
        """What the worker answers."""
        self._slot.hold()
        try:
            return self._slot.worker().call(stage, *args, about=about, within=within)
        finally:
            self._slot.release()


class Elsewhere(Backend):
    """A backend in another environment: nothing of it is imported here, each target has a worker that is asked."""

    def __init__(self, info: Installed) -> None:
        self.name, self.distribution, self.version, self.info = info.name, info.distribution, info.version, info

    def at(self, target: Target) -> Backend:
        """The worker for a target. Raises BackendUnavailable, BackendBroken or BackendCrashed where there is none."""
        return isolated(self, target)

    @property
    def stages(self) -> tuple[Stage, ...]:  # type: ignore[override]
        """The hooks that the plugin has."""
        return next(iter(self._known()), None) or self.at(Target("host")).stages

    def _known(self) -> list[tuple[Stage, ...]]:
        return [isolated.stages for (info, *_), isolated in list(_isolated.items()) if info == self.info]

    @property
    def observations(self) -> None:
        """None: the worker has heard them already, wherever it answers."""
        return

    def capabilities(
        self, target: Target, model: Model | None = None, *, deadline: float | None = None
    ) -> Capabilities:
        """As Backend.capabilities, from the worker for this target."""
        return self.at(target).capabilities(target, model, deadline=deadline)

    def convert(self, model: Model, target: Target, options: Any) -> Converted:
        """As Backend.convert."""
        return self.at(target).convert(model, target, options)

    def compile(self, converted: Converted, target: Target, options: Any) -> Compiled:
        """As Backend.compile."""
        return self.at(target).compile(converted, target, options)

    def load(self, compiled: Compiled, options: Any, *, shared: bool = False) -> Executable:
        """As Backend.load, in the worker for the target that the artifact is for."""
        born = compiled.certificate
        return self.at(Target(born.target if born else "host")).load(compiled, options, shared=shared)

    def execute(self, executable: Executable, inputs: Arrays) -> Arrays:
        """As Backend.execute."""
        return executable.run(inputs)


def isolated(backend: Backend, target: Target, limits: Limits | None = None) -> Backend:
    """The same backend, its stages done in the worker process for `target`, which starts when it is first needed.

    One that is isolated already comes back as it is.
    """
    if isinstance(backend, IsolatedBackend):
        return backend
    key = (backend.info, target.name, limits or Limits())
    with _lock:
        opening = _opening.setdefault(key, threading.Lock())
    with opening:  # a lock for each: one whose worker is slow to start holds up nobody else
        if key not in _isolated:
            inner = None if isinstance(backend, Elsewhere) else backend
            _isolated[key] = IsolatedBackend(backend.info, target, key[2], inner)
        return _isolated[key]


_isolated: dict[tuple[Installed, str, Limits], IsolatedBackend] = {}
_opening: dict[tuple[Installed, str, Limits], threading.Lock] = {}
_lock = threading.Lock()


def _name(model: Any) -> str:
    name = getattr(model, "name", "")
    return repr(name) if isinstance(name, str) and name else ""


def options_class(info: Installed, target: Target, told: Any) -> type[Any]:
    """The class that stands for the options of a backend elsewhere, in the process that reads its pickle.

    Raises what starting a worker raises.
    """
    opened = isolated(Elsewhere(info), target)
    assert isinstance(opened, IsolatedBackend)
    return opened.options_class(target, told)
