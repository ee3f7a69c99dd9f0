"""Which engine a segment runs on, and what is said of them."""

from __future__ import annotations

import importlib.util
import platform
from typing import TYPE_CHECKING

from zif import BackendUnavailable

from zif_qnn_cpu.engine import ENGINE
from zif_qnn_cpu.executable import CpuSession
from zif_qnn_cpu.options import Options
from zif_qnn_cpu.sessions import Opened, open_session
from zif_qnn_cpu.timing import TimedSession

if TYPE_CHECKING:
    from pathlib import Path

    from zif import Compiled, Executable, Target


def toolchain() -> str:
    """The engine and its version."""
    return ENGINE


def notes(target: Target) -> tuple[str, ...]:
    """What a reader should know about where this backend runs."""
    own = f"runs on {ENGINE}, on this machine's CPU ({platform.machine()})"
    if not target.is_host:
        own += f"; prices are those of the CPU of {target.title or target.name}"
    library = qnn_library()
    note = f"{library} is there: option engine=libQnnCpu runs on it" if library else ""
    return tuple(filter(None, (own, note)))


def open_executable(compiled: Compiled, options: Options, shared: bool) -> Executable:
    """Load an artifact. Raises StageFailed, or BackendUnavailable for libQnnCpu where there is none."""
    if options.engine == "libQnnCpu":
        return CpuSession(_open_qnn(compiled), compiled)
    return TimedSession(open_session(compiled, options, shared), compiled, options, shared)


def qnn_library() -> Path | None:
    """Qualcomm's libQnnCpu, where the SDK that QNN_SDK_ROOT names has it and zif-qnn-runtime is installed."""
    if importlib.util.find_spec("zif_qnn_runtime") is None:
        return None
    from zif_qnn_runtime import find

    path: Path | None = find("cpu").path
    return path


def _open_qnn(compiled: Compiled) -> Opened:
    if importlib.util.find_spec("zif_qnn_runtime") is None:
        from zif.plugin import to_install

        raise BackendUnavailable(f"engine libQnnCpu needs zif-qnn-runtime: {to_install('zif-qnn-runtime')}")
    from zif_qnn_runtime import ProviderOptions, find
    from zif_qnn_runtime import open_session as open_on_qnn

    library = find("cpu")
    if library.path is None:
        raise BackendUnavailable(f"engine libQnnCpu: {library.reason}")
    main = compiled.files[compiled.main]
    return Opened(open_on_qnn(main, "cpu", ProviderOptions()), (f"runs on {library.path}",))
