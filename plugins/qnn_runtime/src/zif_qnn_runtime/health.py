"""What each of Qualcomm's libraries can do on this machine, tried and not guessed, in one sentence each."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from attrs import frozen
from zif.plugin import cache_folder, private_folder

from zif_qnn_runtime import cache_files
from zif_qnn_runtime.libraries import (
    INSTALL,
    LIBRARIES,
    SDK_VARIABLE,
    Library,
    LibraryName,
    ep_library,
    find,
    machine,
)
from zif_qnn_runtime.offline import can_stand_in, missing_compilers, stand_ins

#: QNN_BACKEND_ERROR_CANNOT_INITIALIZE
_CANNOT_INITIALIZE = 4000
#: Seconds that a library may take to start; Qualcomm's take one.
PATIENCE = 60
_DSP_DEVICES = ("fastrpc-cdsp", "fastrpc-cdsp-secure", "adsprpc-smd", "cdsprpc-smd")


@frozen
class Status:
    """One library: can it be used here, as hardware or emulator, and if not, why and what would change it.

    build is Qualcomm's build id ("v2.51.0.260929181845"). operators are QNN's own names of what the backend has, where
    the library tells. notes says what the reader should know besides.
    """

    name: LibraryName
    available: bool
    kind: Literal["hardware", "emulator"]
    reason: str = ""
    path: Path | None = None
    build: str = ""
    operators: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def host_kind() -> Literal["hardware", "emulator"]:
    """Whether QNN's libraries drive real processors on this machine. On x86-64 they are emulators."""
    return "hardware" if machine() == "aarch64" else "emulator"


def statuses() -> tuple[Status, ...]:
    """The status of every library, for a report."""
    return tuple(status(name) for name in LIBRARIES)


def status(name: LibraryName, *, fresh: bool = False) -> Status:
    """Find a library, load it and start its backend, all in a process of its own. Never raises.

    Costs about 0.2 s the first time; remembered until the file, PATH or LD_LIBRARY_PATH changes, and that it works
    beyond this process, in zif's cache. fresh tries it anew.
    """
    kind, library = host_kind(), find(name)
    missing = library.reason or _missing_host()
    if library.path is None or missing:
        return Status(name, False, kind, missing, library.path, notes=library.notes)
    surroundings = os.environ.get("PATH"), os.environ.get("LD_LIBRARY_PATH")
    ask = _try if fresh else _ask
    answer = ask(library.path, _stamp(library.path), *surroundings)
    reason = _reason(library, answer)
    operators = tuple(answer.get("operators", ()))
    return Status(name, not reason, kind, reason, library.path, answer.get("build", ""), operators, library.notes)


def gpu_operators() -> Status:
    """libQnnGpu's own list of operators, also on x86-64 without a GPU. `available` says whether it answered."""
    library = find("gpu")
    if library.path is None or not can_stand_in():
        return status("gpu")
    with stand_ins():
        answer = _ask(library.path, _stamp(library.path), "stand-ins", os.environ.get("LD_LIBRARY_PATH"))
    answered = answer.get("code") == 0
    reason = "" if answered else _reason(library, answer)
    operators = tuple(answer.get("operators", ()))
    build = answer.get("build", "")
    return Status("gpu", answered, host_kind(), reason, library.path, build, operators, library.notes)


def _missing_host() -> str:
    """Why no session could be opened although the library is there: ONNX Runtime or its QNN provider is missing."""
    import importlib.util

    if importlib.util.find_spec("onnxruntime") is None:
        return "onnxruntime is not installed: pip install 'onnxruntime>=1.32,<1.33'"
    return ep_library().reason


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=64)
def _ask(path: Path, stamp: tuple[int, int], *environment: str | None) -> dict[str, Any]:
    root = cache_folder()
    words = repr((str(path), stamp, environment, _stamp(Path(__file__)))).encode()
    place = root / "qnn_runtime" / f"{hashlib.sha256(words).hexdigest()}.json" if root else None
    known = cache_files.read(place) if place else None
    if isinstance(known, dict) and known.get("code") == 0:
        return known
    answer = _try(path, stamp, *environment)
    if place and answer.get("code") == 0:  # what does not work may work after the next command of the user
        cache_files.write(place, answer)
    return answer


def _try(path: Path, _stamp: tuple[int, int], *_environment: str | None) -> dict[str, Any]:
    script = Path(__file__).with_name("interface.py")
    with private_folder("zif-qnn-") as folder:  # the saver makes a folder where it is started
        command = [sys.executable, "-S", str(script), str(path.resolve())]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            return {"error": f"it does not answer within {PATIENCE} s"}
    if done.returncode < 0:
        return {"crash": -done.returncode}
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"error": (done.stderr.strip().splitlines() or ["no answer"])[-1]}
    return answer


def _reason(library: Library, answer: dict[str, Any]) -> str:
    """Empty when the library works; otherwise what is wrong and what to do."""
    if "crash" in answer:
        return f"{library.path} takes the process down when it is loaded (signal {answer['crash']}): {_cure(library)}"
    if "error" in answer:
        return f"{library.path} cannot be loaded: {_without_path(answer['error'], library)}: {_cure(library)}"
    if answer["code"] == 0:
        return {"htp": _missing_device, "gpu": _no_gpu}.get(library.name, str)()
    if library.name == "gpu" and answer["code"] == _CANNOT_INITIALIZE:
        return _no_adreno(library)
    return f"{library.path} loads, but {answer['call']} answers QNN error {answer['code']}: {_cure(library)}"


def _cure(library: Library) -> str:
    if library.origin == "sdk":
        return f"repair the SDK that {SDK_VARIABLE} names, or unset {SDK_VARIABLE} to use the wheel's library"
    return f"reinstall it with {INSTALL} --force-reinstall"


def _without_path(text: str, library: Library) -> str:
    return text.removeprefix(f"{library.path}: ")


def _no_adreno(library: Library) -> str:
    assert library.path is not None
    start = f"{library.path.name} loads but cannot start: it looks for the OpenCL driver of an Adreno GPU"
    if machine() != "x86_64":
        return f"{start}, and this machine has none; run on a Snapdragon with its GPU driver installed"
    missing = missing_compilers()
    if missing:
        return (
            f"{start}, or on x86-64 for Qualcomm's offline compilers on PATH (missing: {', '.join(missing)}), with"
            " which it compiles and runs nothing: run on a Snapdragon with its GPU driver"
        )
    return f"{start}; Qualcomm's offline compilers are on PATH, but it does not start with them"


def _no_gpu() -> str:
    """With Qualcomm's offline compilers the library starts on x86-64 too: to compile, with nothing to run on."""
    if machine() != "x86_64":
        return ""
    return (
        "libQnnGpu starts here to compile for an Adreno GPU (Qualcomm's offline compilers are on PATH), and x86-64"
        " machines have none to run on: run on a Snapdragon"
    )


def _missing_device() -> str:
    """On an ARM machine the HTP library is a driver: it needs the DSP behind it. Not tried by us on Windows."""
    if machine() != "aarch64" or sys.platform != "linux":
        return ""
    if any(Path("/dev", name).exists() for name in _DSP_DEVICES):
        return ""
    return (
        "this machine has no Hexagon NPU that can be reached (no /dev/fastrpc-cdsp):"
        " run on a Snapdragon with its FastRPC driver, or on x86-64 for the emulator"
    )
