"""What reading a file's pickles would run, found out from their opcodes; nothing is unpickled."""

from __future__ import annotations

import io
import pickletools
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from zif import InvalidModel
from zif.plugin import open_plain

#: What tensors and plain containers are made of in a pickle; anything else is code that reading it would run.
_PLAIN = re.compile(
    r"torch (\w+Storage|Tensor|Size|device|strided|bool|(b?float|u?int|complex|q\w*int)\w*)"
    r"|torch\._utils _rebuild_\w+"
    r"|torch\.storage (Untyped|Typed)Storage"
    r"|torch\.serialization _get_layout"
    r"|torch\._tensor _rebuild_from_type_v2"
    r"|torch\.nn\.parameter Parameter"
    r"|collections OrderedDict"
    r"|_codecs encode"
    r"|numpy(\._?core)?(\.multiarray|\.numeric)? (_reconstruct|ndarray|dtype|scalar|_frombuffer)"
)
_NAME = re.compile(r"[A-Za-z_][\w.]* [A-Za-z_<][\w.<>]*|an unnamed function|an extension")
_DAMAGED = (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, EOFError, RuntimeError)
_NO_PICKLE = (ValueError, IndexError, KeyError, EOFError, OverflowError)
_MOST = 64 << 20
#: Members of an exported program that are text, and are read as such.
_TEXT = (".json", "archive_format", "archive_version", "byteorder", "version", "serialization_id")


def foreign_in(path: Path) -> list[str]:
    """The names in the pickles of a file that are no parts of tensors. Raises InvalidModel for what is damaged."""
    try:
        names = [name for data in _pickles(path) for name in _globals(io.BytesIO(data))]
    except (*_DAMAGED, IndexError, KeyError) as error:
        raise InvalidModel(f"{path} is cut off or damaged ({error}): copy it again") from error
    return [name for name in dict.fromkeys(names) if not _PLAIN.fullmatch(name)]


def foreign_in_program(path: Path) -> list[str]:
    """The same of an exported program, any member of which torch may unpickle; and machine code in it.

    Arrays that only look like a pickle give no names. Raises InvalidModel for what is damaged.
    """
    try:
        with open_plain(path, InvalidModel) as stream, zipfile.ZipFile(stream) as archive:
            compiled = ["compiled_code" for name in archive.namelist() if "/aotinductor/" in name]
            names = [name for member in archive.infolist() for name in _in_member(archive, member)]
    except _DAMAGED as error:
        raise InvalidModel(f"{path} is cut off or damaged ({error}): copy it again") from error
    return [name for name in dict.fromkeys([*compiled[:1], *names]) if not _PLAIN.fullmatch(name)]


def _in_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[str]:
    if member.filename.endswith(_TEXT):
        return
    with archive.open(member) as stream:
        head = stream.read(4)
        stream.seek(0)
        if head == b"PK\x03\x04":
            with zipfile.ZipFile(stream) as inner:
                for one in inner.infolist():
                    yield from _in_member(inner, one)
        else:
            yield from _tolerantly(stream)


def _tolerantly(stream: IO[bytes]) -> Iterator[str]:
    """The names up to where it is no pickle any more: so much of it would have run."""
    try:
        yield from filter(_NAME.fullmatch, _globals(stream))
    except _NO_PICKLE:
        return


def _pickles(path: Path) -> Iterator[bytes]:
    with open_plain(path, InvalidModel) as stream:
        data = stream.read(_MOST)
    if not data.startswith(b"PK"):
        yield data
        return
    with zipfile.ZipFile(io.BytesIO(data) if len(data) < _MOST else path) as archive:
        for name in archive.namelist():
            if name.endswith(".pkl"):
                yield archive.read(name)


def _globals(stream: IO[bytes]) -> Iterator[str]:
    """The references of a stream of pickles, one behind the other, up to an old file's arrays behind them."""
    yield from _one(stream)
    while stream.read(1):
        stream.seek(-1, io.SEEK_CUR)
        try:
            yield from filter(_NAME.fullmatch, _one(stream))
        except _NO_PICKLE:
            return


def _one(stream: IO[bytes]) -> Iterator[str]:
    """Of one pickle: opcodes are read, and strings that STACK_GLOBAL takes."""
    strings: list[str] = []
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name in ("GLOBAL", "INST"):
            yield str(argument)
        elif opcode.name == "STACK_GLOBAL":
            yield " ".join(strings[-2:]) if len(strings) > 1 else "an unnamed function"
        elif opcode.name.startswith("EXT"):
            yield "an extension"
        elif isinstance(argument, str):
            strings.append(argument)
