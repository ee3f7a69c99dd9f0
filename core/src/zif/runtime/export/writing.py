"""What an exporter gave, on the disk: all of it or nothing, and nothing lost that this zif did not write."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from zif.artifacts.hashed import Damaged, write_file
from zif.artifacts.sealing import seal
from zif.errors import BackendBroken, UsageError
from zif.files.documents import json_of
from zif.files.limits import TEXT
from zif.files.opening import open_inside, open_plain, remove_inside, whole
from zif.files.paths import distinct
from zif.files.wording import listed
from zif.files.writing import Fill, beside, drafted, refused
from zif.runtime.export.contract import Exported

#: In a folder that was exported: what was written there, with hashes.
RECORD, SCHEMA = "export.json", "zif.export-files/1"
_PROGRAM = 0o755


def check_free(output: Path, folder: bool, overwrite: bool) -> None:
    """Raise UsageError for a place that is taken, or that cannot be one; before minutes of work."""
    if not os.path.lexists(output):
        return
    if folder != output.is_dir():
        raise UsageError(f"{output} is {'no folder' if folder else 'a folder'}: name another place")
    if folder and not any(output.iterdir()):
        return
    if not overwrite:
        raise UsageError(f"{output} is there already: --overwrite replaces what was exported there")
    if folder:
        _check_own(output)


def check_source(output: Path, source: object) -> None:
    """Raise UsageError for a place that is what is exported, or lies in it: it would be lost."""
    if not isinstance(source, (str, Path)) or not Path(source).exists():
        return
    whole, place = Path(source).resolve(), output.resolve()
    if place == whole or place.is_relative_to(whole) or (place.is_dir() and whole.is_relative_to(place)):
        raise UsageError(f"{output} is, holds or lies in {source}, which is exported: name another place")


def write(made: Exported, output: Path, folder: bool, word: str, overwrite: bool) -> dict[str, int]:
    """Put the files in their place; their sizes by name. Raises UsageError or NotWritten; then nothing is changed."""
    try:
        distinct(made.files, Damaged)
        return _folder(made, output, word) if folder else _beside(made, output, overwrite)
    except Damaged as error:
        raise BackendBroken(f"--for {word}: a name of what it wrote cannot be a file's: {error}") from error
    except OSError as error:
        raise refused(str(output), error, "Name a place on a disk with room that you may write to.") from error


def _folder(made: Exported, output: Path, word: str) -> dict[str, int]:
    output.parent.mkdir(parents=True, exist_ok=True)
    draft = output.with_name(f".{output.name[:80]}.{secrets.token_hex(4)}.zif-part")
    with drafted(draft):
        files = {name: write_file(content, draft, name) for name, content in made.files.items()}
        for name in made.programs:
            (draft / name).chmod(_PROGRAM)
        rows = {name: {"sha256": content.sha256, "bytes": content.bytes} for name, content in sorted(files.items())}
        write_file(seal({"schema": SCHEMA, "for": word, "files": rows}), draft, RECORD)
        if output.exists():
            aside = draft.with_name(f"{draft.name}.old")
            output.rename(aside)
            draft.rename(output)
            _remove(aside)
        else:
            draft.rename(output)
    return {name: content.bytes for name, content in files.items()}


def _remove(folder: Path) -> None:
    """What was found to be an export, whose every file is listed."""
    names = sorted((place.relative_to(folder).as_posix() for place in folder.rglob("*")), reverse=True)
    for name in names:
        if (folder / name).is_dir():
            (folder / name).rmdir()
        else:
            remove_inside(folder, name, Damaged)
    folder.rmdir()


def _beside(made: Exported, output: Path, overwrite: bool) -> dict[str, int]:
    """Every file beside its place first, then renamed, the named one last: who finds it finds the others."""
    if output.name not in made.files:
        raise BackendBroken(f"the exporter did not make {output.name}")
    places = {name: output.parent / name for name in sorted(made.files, key=lambda name: name == output.name)}
    taken = [str(place) for place in places.values() if os.path.lexists(place)]
    if taken and not overwrite:
        raise UsageError(f"{listed(taken, 5)} would be replaced: --overwrite allows it, another name of -o avoids it")
    ready: dict[Path, Path] = {}
    try:
        for name, place in places.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            ready[place] = beside(place, _filling(made.files[name]))
        sizes = {name: ready[place].stat().st_size for name, place in places.items()}
        for place, draft in ready.items():
            draft.replace(place)
    finally:
        for draft in ready.values():
            draft.unlink(missing_ok=True)
    return sizes


def _filling(content: bytes | Path) -> Fill:
    def fill(stream: BinaryIO) -> None:
        if isinstance(content, bytes):
            stream.write(content)
            return
        with open_plain(content, OSError) as file:
            shutil.copyfileobj(file, stream)

    return fill


def _check_own(folder: Path) -> None:
    """Raise UsageError unless everything in the folder is as an export wrote it."""
    try:
        with open_inside(folder, RECORD, Damaged) as file:
            data = json_of(whole(file, RECORD, TEXT, Damaged), RECORD, Damaged)
        files: Mapping[str, Any] = data["files"]
        own = {name: files[name]["sha256"] for name in files}
    except (Damaged, KeyError, TypeError, OSError) as error:
        raise UsageError(f"{folder} is no folder that was exported, and is not replaced: name another place") from error
    for place in sorted(folder.rglob("*")):
        name = place.relative_to(folder).as_posix()
        if (place.is_dir() and not place.is_symlink()) or name == RECORD:
            continue
        if place.is_symlink() or own.get(name) != _digest(folder, name):
            raise UsageError(f"{folder} holds {name}, not as it was exported: move it away, or name another place")


def _digest(folder: Path, name: str) -> str:
    total = hashlib.sha256()
    with open_inside(folder, name, Damaged) as file:
        while chunk := file.read(1 << 20):
            total.update(chunk)
    return total.hexdigest()
