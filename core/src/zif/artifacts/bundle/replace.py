"""Putting a new bundle in the place of an old one: in one step, and only what this user's zif has listed is deleted.

A command that is killed leaves the old bundle or the new one whole. What lies beside a bundle's own files in its folder
is nobody's to delete: such a folder is not replaced. Nor is one whose manifest lacks this user's seal: anybody can
write a manifest that lists the files of a project, with their right hashes, and have it unpacked there.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from zif.artifacts.bundle.manifest import MANIFEST, SCHEMA, is_bundle, read_manifest
from zif.artifacts.bundle.signing import SIGNATURE
from zif.artifacts.hashed import Content, Damaged, mark_file
from zif.artifacts.userkey import sealed_by_user
from zif.errors import UsageError, ZifError
from zif.files.opening import remove_inside
from zif.files.wording import listed
from zif.files.writing import refused, sync_folder

_STALE_S = 24 * 3600.0
_PART = re.compile(r"(draft|old)-[0-9a-f]{8}\.zif-part")
_SWAP = 2  # RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS
_HERE = -100  # AT_FDCWD of Linux
_NOT_TOLD = (
    "and what this zif wrote there cannot be told from what it did not: name another folder, or delete it yourself"
)


def check_place(folder: Path | str, overwrite: bool = False) -> None:
    """Raise UsageError when something is there that must not be replaced; to be asked before minutes of compiling."""
    place = Path(os.path.realpath(folder))
    try:
        if not place.exists() or (place.is_dir() and not any(place.iterdir())):
            return
        if not is_bundle(place):
            raise UsageError(f"{place} exists and is no bundle, so it is not replaced: name another folder")
        if not overwrite:
            raise UsageError(f"the bundle {place} exists: name another folder, or replace it with --overwrite")
        _check_own(place)
    except OSError as error:
        raise why_not(place, error) from error


def put(draft: Path, place: Path) -> None:
    """Put the draft in its place, and delete the bundle that was there. Raises OSError; then that is as it was."""
    if not place.exists() or not exchange(draft, place):
        draft = _put_aside(draft, place)
    remove_bundle(draft)
    if draft.exists():  # somebody put files there meanwhile
        draft.rename(place.with_name(f"{place.name}.kept-{secrets.token_hex(4)}"))
    sync_folder(place.parent)


def beside(place: Path, word: str) -> Path:
    """A new name for a folder beside `place`; removes those that a killed process left there long ago."""
    for old in place.parent.glob(f".{_escaped(place.name)}.*.zif-part"):
        with contextlib.suppress(OSError):
            if _PART.fullmatch(old.name.removeprefix(f".{place.name}.")) and _forgotten(old):
                remove_rest(old)
    return place.with_name(f".{place.name}.{word}-{secrets.token_hex(4)}.zif-part")


def remove_bundle(folder: Path) -> None:
    """Delete the files that the folder's manifest lists, the manifest last, and the folders that are empty then."""
    with contextlib.suppress(OSError, Damaged):
        manifest, _ = read_manifest(folder)
        for name in (*manifest.files, SIGNATURE, MANIFEST):
            with contextlib.suppress(Damaged):
                remove_inside(folder, name, Damaged)
        for name in sorted(_folders(manifest.files), reverse=True):
            with contextlib.suppress(OSError):
                (folder / name).rmdir()
    with contextlib.suppress(OSError):
        folder.rmdir()


def remove_rest(folder: Path) -> None:
    """What a killed process left: a bundle that was replaced, of which the listed files go, or part of a new one."""
    if os.path.lexists(folder / MANIFEST):
        remove_bundle(folder)
    else:
        shutil.rmtree(folder, ignore_errors=True)


def exchange(path: Path, other: Path) -> bool:
    """Swap two folders in one step. Whether that was done: not every system and file system can."""
    if not sys.platform.startswith(("linux", "darwin")):
        return False
    import ctypes

    libc, names = ctypes.CDLL(None), (os.fsencode(path), os.fsencode(other))
    with contextlib.suppress(AttributeError):
        if sys.platform == "darwin":
            return bool(libc.renamex_np(*names, _SWAP) == 0)
        return bool(libc.renameat2(_HERE, names[0], _HERE, names[1], _SWAP) == 0)
    return False


def why_not(folder: Path | str, error: OSError) -> ZifError:
    """Why a bundle cannot be written there, and what to do, to raise: UsageError or NotWritten."""
    if error.filename:
        error = OSError(error.errno, f"{error.strerror}: {error.filename}")
    return refused(f"the bundle {folder}", error, "Name a folder on a disk with room that you may write to.")


def _check_own(place: Path) -> None:
    """Raise UsageError unless this user's zif wrote the manifest, and everything in the folder is what it lists."""
    try:
        manifest, text = read_manifest(place)
    except Damaged as error:
        raise UsageError(f"{place} is a damaged bundle ({error}), {_NOT_TOLD}") from error
    if not sealed_by_user(SCHEMA, text, manifest.seal):
        why = "whose seal is not of this user's key" if manifest.seal else "that carries no seal"
        raise UsageError(f"{place} is a bundle {why}, {_NOT_TOLD}")
    _refuse(
        place,
        _strangers(place, {*manifest.files, SIGNATURE, MANIFEST}),
        "also holds {}, which its manifest does not list",
        "it",
    )
    _refuse(place, _changed(place, manifest.files), "holds {}, which is not as this zif wrote it", "what it wrote")


def _refuse(place: Path, names: Iterable[str], what: str, beside: str) -> None:
    """Raise UsageError when there are any, which tells of some."""
    if strangers := sorted(names):
        told = what.format(listed(strangers, 5, " and {} more"))
        raise UsageError(
            f"{place} {told}. --overwrite replaces a bundle and nothing beside {beside}: move that away, or name"
            " another folder"
        )


def _strangers(root: Path, files: Iterable[str]) -> Iterator[str]:
    """What lies in a bundle's folder and is neither one of its files nor a folder of one."""
    files, folders = {*files}, _folders(files)
    for place, inner, names in os.walk(root):
        for name in (*inner, *names):
            path = Path(place, name)
            relative = path.relative_to(root).as_posix()
            mode = path.lstat().st_mode
            if not (stat.S_ISDIR(mode) and relative in folders) and not (stat.S_ISREG(mode) and relative in files):
                yield relative


def _changed(root: Path, files: Mapping[str, Content]) -> Iterator[str]:
    """The files that somebody wrote to since; one that is missing is nothing that could be lost."""
    for name, content in files.items():
        if os.path.lexists(root / name):
            try:
                mark_file(root, name, content)
            except Damaged:
                yield name


def _folders(files: Iterable[str]) -> set[str]:
    return {str(folder) for name in files for folder in PurePosixPath(name).parents} - {"."}


def _put_aside(draft: Path, place: Path) -> Path:
    """In two steps: what was there is put aside, and comes back when the second fails. Where it is now."""
    aside = beside(place, "old")
    try:
        if place.exists():
            place.rename(aside)
        draft.rename(place)
    except BaseException:
        if aside.exists() and not place.exists():
            aside.rename(place)
        raise
    return aside


def _forgotten(folder: Path) -> bool:
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and time.time() - status.st_mtime > _STALE_S


def _escaped(name: str) -> str:
    import glob

    return glob.escape(name)
