"""What reading a file's pickles would run, found out from their opcodes; nothing is unpickled."""

from __future__ import annotations

import pickletools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zif import InvalidModel
from zif.plugin import Content, open_plain, zip_contents

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
#: Opcodes that push a string, put the top of the stack into the memo, and push what is there.
_PUSHES = {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
_PUTS, _GETS = {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}, {"GET", "BINGET", "LONG_BINGET"}
_NO_PICKLE = (ValueError, IndexError, KeyError, EOFError, OverflowError)
#: Bytes of a file of before torch 1.6 that are looked at, and opcodes of all pickles of a file.
_MOST, _STEPS = 4 << 30, 3_000_000
#: Members of an exported program that are text, and are read as such.
_TEXT = (".json", "archive_format", "archive_version", "byteorder", "version", "serialization_id")


def foreign_in(path: Path) -> list[str]:
    """The names in the pickles of a file that are no parts of tensors. Raises InvalidModel for what is damaged."""
    try:
        names = list(_of_pickles(path))
    except _NO_PICKLE as error:
        raise InvalidModel(f"{path} is cut off or damaged ({error}): copy it again") from error
    return _foreign(names)


def foreign_in_program(path: Path) -> list[str]:
    """The same of an exported program, any member of which torch may unpickle; and machine code in it.

    Arrays that only look like a pickle give no names. Raises InvalidModel for what is damaged.
    """
    names, steps = [], [_STEPS]
    for name, content in zip_contents(path):
        if "/aotinductor/" in name:
            names.append("compiled_code")
        if not name.endswith(_TEXT):
            names += _tolerantly(content, str(path), steps)
    return _foreign(names)


def _foreign(names: list[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if not _PLAIN.fullmatch(name)]


def _tolerantly(content: Content, where: str, steps: list[int]) -> Iterator[str]:
    """The names up to where it is no pickle any more: so much of it would have run."""
    try:
        yield from filter(_NAME.fullmatch, _globals(content, where, steps))
    except _NO_PICKLE:
        return


def _of_pickles(path: Path) -> Iterator[str]:
    steps = [_STEPS]
    with open_plain(path, InvalidModel) as stream:
        if stream.read(2) != b"PK":
            stream.seek(0)
            yield from _globals(Content(stream, str(path), [_MOST]), str(path), steps)
            return
    for name, content in zip_contents(path):
        if name.endswith(".pkl"):
            yield from _globals(content, str(path), steps)


def _globals(content: Content, where: str, steps: list[int]) -> Iterator[str]:
    """The references of a stream of pickles, one behind the other, up to an old file's arrays behind them.

    steps: how many more opcodes are looked at in this file.
    """
    yield from _opcodes(content, where, steps)
    while content.more():
        try:
            yield from filter(_NAME.fullmatch, _opcodes(content, where, steps))
        except _NO_PICKLE:
            return


def _opcodes(content: Content, where: str, steps: list[int]) -> Iterator[str]:
    """Of one pickle: opcodes are read, and strings that STACK_GLOBAL takes."""
    strings = _Strings()
    for opcode, argument, _ in pickletools.genops(content):  # type: ignore[arg-type]
        steps[0] -= 1
        if steps[0] < 0:
            raise InvalidModel(f"{where} has pickles of more than {_STEPS:,} steps, which are not looked through")
        if opcode.name in ("GLOBAL", "INST"):
            yield str(argument)
        elif opcode.name == "STACK_GLOBAL":
            yield " ".join(strings.top) if len(strings.top) == 2 else "an unnamed function"
        elif opcode.name.startswith("EXT"):
            yield "an extension"
        strings.follow(opcode.name, argument)


class _Strings:
    """The strings on top of a pickle's stack, as far as they are known to be there: what is popped, or put there by
    anything else than a string or a look into the memo, makes them unknown.
    """

    def __init__(self) -> None:
        self.top: list[str] = []
        self._memo: dict[int, str | None] = {}

    def follow(self, name: str, argument: Any) -> None:
        """What an opcode does to them."""
        if name in _PUSHES:
            self.top = [*self.top[-1:], str(argument)]
        elif name in _PUTS:
            self._memo[len(self._memo) if argument is None else argument] = self.top[-1] if self.top else None
        elif name in _GETS and (known := self._memo.get(argument)) is not None:
            self.top = [*self.top[-1:], known]
        elif name not in ("FRAME", "PROTO"):
            self.top = []
