"""What zif's QNN backends share: Qualcomm's libraries found, asked, and run through ONNX Runtime without any fallback.

Nothing here is imported before it is used, so that asking who is installed stays cheap.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

# ONNX Runtime reports to its makers by default, and keeps a database in HOME and a file in TMPDIR for it. It decides
# when it is imported, which nothing here has done yet; who wants it sets the variable to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_HOMES = {
    "libraries": ("BACKENDS", "LIBRARIES", "BackendType", "Library", "LibraryName", "find"),
    "versions": ("qnn_version", "toolchain"),
    "health": ("Status", "gpu_operators", "host_kind", "status", "statuses"),
    "chip_figures": ("VENDOR", "Figures", "figures", "needed"),
    "provideroptions": ("PERFORMANCE_MODES", "PerformanceMode", "ProviderOptions"),
    "failures": ("QnnError", "explain", "original_name"),
    "logs": ("captured", "listen", "preload"),
    "session": ("assignment", "create", "open_session", "register", "session_options"),
    "probing": ("Answer", "NodeAnswer", "query"),
    "graph": ("QnnGraph",),
    "offline": ("can_stand_in", "stand_ins"),
    "unitprobe": ("LARGEST", "Compiler", "Probed", "ask_units", "constant", "unaskable"),
    "memory": ("Memory",),
    "context": ("ContextInfo", "compile_context", "describe", "load_context", "told"),
    "export": ("export_dlc", "export_source"),
    "profile": ("Profile", "Run", "unit_times"),
    "engine_operators": ("operators",),
    "optrace": ("TRACE", "traced"),
}
_WHERE = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_WHERE)

if TYPE_CHECKING:
    from zif_qnn_runtime.chip_figures import VENDOR as VENDOR
    from zif_qnn_runtime.chip_figures import Figures as Figures
    from zif_qnn_runtime.chip_figures import figures as figures
    from zif_qnn_runtime.chip_figures import needed as needed
    from zif_qnn_runtime.context import ContextInfo as ContextInfo
    from zif_qnn_runtime.context import compile_context as compile_context
    from zif_qnn_runtime.context import describe as describe
    from zif_qnn_runtime.context import load_context as load_context
    from zif_qnn_runtime.context import told as told
    from zif_qnn_runtime.engine_operators import operators as operators
    from zif_qnn_runtime.export import export_dlc as export_dlc
    from zif_qnn_runtime.export import export_source as export_source
    from zif_qnn_runtime.failures import QnnError as QnnError
    from zif_qnn_runtime.failures import explain as explain
    from zif_qnn_runtime.failures import original_name as original_name
    from zif_qnn_runtime.graph import QnnGraph as QnnGraph
    from zif_qnn_runtime.health import Status as Status
    from zif_qnn_runtime.health import gpu_operators as gpu_operators
    from zif_qnn_runtime.health import host_kind as host_kind
    from zif_qnn_runtime.health import status as status
    from zif_qnn_runtime.health import statuses as statuses
    from zif_qnn_runtime.libraries import BACKENDS as BACKENDS
    from zif_qnn_runtime.libraries import LIBRARIES as LIBRARIES
    from zif_qnn_runtime.libraries import BackendType as BackendType
    from zif_qnn_runtime.libraries import Library as Library
    from zif_qnn_runtime.libraries import LibraryName as LibraryName
    from zif_qnn_runtime.libraries import find as find
    from zif_qnn_runtime.logs import captured as captured
    from zif_qnn_runtime.logs import listen as listen
    from zif_qnn_runtime.logs import preload as preload
    from zif_qnn_runtime.memory import Memory as Memory
    from zif_qnn_runtime.offline import can_stand_in as can_stand_in
    from zif_qnn_runtime.offline import stand_ins as stand_ins
    from zif_qnn_runtime.optrace import TRACE as TRACE
    from zif_qnn_runtime.optrace import traced as traced
    from zif_qnn_runtime.probing import Answer as Answer
    from zif_qnn_runtime.probing import NodeAnswer as NodeAnswer
    from zif_qnn_runtime.probing import query as query
    from zif_qnn_runtime.profile import Profile as Profile
    from zif_qnn_runtime.profile import Run as Run
    from zif_qnn_runtime.profile import unit_times as unit_times
    from zif_qnn_runtime.provideroptions import PERFORMANCE_MODES as PERFORMANCE_MODES
    from zif_qnn_runtime.provideroptions import PerformanceMode as PerformanceMode
    from zif_qnn_runtime.provideroptions import ProviderOptions as ProviderOptions
    from zif_qnn_runtime.session import assignment as assignment
    from zif_qnn_runtime.session import create as create
    from zif_qnn_runtime.session import open_session as open_session
    from zif_qnn_runtime.session import register as register
    from zif_qnn_runtime.session import session_options as session_options
    from zif_qnn_runtime.unitprobe import LARGEST as LARGEST
    from zif_qnn_runtime.unitprobe import Compiler as Compiler
    from zif_qnn_runtime.unitprobe import Probed as Probed
    from zif_qnn_runtime.unitprobe import ask_units as ask_units
    from zif_qnn_runtime.unitprobe import constant as constant
    from zif_qnn_runtime.unitprobe import unaskable as unaskable
    from zif_qnn_runtime.versions import qnn_version as qnn_version
    from zif_qnn_runtime.versions import toolchain as toolchain


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
