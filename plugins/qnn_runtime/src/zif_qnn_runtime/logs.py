"""What ONNX Runtime and QNN log while something is done, caught instead of written to the terminal.

The native logger belongs to the whole process, so only one thread at a time may listen to it.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen
from zif.plugin import private_folder

VERBOSE, WARNING, ERROR = 0, 2, 3
_listening = threading.RLock()
_loaded: set[Path] = set()


@frozen
class Line:
    """One message of the native logger; severity 0 is verbose, 4 fatal. where is "file.cc:12 function"."""

    severity: int
    where: str
    text: str


@contextmanager
def listen(severity: int = ERROR) -> Iterator[list[Line]]:
    """Collect what is logged at this severity or above. A callback that the host had set is not brought back."""
    import onnxruntime

    lines: list[Line] = []

    def collect(level: int, _category: str, _logger: str, where: str, text: str) -> None:
        lines.append(Line(level, where, text))

    with _listening:
        onnxruntime.set_default_logger_callback(collect, severity)
        try:
            yield lines
        finally:
            onnxruntime.set_default_logger_callback(None, WARNING)
            onnxruntime.set_default_logger_severity(WARNING)  # without a callback the severity above is not taken


def preload(library: Path) -> None:
    """Load a library once with its greeting swallowed: the HTP emulator writes " # LIBNATIVE: …" to stdout.

    ONNX Runtime then finds it loaded. Raises OSError when the library cannot be loaded.
    """
    with _listening:
        if library not in _loaded:
            with captured():
                ctypes.CDLL(str(library))
            _loaded.add(library)


@contextmanager
def captured() -> Iterator[Path]:
    """Send the process's stdout and stderr, native code's included, to a file while the block runs; gives its path.

    Concerns every thread of the process, so keep the block short. The file is gone after the block.
    """
    with private_folder("zif-qnn-") as folder:
        path = folder / "output.txt"
        _flush()
        saved = os.dup(1), os.dup(2)
        with path.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        try:
            yield path
        finally:
            _flush()
            for number, copy in zip((1, 2), saved, strict=True):
                os.dup2(copy, number)
                os.close(copy)


def _flush() -> None:
    """Empty Python's buffers and C's: what is written before a switch must land before it."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
    library = ctypes.CDLL(None) if sys.platform != "win32" else ctypes.CDLL("ucrtbase")
    library.fflush(None)
