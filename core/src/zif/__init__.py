"""zif: a socket for inference accelerators. The public names, nothing else; each is imported when it is first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOMES = {
    "zif.errors": (
        *("BackendBroken", "BackendCrashed", "BackendNotFound", "BackendUnavailable", "InvalidBundle", "InvalidInput"),
        *("InvalidModel", "StageFailed", "Unsupported", "UsageError", "ZifError"),
    ),
    "zif.records": (
        *("Arrays", "Capabilities", "Certificate", "Compiled", "Converted", "Executable", "NoOptions", "Obstacle"),
        *("OpClaim", "Rates", "SupportsBinding", "SupportsProfile", "Target", "TensorInfo", "Verdict"),
    ),
    "zif.hookspecs": ("BackendHooks", "hookimpl"),
    "zif.registry": ("Installed", "backend", "installed"),
    "zif.relay": ("observe", "unobserve"),
    "zif.model": ("Model", "Unit"),
    "zif.claims": ("declared",),
    "zif.targets": ("target",),
    "zif.selector": ("BackendSelector", "Constraints", "ModelSummary"),
    "zif.planning": ("Plan",),
    "zif.session": ("Session",),
    "zif.api": ("compile", "load", "plan"),
}
_WHERE = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_WHERE)

if TYPE_CHECKING:
    from zif.api import compile, load, plan
    from zif.claims import declared
    from zif.errors import *
    from zif.facade import Backend as Backend
    from zif.hookspecs import BackendHooks, hookimpl
    from zif.model import Model, Unit
    from zif.planning import Plan
    from zif.records import *
    from zif.registry import Installed, backend, installed
    from zif.relay import observe, unobserve
    from zif.selector import BackendSelector, Constraints, ModelSummary
    from zif.session import Session
    from zif.targets import target


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'zif' has no attribute {name!r}")
    value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
