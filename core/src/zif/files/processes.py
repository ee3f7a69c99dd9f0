"""Interpreters that are started beside this one: with which variables they find their modules, and how they ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from multiprocessing import spawn
from pathlib import Path

from zif.errors import BackendUnavailable, UsageError
from zif.files.environments import environment
from zif.files.limits import memory_advice

#: What makes an interpreter look for modules where this one does.
_OURS = frozenset({"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "CONDA_PREFIX", "__PYVENV_LAUNCHER__"})


def interpreter(elsewhere: str = "") -> tuple[str, dict[str, str]]:
    """The interpreter of an environment, or this process's own, and the variables with which it finds its modules.

    Raises BackendUnavailable where there is none.
    """
    return _foreign(elsewhere) if elsewhere else (_python(), _environment())


def ending(process: subprocess.Popen[bytes]) -> str:
    """How a process that hung up ended; ends it when it did not. Such as "died of SIGSEGV (segmentation fault)"."""
    try:
        code = process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "closed its connection without ending"
    if code >= 0:
        return f"ended by itself with status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        return f"died of signal {-code}"
    return f"died of {name} ({signal.strsignal(-code)}{_hint(name)})"


def _hint(name: str) -> str:
    if name == "SIGKILL":
        return ": out of memory, or ended by somebody"
    # An engine that is refused memory seldom says so: it goes on with what it did not get, or aborts.
    advice = memory_advice() if name in ("SIGSEGV", "SIGABRT", "SIGBUS") else ""
    return advice and f"; perhaps for want of memory: {advice}"


def _python() -> str:
    python = spawn.get_executable()  # also right where sys.executable is a host that embeds Python and said so
    if not python:
        raise BackendUnavailable(
            "this program embeds Python and does not say where an interpreter is, so no worker process can be started: "
            "call multiprocessing.set_executable() first"
        )
    return os.fsdecode(python)


def _environment() -> dict[str, str]:
    """The host's environment, with a PYTHONPATH that finds what the host finds; the worker puts the host's back."""
    here = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([here, *paths()]), "PYTHONIOENCODING": "utf-8:replace"}


def _foreign(elsewhere: str) -> tuple[str, dict[str, str]]:
    """The interpreter of an environment, and variables without those that would show it this one's modules.

    Raises BackendUnavailable when it is there no longer.
    """
    try:
        python = environment(elsewhere).python
    except UsageError as error:
        raise BackendUnavailable(str(error)) from error
    if not os.path.isfile(python):
        why = f"the interpreter of the environment {elsewhere!r} is gone: {python}"
        raise BackendUnavailable(f"{why}. `zif env doctor {elsewhere}` says what to do.")
    return python, clean(python)


def clean(python: str) -> dict[str, str]:
    """This process's variables for another interpreter: without those that would show it modules that are not its own.

    Its folder comes first on the PATH, as when its environment is activated.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _OURS}
    path = os.pathsep.join(filter(None, (os.path.dirname(python), kept.get("PATH", ""))))
    return {**kept, "PATH": path, "PYTHONIOENCODING": "utf-8:replace"}


def paths() -> tuple[str, ...]:
    """The host's sys.path, absolute."""
    return tuple(os.path.abspath(path) for path in sys.path if isinstance(path, str))
