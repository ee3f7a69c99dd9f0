"""One small pluggy relay per backend: core's defaults, the one plugin, and the host's observers.

pluggy is made for broadcast and choosing a backend is addressing, so no two backends ever share a relay.
"""

from __future__ import annotations

from traceback import walk_tb
from typing import TYPE_CHECKING, Any

import pluggy

from zif.backends import defaults
from zif.errors import BackendBroken, UsageError
from zif.hookspecs import BackendHooks
from zif.records import STAGES, Stage

if TYPE_CHECKING:
    from types import ModuleType

_observers: list[object] = []
_relays: list[pluggy.PluginManager] = []


def observe(observer: object) -> None:
    """Let an object with `@zif.hookimpl(wrapper=True)` methods see every stage of every backend.

    An observer wraps; it cannot answer in a backend's place. Raises UsageError when one of its hooks is no wrapper.
    """
    for name in STAGES:
        marks = getattr(getattr(observer, name, None), "zif_impl", None)
        if marks is not None and not (marks["wrapper"] or marks["hookwrapper"]):
            raise UsageError(f"observer {observer!r}: hook {name} must be marked @zif.hookimpl(wrapper=True)")
    _observers.append(observer)
    for relay in _relays:
        relay.register(observer)


def unobserve(observer: object) -> None:
    """Take an observer away again; unknown ones are ignored."""
    if observer in _observers:
        _observers.remove(observer)
        for relay in _relays:
            relay.unregister(observer)


def has_observer(stage: Stage) -> bool:
    """Whether any observer wraps this stage."""
    return any(getattr(getattr(observer, stage, None), "zif_impl", None) is not None for observer in _observers)


def build(plugin: ModuleType | Any, owner: str) -> pluggy.PluginManager:
    """A relay for one plugin. Raises BackendBroken, naming `owner`, when the plugin does not follow the contract."""
    relay = pluggy.PluginManager("zif")
    relay.add_hookspecs(BackendHooks)
    relay.register(defaults)
    try:
        relay.register(plugin, name="backend")
        relay.check_pending()
    except pluggy.PluginValidationError as error:
        raise BackendBroken(f"{owner} does not follow the hook specification: {error}") from error
    missing = [name for name in ("capabilities", "load") if name not in stages(relay)]
    if missing:
        raise BackendBroken(f"{owner} lacks the required hook {missing[0]!r}: is it marked with @zif.hookimpl?")
    for observer in _observers:
        relay.register(observer)
    _relays.append(relay)
    return relay


def stages(relay: pluggy.PluginManager) -> tuple[Stage, ...]:
    """The hooks that the plugin itself implements, in the order of the pipeline."""
    callers = relay.get_hookcallers(relay.get_plugin("backend")) or []
    own = {caller.name for caller in callers}
    return tuple(name for name in STAGES if name in own)


def forgotten(error: BaseException) -> None:
    """Have pluggy's frames in an error's traceback forget it: they hold it, so that it, and all that its other frames
    hold, models and arrays, would stay until the garbage collector looks.
    """
    for frame, _ in walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__")).startswith("pluggy."):
            frame.clear()


__all__ = ["build", "forgotten", "has_observer", "observe", "stages", "unobserve"]
