"""Bytes as text: what its first bytes say it is, UTF-8 otherwise, and nothing that is no text."""

from __future__ import annotations

import codecs
from pathlib import Path

from zif.errors import InvalidInput
from zif.files.limits import TEXT
from zif.files.opening import read_bytes
from zif.files.paths import Refusal

#: The longer marks first: UTF-32's begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: str | Path, error: Refusal = InvalidInput) -> str:
    """The text of a file that the caller names, its lines ended by "\\n". Raises what `error` makes."""
    return decode(read_bytes(path, TEXT, error), str(path), error)


def decode(data: bytes, where: str, error: Refusal = InvalidInput) -> str:
    """The text in `data`: UTF-8, or UTF-16 or UTF-32 where their mark says so (Windows' shells write it).

    Raises what `error` makes for everything else, NUL characters among it, with the line.
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as problem:
        line = data[: problem.start].count(b"\n") + 1
        said = encoding.removesuffix("-sig").upper()
        raise error(f"{where} is not text in {said}: byte {problem.start} (line {line}) is none of it") from problem
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    at = text.find("\0")
    if at >= 0:
        raise error(f"{where} is not text: it holds NUL characters ({position(text, at)}); save it as UTF-8")
    return text


def position(text: str, at: int) -> str:
    """Where a character stands, as people count: "line 3, column 7"."""
    return f"line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at)}"
