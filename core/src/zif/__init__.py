"""zif: a socket for inference accelerators. The public names, nothing else; each is imported when it is first used."""

from __future__ import annotations

import importlib
from _thread import RLock  # threading itself would be a module to load
from typing import TYPE_CHECKING, Any

_HOMES = {
    "zif.errors": (
        *("BackendBroken", "BackendCrashed", "BackendNotFound", "BackendUnavailable", "InvalidBundle", "InvalidInput"),
        *("InvalidModel", "NotWritten", "Obstacle", "StageFailed", "Unsupported", "UsageError", "WrongResult"),
        *("DeadlineExceeded", "NoRoom", "QueueFull", "ZifError"),
    ),
    "zif.records": (
        *("Arrays", "Capabilities", "Certificate", "Compiled", "Converted", "Executable", "Installed", "Kind"),
        *(
            "NoOptions",
            "OpClaim",
            "Rates",
            "ChoosesPrecision",
            "ExplainsOptions",
            "SupportsBinding",
            "SupportsOperators",
            "SupportsProfile",
            "SupportsUnitTimes",
            "Target",
            "TensorInfo",
            "Verdict",
        ),
    ),
    "zif.hookspecs": ("BackendHooks", "hookimpl"),
    "zif.backends.registry": ("backend", "installed"),
    "zif.backends.relay": ("observe", "unobserve"),
    "zif.model": ("Model", "Unit"),
    "zif.verdicts.declared": ("declared",),
    "zif.backends.onnx_artifact": ("read_onnx",),
    "zif.targets": ("target",),
    "zif.planning.constraints": ("Constraints",),
    "zif.planning.selector": ("BackendSelector", "ModelSummary"),
    "zif.planning": ("Plan",),
    "zif.runtime.export.verb": ("export",),
    "zif.runtime.frontends.verb": ("convert",),
    "zif.runtime.hosting": ("Host",),
    "zif.runtime.session": ("Session",),
    "zif.runtime.verbs": ("compile", "load", "plan"),
    "zif.evaluation.accuracy": ("Evaluation", "Goal", "evaluate"),
    "zif.evaluation.comparison": ("Comparison", "compare", "validate_quantization_range"),
}
#: Public names that another distribution brings; without it, using one says what to install.
_BROUGHT = ("quantize",)
_WHERE = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted({*_WHERE, *_BROUGHT})

if TYPE_CHECKING:
    from zif.backends.backend import Backend as Backend
    from zif.backends.onnx_artifact import read_onnx as read_onnx
    from zif.backends.registry import backend as backend
    from zif.backends.registry import installed as installed
    from zif.backends.relay import observe as observe
    from zif.backends.relay import unobserve as unobserve
    from zif.errors import *
    from zif.evaluation.accuracy import Evaluation as Evaluation
    from zif.evaluation.accuracy import Goal as Goal
    from zif.evaluation.accuracy import evaluate as evaluate
    from zif.evaluation.comparison import Comparison as Comparison
    from zif.evaluation.comparison import compare as compare
    from zif.evaluation.comparison import validate_quantization_range as validate_quantization_range
    from zif.hookspecs import BackendHooks as BackendHooks
    from zif.hookspecs import hookimpl as hookimpl
    from zif.model import Model as Model
    from zif.model import Unit as Unit
    from zif.planning import Plan as Plan
    from zif.planning.constraints import Constraints as Constraints
    from zif.planning.selector import BackendSelector as BackendSelector
    from zif.planning.selector import ModelSummary as ModelSummary
    from zif.records import *
    from zif.records import SupportsUnitTimes as SupportsUnitTimes
    from zif.runtime.export.verb import export as export
    from zif.runtime.frontends.verb import convert as convert
    from zif.runtime.hosting import Host as Host
    from zif.runtime.session import Session as Session
    from zif.runtime.verbs import compile as compile
    from zif.runtime.verbs import load as load
    from zif.runtime.verbs import plan as plan
    from zif.targets import target as target
    from zif.verdicts.declared import declared as declared

    def quantize(*args: Any, **kwargs: Any) -> Any:
        """See zif-quantize."""


#: Held by whoever comes in through a door: of two threads that import rooms from two ends, each holding what the other
#: needs, Python would hand one a module that is half there. No room imports through a door, so nobody waits for ever.
ONE_AT_A_TIME = RLock()


def __getattr__(name: str) -> Any:
    if name in _BROUGHT:
        from zif.backends.extensions import verb

        globals()[name] = verb(name)
        return globals()[name]
    if name not in _WHERE:
        raise AttributeError(f"module 'zif' has no attribute {name!r}")
    with ONE_AT_A_TIME:
        value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
