"""Which versions are at work: ONNX Runtime, its QNN provider and Qualcomm's own library, in one string."""

from __future__ import annotations

import mmap
import re
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from zif_qnn_runtime.libraries import LibraryName, find

_BUILD_ID = re.compile(rb"v(\d+\.\d+\.\d+)\.\d{9,}")


def toolchain(name: LibraryName = "htp") -> str:
    """Such as "onnxruntime 1.32.0, qnn-ep 2.7.0, QNN 2.51.0"; what is not installed is called "none"."""
    library = find(name)
    qnn = qnn_version(library.path) if library.path else "none"
    return f"onnxruntime {_installed('onnxruntime')}, qnn-ep {_installed('onnxruntime-qnn')}, QNN {qnn}"


def qnn_version(path: Path) -> str:
    """The QNN release that a library file belongs to, read from the file without loading it; "unknown" without one."""
    try:
        stat = path.stat()
    except OSError:
        return "unknown"
    return _qnn_version(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=32)
def _qnn_version(path: Path, _mtime: int, size: int) -> str:
    if not size:
        return "unknown"
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        match = _BUILD_ID.search(data)
        return match[1].decode() if match else "unknown"


def _installed(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "none"
