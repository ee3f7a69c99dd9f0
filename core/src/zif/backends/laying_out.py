"""For engines that open files by their paths: an artifact's files in a private folder, laid out by core."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from zif.errors import BackendUnavailable, InvalidBundle
from zif.files.opening import create_inside, open_plain
from zif.files.paths import distinct

if TYPE_CHECKING:
    from zif.records import Compiled

#: A file of so many bytes is linked where the disk allows it, not copied: weights are read, and never written to.
LINKED = 64 << 20


@contextmanager
def laid_out(compiled: Compiled, names: Collection[str] | None = None) -> Iterator[Path]:
    """A new folder that only this user can enter, with the artifact's files (or those of `names`) under their names.

    It is gone afterwards. A plugin opens `folder / name` and never needs to write what it was handed anywhere itself:
    names may come from a stranger's bundle. Raises InvalidBundle for a name that is none or that the artifact lacks,
    BackendUnavailable where there is no room.
    """
    wanted = tuple(compiled.files) if names is None else tuple(names)
    lacking = next((name for name in wanted if name not in compiled.files), None)
    if lacking is not None:
        raise InvalidBundle(f"the artifact lacks its file {lacking[:200]!r}: compile the model again")
    distinct(wanted, InvalidBundle)
    with _private_folder() as folder:
        for name in wanted:
            _lay(compiled.files[name], folder, name)
        yield folder


@contextmanager
def _private_folder() -> Iterator[Path]:
    try:
        place = tempfile.TemporaryDirectory(prefix="zif-artifact-", ignore_cleanup_errors=True)
    except OSError as error:
        raise _no_room(error) from error
    with place as folder:
        yield Path(folder)


def _lay(content: bytes | Path, folder: Path, name: str) -> None:
    if isinstance(content, Path) and content.stat().st_size >= LINKED and _linked(content, folder, name):
        return
    with create_inside(folder, name, InvalidBundle) as target:
        try:
            _copy(content, target)
        except OSError as error:
            raise _no_room(error) from error


def _linked(content: Path, folder: Path, name: str) -> bool:
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(content.resolve(), place)
    except OSError:  # another disk, or a file system without links
        return False
    return True


def _copy(content: bytes | Path, target: BinaryIO) -> None:
    if isinstance(content, bytes):
        target.write(content)
        return
    with open_plain(content, InvalidBundle) as source:
        shutil.copyfileobj(source, target, 1 << 20)


def _no_room(error: OSError) -> BackendUnavailable:
    """The disk is full: no fault of the artifact, nor of the backend."""
    return BackendUnavailable(
        f"the artifact could not be written to {tempfile.gettempdir()} for the engine to open: "
        f"{error.strerror or error}. Free some space, or name another folder in TMPDIR"
    )
