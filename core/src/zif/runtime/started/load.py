"""`zif.load(..., start="cpu")`."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zif.errors import InvalidModel, UsageError, ZifError
from zif.model.arguments import is_model
from zif.runtime.session import Event
from zif.runtime.started.background import Starting
from zif.runtime.started.quick import open_quickly
from zif.runtime.started.remembered import remember

if TYPE_CHECKING:
    from zif.backends.backend import Backend
    from zif.model import Model
    from zif.model.arguments import Progress
    from zif.runtime.session import Session

#: Loads for the target: what it tells the function it is doing may end it.
Load = Callable[["Model", "Progress"], "Session"]
#: Loads on one backend of this machine, with its options, planned as any model is; "" for any of them.
Planned = Callable[[Any, str, Mapping[str, Any]], "Session"]


def load_at_once(
    source: Any,
    target: str,
    wishes: Mapping[str, Any],
    load: Load,
    planned: Planned,
    samples: Sequence[Any] | None,
    progress: Progress | None,
) -> Session:
    """A session that runs on the CPU now, and beside which `load` makes the one that it goes on with.

    planned: how it starts where the engine does not take the model as it stands. wishes: those of `zif.load` that shape
    a plan. Where no backend of the CPU takes the whole model, the session is loaded for the target at once, and an
    event says so. Raises ZifError subclasses, for what the caller can mend.
    """
    shapes, custom_ops = wishes.get("shapes") or {}, wishes.get("custom_ops") or ()
    quick = open_quickly(source, target, wishes)
    onnx = source if quick else _as_onnx(source, target, wishes, progress)

    def make(told: Progress) -> tuple[Session, Model]:
        from zif.model import Model  # takes a while to import: not before the first run
        from zif.runtime.started.open_check import steer

        told("reading the model")
        model = Model.load(onnx, shapes or None, () if is_model(onnx) else custom_ops)
        running = started()
        if running is not None:
            told("hearing what is known of the backend that runs it")
            steer(running, by, model, lambda: planned(model, "", {}))
        return load(model, told), model

    started: Callable[[], Session | None] = lambda: None  # noqa: E731 - nothing runs yet
    try:
        session, by = quick or _opened(onnx, target, planned, wishes)
    except (UsageError, InvalidModel):
        raise
    except ZifError as error:
        made, _ = make(progress or (lambda _: None))
        made.events.append(Event("stayed", "zif", None, f"not started on the CPU: {error}"))
        return made
    text = f"runs on {by.name} until what is compiled for the target is ready"
    session.events.append(Event("started", by.name, None, text))
    started = weakref.ref(session)  # nobody compiles for a session that was forgotten
    session.starting = Starting(session, make, samples, progress)
    return session


def _as_onnx(source: Any, target: str, wishes: Mapping[str, Any], progress: Progress | None) -> Any:
    from zif.runtime.frontends.verb import as_onnx

    _check(target, wishes)
    return source if is_model(source) else as_onnx(source, wishes.get("shapes") or {}, progress)


def _check(target: str, wishes: Mapping[str, Any]) -> None:
    """What is wrong in the call itself is told now, not in an event later. Raises UsageError or BackendNotFound."""
    from zif.backends.registry import backend, installed
    from zif.planning.constraints import Constraints
    from zif.targets import target as find

    find(target)
    Constraints.parse(wishes.get("constraints"))
    known = {row.name for row in installed()}
    named = [wishes.get("only") or (), wishes.get("exclude") or (), tuple((wishes.get("pin") or {}).values())]
    for name in (name for names in named for name in ((names,) if isinstance(names, str) else names)):
        if name not in known:
            backend(name)  # raises BackendNotFound with the ones that are installed


def _opened(onnx: Any, target: str, planned: Planned, wishes: Mapping[str, Any]) -> tuple[Session, Backend]:
    from zif.backends.config import settle
    from zif.runtime.started.at_once import open_at_once, starter
    from zif.targets import target as find

    config = settle(wishes.get("config"), find(target))
    exclude = wishes.get("exclude") or ()
    by = starter((exclude,) if isinstance(exclude, str) else exclude, config, bool(wishes.get("isolate")))
    if not (exclude or config or wishes.get("isolate")):
        remember(by.backend, by.options, by.capabilities.label)
    try:
        session = open_at_once(onnx, wishes.get("shapes") or {}, wishes.get("custom_ops") or (), by)
    except UsageError:
        raise
    except ZifError:  # what the engine does not take as it stands, it may take as zif prepares it
        session = planned(onnx, by.backend.name, config.get(by.backend.name, {}))
    return session, by.backend
