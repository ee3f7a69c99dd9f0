"""A backend in a worker process, behind the same typed methods as one in this process."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from zif.backends import relay
from zif.backends.backend import Backend
from zif.backends.isolation import pool as workers
from zif.backends.isolation.executable import load
from zif.backends.isolation.worker import Limits
from zif.hookspecs import hookimpl
from zif.records import Capabilities, Compiled, Converted, Executable, Target

if TYPE_CHECKING:
    from zif.backends.isolation.pool import Slot
    from zif.model import Model
    from zif.records import Installed

#: How many answers about models one isolated backend remembers while the process lives.
ANSWERS = 32


class IsolatedBackend(Backend):
    """`inner` with its stages done in a worker process for `target`; observers in this process see them all the same.

    Besides what Backend raises: BackendCrashed when the worker dies or hangs.
    """

    def __init__(self, inner: Backend, target: Target, limits: Limits) -> None:
        self._inner = inner
        self._answers: dict[str, tuple[Target, Capabilities]] = {}
        proxy = _Proxy(workers.pool.slot(inner.info, target.name, limits))
        hooks = {name: getattr(proxy, name) for name in inner.stages if name != "execute"}
        super().__init__(inner.info, relay.build(SimpleNamespace(**hooks), inner.info.owner))
        self.stages = inner.stages

    def capabilities(
        self, target: Target, model: Model | None = None, *, deadline: float | None = None
    ) -> Capabilities:
        """As Backend.capabilities. What holds without a model is answered in this process, without a worker."""
        if model is None:
            return self._inner.capabilities(target, None, deadline=deadline)
        key = model.digest
        known = self._answers.get(key)
        if known is not None and known[0] == target:
            return known[1]
        answer = super().capabilities(target, model, deadline=deadline)
        if answer.available:
            self._remember(key, target, answer)
        return answer

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

    def __init__(self, slot: Slot) -> None:
        self._slot = slot

    @hookimpl
    def capabilities(self, target: Target, model: Model | None) -> Any:
        return self._ask("capabilities", target, model, about=_name(model))

    @hookimpl
    def convert(self, model: Model, target: Target, options: Any) -> Any:
        return self._ask("convert", model, target, options, about=_name(model))

    @hookimpl
    def compile(self, converted: Converted, target: Target, options: Any) -> Any:
        return self._ask("compile", converted, target, options, about=_name(converted.data))

    @hookimpl
    def load(self, compiled: Compiled, options: Any, shared: bool) -> Executable:
        return load(self._slot, compiled, options, shared)

    def _ask(self, stage: str, *args: Any, about: str) -> Any:
        self._slot.hold()
        try:
            return self._slot.worker().call(stage, *args, about=about)
        finally:
            self._slot.release()


def isolated(backend: Backend, target: Target, limits: Limits | None = None) -> Backend:
    """The same backend, its stages done in the worker process for `target`, which starts when it is first needed.

    One that is isolated already comes back as it is.
    """
    if isinstance(backend, IsolatedBackend):
        return backend
    key = (backend.info, target.name, limits or Limits())
    with _lock:
        if key not in _isolated:
            _isolated[key] = IsolatedBackend(backend, target, key[2])
        return _isolated[key]


_isolated: dict[tuple[Installed, str, Limits], IsolatedBackend] = {}
_lock = threading.Lock()


def _name(model: Any) -> str:
    name = getattr(model, "name", "")
    return repr(name) if isinstance(name, str) and name else ""


def stand_in(backend: Backend, general: Capabilities, target: Target, isolate: bool = False) -> Backend:
    """The backend itself, or the worker process that stands for one that asks to be isolated, or that must be."""
    if not (general.isolate or isolate):
        return backend
    return isolated(backend, target)
