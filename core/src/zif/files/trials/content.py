"""What a trial holds for: the files of the plugin and what it may import, as a digest. Nothing is imported."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

#: So many files of a plugin are looked at; a folder with more is no plugin's own.
_MANY = 5000


def digest(what: str, module: str) -> str:
    """sha256 over the names, sizes and times of the plugin's files, the distributions beside it, the interpreter.

    what: the plugin in words, as its entry point has it; module: "module:attribute".
    """
    total = hashlib.sha256(f"{what}\0{sys.version}\0{sys.executable}\0".encode())
    for text in (*_files(module), *_distributions()):
        total.update(f"{text}\0".encode(errors="surrogateescape"))
    return total.hexdigest()


def _files(module: str) -> Iterator[str]:
    try:
        spec = find_spec(module.partition(":")[0].partition(".")[0])  # the outermost only: an inner one imports it
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return
    folders = sorted(spec.submodule_search_locations or ())
    paths = [path for folder in folders for path in _below(Path(folder))] if folders else [Path(spec.origin or "")]
    for path in paths[:_MANY]:
        try:
            seen = path.stat()
        except OSError:
            continue
        yield f"{path} {seen.st_size} {seen.st_mtime_ns}"


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix != ".pyc" and "__pycache__" not in path.parts)


def _distributions() -> Iterator[str]:
    """The folders of metadata on the import path: their names hold the versions."""
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        yield from sorted(f"{folder}/{name}" for name in names if name.endswith("-info"))
