"""What zif's QNN backends share: Qualcomm's libraries found, asked, and run through ONNX Runtime without any fallback.

Nothing here is imported before it is used, so that asking who is installed stays cheap.
"""

# ruff: noqa: F401
from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOMES = {
    "libraries": ("BACKENDS", "LIBRARIES", "BackendType", "Library", "LibraryName", "find"),
    "versions": ("qnn_version", "toolchain"),
    "health": ("Status", "host_kind", "status", "statuses"),
    "provideroptions": ("PERFORMANCE_MODES", "PerformanceMode", "ProviderOptions"),
    "failures": ("QnnError", "explain", "original_name"),
    "logs": ("captured", "listen", "preload"),
    "session": ("assignment", "create", "open_session", "register", "session_options"),
    "probing": ("Answer", "NodeAnswer", "query"),
    "context": ("ContextInfo", "compile_context", "describe", "load_context"),
    "export": ("export_dlc", "export_source"),
}
_WHERE = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_WHERE)

if TYPE_CHECKING:
    from zif_qnn_runtime.context import ContextInfo, compile_context, describe, load_context
    from zif_qnn_runtime.export import export_dlc, export_source
    from zif_qnn_runtime.failures import QnnError, explain, original_name
    from zif_qnn_runtime.health import Status, host_kind, status, statuses
    from zif_qnn_runtime.libraries import BACKENDS, LIBRARIES, BackendType, Library, LibraryName, find
    from zif_qnn_runtime.logs import captured, listen, preload
    from zif_qnn_runtime.probing import Answer, NodeAnswer, query
    from zif_qnn_runtime.provideroptions import PERFORMANCE_MODES, PerformanceMode, ProviderOptions
    from zif_qnn_runtime.session import assignment, create, open_session, register, session_options
    from zif_qnn_runtime.versions import qnn_version, toolchain


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
