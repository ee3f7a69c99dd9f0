"""For engines that open files by their paths: an artifact's files in a private folder, laid out by core."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from zif.errors import BackendUnavailable, InvalidBundle
from zif.files.leftovers import private_folder
from zif.files.opening import create_inside, open_plain
from zif.files.paths import distinct

if TYPE_CHECKING:
    from zif.records import Compiled

#: A file of so many bytes is not copied for an engine that follows symbolic links. Hard links are none at all: they
#: change the file's own time of last change, by which a bundle tells that somebody touched it while it was loaded.
LINKED = 1 << 20


@contextmanager
def laid_out(
    compiled: Compiled, names: Collection[str] | None = None, *, follows_links: bool = False
) -> Iterator[Path]:
    """A new folder that only this user can enter, with the artifact's files (or those of `names`) under their names.

    It is gone afterwards. A plugin opens `folder / name` and never needs to write what it was handed anywhere itself:
    names may come from a stranger's bundle. follows_links: the engine opens what is behind a symbolic link, so that a
    large file need not be copied (engines of ONNX models refuse external data there). Raises InvalidBundle for a name
    that is none or that the artifact lacks, BackendUnavailable where there is no room.
    """
    wanted = tuple(compiled.files) if names is None else tuple(names)
    lacking = next((name for name in wanted if name not in compiled.files), None)
    if lacking is not None:
        raise InvalidBundle(f"the artifact lacks its file {lacking[:200]!r}: compile the model again")
    distinct(wanted, InvalidBundle)
    with _private_folder() as folder:
        for name in wanted:
            _lay(compiled.files[name], folder, name, follows_links)
        yield folder


@contextmanager
def _private_folder() -> Iterator[Path]:
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(private_folder("zif-artifact-"))
        except OSError as error:
            raise _no_room(error) from error
        yield folder


def _lay(content: bytes | Path, folder: Path, name: str, follows_links: bool) -> None:
    if follows_links and isinstance(content, Path) and _linked(content, folder / name):
        return
    with create_inside(folder, name, InvalidBundle) as target:
        try:
            _copy(content, target)
        except OSError as error:
            raise _no_room(error) from error


def _linked(content: Path, place: Path) -> bool:
    if content.stat().st_size < LINKED:
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.symlink(content.resolve(), place)
    except OSError:  # a file system without links, a user who may not make them
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
