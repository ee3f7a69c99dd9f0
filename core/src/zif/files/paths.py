"""Names in foreign files that become paths: relative, inside their folder, and plain files on every system."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

from zif.errors import InvalidInput
from zif.files.limits import NAME, PART, PARTS
from zif.files.wording import cut

#: Makes the exception to raise of a sentence: a class of `zif.errors`, or a function that adds words of its own.
Refusal = Callable[[str], Exception]

#: What Windows takes for a device, whatever the ending.
_DEVICES = frozenset(
    {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
    | {f"{port}{digit}" for port in ("COM", "LPT") for digit in "0123456789¹²³"}
)
_UNSAFE = re.compile(r'[<>:"|?*\\]')
#: Control characters, marks that turn the direction of text, halves of surrogate pairs, private and unassigned ones.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def relative(name: object, error: Refusal = InvalidInput) -> str:
    """The name itself when it is the relative name of a plain file, with "/" between its parts; else `error` is raised.

    Refused: what leaves its folder or could (absolute names, drives, "..", backslashes, streams), what some system
    takes for something else (devices, a dot or blank at the end), what does not show as it is, and what is too long.
    """
    if not isinstance(name, str):
        raise error(f"a file's name must be text, not {type(name).__name__}")
    why = _wrong(name)
    if why:
        raise error(f"{cut(name)!r} is no plain relative file name: {why}")
    return name


def is_relative(name: str) -> bool:
    """Whether `relative` takes the name."""
    return not _wrong(name)


def distinct(names: Iterable[str], error: Refusal = InvalidInput) -> tuple[str, ...]:
    """The names, each of them `relative`, when no two could be one file on any system.

    "A" and "a" are one file on Windows and macOS, and so are the composed and the decomposed "ä"; a name that another
    one has as its folder is refused too.
    """
    kept: dict[str, str] = {}
    for name in names:
        key = _folded(relative(name, error))
        if key in kept:
            raise error(f"{kept[key]!r} and {name!r} are one file on some systems")
        kept[key] = name
    for key, name in kept.items():
        pieces = key.split("/")
        over = next((kept[head] for n in range(1, len(pieces)) if (head := "/".join(pieces[:n])) in kept), None)
        if over is not None:
            raise error(f"{over!r} is a file, and the folder of {name!r}")
    return tuple(kept.values())


def _wrong(name: str) -> str:
    """Why a name is refused; "" for one that is not."""
    if len(name) > NAME:
        return f"it is longer than {NAME} characters"
    if any(unicodedata.category(character) in _INVISIBLE for character in name):
        return "it holds characters that do not show"
    if match := _UNSAFE.search(name):
        return f"it holds {match[0]!r}"
    pieces = name.split("/")
    if len(pieces) > PARTS:
        return f"it lies in more than {PARTS} folders"
    return next(filter(None, map(_wrong_part, pieces)), "")


def _wrong_part(part: str) -> str:
    if part in ("", ".", ".."):
        return "it is absolute, or has an empty part" if not part else f"it has a part {part!r}"
    if part.endswith((" ", ".")):
        return "Windows drops a blank or a dot at the end"
    if part.split(".")[0].rstrip(" ").upper() in _DEVICES:
        return f"{part!r} is a device on Windows"
    if len(part.encode()) > PART:
        return f"a part is longer than {PART} bytes"
    return ""


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
