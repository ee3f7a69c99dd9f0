"""Where Qualcomm's libraries are: those of the onnxruntime-qnn wheel, or those of the SDK that QNN_SDK_ROOT names."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
import threading
from pathlib import Path
from typing import Literal, get_args

from attrs import frozen

BackendType = Literal["htp", "gpu", "cpu", "ir", "saver"]
LibraryName = Literal["htp", "gpu", "cpu", "ir", "saver", "system"]
BACKENDS: tuple[BackendType, ...] = get_args(BackendType)
LIBRARIES: tuple[LibraryName, ...] = get_args(LibraryName)

WHEEL = "onnxruntime-qnn"
INSTALL = "pip install 'onnxruntime-qnn>=2.7,<2.8'"
SDK_VARIABLE = "QNN_SDK_ROOT"

STEMS = {"htp": "QnnHtp", "gpu": "QnnGpu", "cpu": "QnnCpu", "ir": "QnnIr", "saver": "QnnSaver", "system": "QnnSystem"}
#: Folders under lib/ of an SDK, by operating system and machine; the first that exists counts.
_SDK_FOLDERS = {
    ("linux", "x86_64"): ("x86_64-linux-clang",),
    ("linux", "aarch64"): ("aarch64-ubuntu-gcc9.4", "aarch64-oe-linux-gcc11.2", "aarch64-oe-linux-gcc9.3"),
    ("win32", "x86_64"): ("x86_64-windows-msvc",),
    ("win32", "aarch64"): ("aarch64-windows-msvc", "arm64x-windows-msvc"),
}


@frozen
class Library:
    """One library of Qualcomm's: where it is, or one sentence that says why it is nowhere.

    origin is "wheel" or "sdk"; notes says what else the reader should know, such as an SDK folder that lacks it.
    """

    name: LibraryName
    path: Path | None
    origin: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()


def find(name: LibraryName) -> Library:
    """Look for one library without loading it: first in the SDK that the user named, then in the wheel."""
    file = file_name(STEMS[name])
    folder, problem = sdk_folder()
    if folder is not None and (folder / file).is_file():
        return Library(name, folder / file, "sdk")
    notes = [problem] if problem else []
    if folder is not None:
        notes.append(f"{SDK_VARIABLE} is set, but {folder / file} does not exist")
    wheel = wheel_folder()
    if wheel is not None and (wheel / file).is_file():
        notes = [f"{note}; using the library of the wheel" for note in notes]
        return Library(name, wheel / file, "wheel", notes=tuple(notes))
    return Library(name, None, reason=_absence(file, wheel, notes))


def ep_library() -> Library:
    """ONNX Runtime's provider library for QNN, which only the wheel has."""
    folder, file = wheel_folder(), file_name("onnxruntime_providers_qnn")
    if folder is not None and (folder / file).is_file():
        return Library("htp", folder / file, "wheel")
    return Library("htp", None, reason=_absence(file, folder, []))


_importing = threading.Lock()


def wheel_folder() -> Path | None:
    """The folder of the wheel's libraries; None when the wheel is not installed."""
    with _importing:  # a second thread would be handed what a failed import has left
        try:
            if importlib.util.find_spec("onnxruntime_qnn") is None:
                return None
            import onnxruntime_qnn

            return Path(onnxruntime_qnn.LIB_DIR_FULL_PATH)
        except Exception:  # whatever a damaged installation raises: it is not usable
            return None


def sdk_folder() -> tuple[Path | None, str]:
    """The SDK's library folder for this machine, and what is wrong with the variable ("" when nothing is)."""
    root = os.environ.get(SDK_VARIABLE, "")
    if not root:
        return None, ""
    folders = _SDK_FOLDERS.get((sys.platform, machine()), ())
    for name in folders:
        if (Path(root) / "lib" / name).is_dir():
            return Path(root) / "lib" / name, ""
    wanted = " or ".join(f"lib/{name}" for name in folders) or "libraries for this machine"
    return None, f"{SDK_VARIABLE}={root} is no QNN SDK for this machine: it has no {wanted}"


def file_name(stem: str) -> str:
    """The file name of a shared library on this operating system."""
    return f"{stem}.dll" if sys.platform == "win32" else f"lib{stem}.so"


def machine() -> str:
    """The processor architecture in one spelling for all systems: "x86_64", "aarch64", or what the system says."""
    word = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(word, word)


def wheel_exists_for_this_machine() -> bool:
    """Whether Qualcomm publishes the wheel for this operating system and processor."""
    return (sys.platform, machine()) in _SDK_FOLDERS


def _absence(file: str, wheel: Path | None, notes: list[str]) -> str:
    if wheel is not None:
        where = f"{file} is not in the {WHEEL} wheel ({wheel})"
        cure = f"set {SDK_VARIABLE} to a Qualcomm QNN SDK that has it" if not notes else "; ".join(notes)
        return f"{where}: {cure}"
    if wheel_exists_for_this_machine():
        return f"{WHEEL} is not installed: {INSTALL}" + "".join(f" ({note})" for note in notes)
    return (
        f"{WHEEL} exists for Linux (x86-64 and aarch64) and Windows (x86-64 and ARM64) only;"
        f" this machine is {platform.system()} {platform.machine()}"
    )
