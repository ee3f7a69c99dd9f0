"""Files that commands write: whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from zif.errors import UsageError
from zif.files.writing import Fill, beside, refused


def write(path: Path, fill: Fill) -> None:
    """Write a file with `fill`, beside its place and then renamed. Raises UsageError for a place that
    cannot be written to, and NotWritten when there is no room.
    """
    write_all({path: fill})


def write_all(files: Mapping[Path, Fill]) -> None:
    """Write several files, each with its own function: all of them or, when one cannot be written, none.

    Every one is written beside its place before the first is renamed. Raises UsageError or NotWritten, and then every
    place is as it was.
    """
    ready: dict[Path, Path] = {}
    replaced: dict[Path, Path | None] = {}
    try:
        for path, fill in files.items():
            with _told(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                ready[path] = beside(path, fill)
        for path, made in ready.items():
            with _told(path):
                # Renaming the last is what either happens or does not: nothing needs to be put back after it.
                if len(replaced) < len(ready) - 1:
                    replaced[path] = _second_name(path, made)
                made.replace(path)
    except BaseException:
        for path, old in replaced.items():
            with suppress(OSError):
                path.unlink(missing_ok=True) if old is None else old.replace(path)
        raise
    finally:
        for left in (*ready.values(), *filter(None, replaced.values())):
            with suppress(OSError):
                left.unlink(missing_ok=True)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Errors of the file system as one sentence that names the file."""
    try:
        yield
    except OSError as error:
        raise refused(str(path), error) from error


def _second_name(path: Path, made: Path) -> Path | None:
    """Another name for what lies at `path`, to put it back; None where nothing does."""
    if not path.exists():
        return None
    old = made.with_name(f"{made.name}.old")
    try:
        os.link(path, old)
    except OSError:  # a file system without links
        shutil.copy2(path, old)
    return old


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8. Raises UsageError, NotWritten."""
    write(path, lambda stream: stream.write(text.encode()))


def check_output(path: Path, *read: Path | None) -> None:
    """Raise UsageError for an output that cannot be written, or that is a file that is read; before minutes of work."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file in it")
    for file in read:
        if file is not None and path.exists() and file.exists() and path.samefile(file):
            raise UsageError(f"{path} is read by this command, and would be lost: name another file")
    there = next(parent for parent in path.absolute().parents if parent.exists())
    if not there.is_dir():
        raise UsageError(f"{path} cannot be written: {there} is no folder")
    if not os.access(there, os.W_OK):
        raise UsageError(f"{path} cannot be written: {there} is not writable")
