"""How a session is loaded once more after it rested: from the same file, unchanged, or from a small model in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zif.errors import UsageError

if TYPE_CHECKING:
    from zif.runtime.session import Session

#: A model that was handed over in memory is kept up to so many bytes, so that its session may rest.
KEPT = 16 << 20


def may_rest(session: Session, source: Any, load: Callable[[Any], Session], beside: Iterable[Path] = ()) -> Session:
    """The session, which knows how it is loaded again; not where its model is large and lies in no file.

    load: loads what it is handed as the session was loaded. beside: files that the model's own file refers to.
    """
    same = _same(source)
    if same is None:
        return session
    files = [*([same, Path(same, "manifest.json")] if isinstance(same, (str, Path)) else []), *beside]
    before = {file: _mark(file) for file in files}

    def reload() -> Session:
        changed = next((file for file, mark in before.items() if _mark(file) != mark), None)
        if changed is not None:
            raise UsageError(f"{changed}: the model was changed since the session was loaded: load it anew")
        return load(same)

    session.reload = reload
    return session


def _same(source: Any) -> Any:
    """What the same model can be loaded from later: its file, or its content where that is small."""
    if isinstance(source, (str, Path)):
        return source
    from zif.model import Model

    if isinstance(source, Model):
        return source if source.proto.ByteSize() <= KEPT else source.path
    if hasattr(source, "SerializeToString"):  # the caller may change it
        return source.SerializeToString() if source.ByteSize() <= KEPT else None
    return source if hasattr(source, "__len__") and len(source) <= KEPT else None


def _mark(file: str | Path) -> tuple[int, int, int] | None:
    """What changes when a file is written anew; None where there is none."""
    try:
        status = os.stat(file)
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino
