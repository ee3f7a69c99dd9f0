"""JSON and TOML as plain data: every key once, every number finite, nothing deeper or larger than it may be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zif.errors import InvalidInput
from zif.files.limits import DEPTH, DIGITS, VALUES
from zif.files.paths import Refusal
from zif.files.text import decode, position, read_text
from zif.files.wording import cut

#: The words of a JSON text: strings whole, so that what stands inside them is not taken for anything else.
_WORDS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s"\[\]{},:]+', re.DOTALL)
#: A text, in which // is no comment, or a comment.
_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*')
#: Every digit as 0, and what a number then has in it that could be beyond a float, or is too long: many times quicker
#: than a regular expression, in documents of which nearly none has such a number.
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_HUGE = (b"e000", b"E000", b"e+000", b"E+000", b"0" * (DIGITS - 100))
#: Half of a surrogate pair, which no encoding can write again.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
#: The longest dotted key: each part is a table in the table before.
_DOTTED = re.compile(r"[^\s.,=\[\]{}#]+(?:[ \t]*\.[ \t]*[^\s.,=\[\]{}#]+)*")


class _Refused(ValueError):
    """What zif does not take although the format allows it; the message is half a sentence."""


def read_json(path: str | Path, error: Refusal = InvalidInput, *, finite: bool = True, comments: bool = False) -> Any:
    """The data in a JSON file that the caller names. Raises what `error` makes, with line and column.

    comments: people write such files, and what stands behind // does not count.
    """
    text = read_text(path, error)
    return json_of(_uncommented(text) if comments else text, str(path), error, finite=finite)


def json_of(data: bytes | str, where: str, error: Refusal = InvalidInput, *, finite: bool = True) -> Any:
    """The data in a JSON document that was read already; `where` names it. Without
    `finite`, NaN and Infinity may stand for numbers."""
    text = data if isinstance(data, str) else decode(data, where, error)
    digits = text.encode("utf-8", "surrogatepass").translate(_DIGITS)
    huge = any(mark in digits for mark in _HUGE)
    try:
        _bounded(text)
        document = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_float if finite else float,
            parse_float=_float if huge else None,
            parse_int=_whole if huge else None,
        )
        _check_depth(document)
        if _HALF.search(text):
            json.dumps(document, ensure_ascii=False).encode()
        return document
    except json.JSONDecodeError as problem:
        at = f"line {problem.lineno}, column {problem.colno}"
        raise error(f"{where} is not valid JSON: {problem.msg} ({at})") from problem
    except UnicodeEncodeError as problem:
        raise error(f"{where} cannot be read: a text in it holds half a surrogate pair") from problem
    except _Refused as problem:
        raise error(f"{where} cannot be read: {_placed(text, problem)}") from problem
    except RecursionError as problem:
        raise error(f"{where} cannot be read: {_deep()}") from problem


def read_table(path: str | Path, error: Refusal = InvalidInput, *, finite: bool = True) -> dict[str, Any]:
    """The table in a file that people write: JSON where its name ends in .json, else TOML.

    In JSON, what stands behind // does not count. Without `finite`, inf and nan may stand for numbers, in JSON
    Infinity and NaN. Raises what `error` makes.
    """
    if Path(path).suffix.lower() == ".json":
        document = read_json(path, error, finite=finite, comments=True)
    else:
        document = toml_of(read_text(path, error), str(path), error, finite=finite)
    if not isinstance(document, dict):
        raise error(f"{path} must be a table (an object), not {named(document)}")
    return document


def toml_of(text: str, where: str, error: Refusal = InvalidInput, *, finite: bool = True) -> dict[str, Any]:
    """The data in the text of a TOML document."""
    import tomllib

    try:
        if any(match[0].count(".") >= DEPTH for match in _DOTTED.finditer(text)):
            raise _Refused(f"a key has more than {DEPTH} parts")
        _bounded(text)
        document = tomllib.loads(text, parse_float=_float if finite else _any_float)
        _check_depth(document)
        return document
    except _Refused as problem:
        raise error(f"{where} cannot be read: {problem}") from problem
    except tomllib.TOMLDecodeError as problem:
        raise error(f"{where} is not valid TOML: {str(problem).replace('(at ', '(')}") from problem
    except RecursionError as problem:
        raise error(f"{where} cannot be read: {_deep()}") from problem
    except ValueError as problem:  # a date that there is not, a whole number of thousands of digits
        raise error(f"{where} is not valid TOML: {problem}") from problem


def named(value: object) -> str:
    """What a value of a document is, in words: "text", "a number", "a list"."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    words: dict[type, str] = {str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return words.get(type(value), type(value).__name__)


def _uncommented(text: str) -> str:
    """Comments blanked, not taken out, so that lines and columns in complaints stay right."""
    return _COMMENT.sub(lambda match: match[0] if match[0][0] == '"' else "", text) if "//" in text else text


def _bounded(text: str) -> None:
    values = sum(text.count(mark) for mark in ",[{")
    if values > VALUES.value:
        raise _Refused(VALUES.exceeded("it has", values).removesuffix(", if you trust the file"))


def _deep() -> str:
    return f"its lists and objects stand more than {DEPTH} deep in each other"


def _check_depth(document: Any) -> None:
    """Level by level, not by recursion, which is what is to be guarded."""
    level = [document] if isinstance(document, (dict, list)) else []
    for _ in range(DEPTH + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise _Refused(_deep())


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _Refused("an object has a key twice")
    return made


def _float(word: str) -> float:
    number = float(word)
    if number != number or number in (float("inf"), -float("inf")):
        raise _Refused(f"{cut(word, 24)} is no finite number")
    return number


def _any_float(word: str) -> float:
    return float(word) if word[-1] in "fn" else _float(word)  # inf, nan


def _whole(word: str) -> int:
    if len(word) > DIGITS:
        raise _Refused(f"a whole number has {len(word)} digits")
    return int(word)


def _placed(text: str, problem: _Refused) -> str:
    """The problem with its place, found by going through the words once more; as it is where that shows nothing."""
    try:
        return next(_odd(text), str(problem))
    except (ValueError, IndexError, RecursionError):
        return str(problem)


def _odd(text: str) -> Iterator[str]:
    """The keys that stand twice in an object, and the numbers that are none, in a text that is JSON, with places."""
    seen: list[set[str] | None] = []
    before = ""
    for match in _WORDS.finditer(text):
        word = match[0]
        if word in "{[":
            seen.append(set() if word == "{" else None)
        elif word in "}]":
            seen.pop()
        elif word[0] == '"' and before in ("{", ",") and seen and (keys := seen[-1]) is not None:
            name = json.loads(word)
            if name in keys:
                yield f"the key {cut(name)!r} stands twice in an object ({position(text, match.start())})"
            keys.add(name)
        elif word[0] not in '",:tfn' and (why := _no_number(word)):
            yield f"{why} ({position(text, match.start())})"
        before = word


def _no_number(word: str) -> str:
    """Why a number is none that is taken; "" for one that is."""
    try:
        (_float if re.search(r"[.eEIN]", word) else _whole)(word)
    except ValueError as error:
        return str(error)
    return ""


__all__ = ["json_of", "named", "read_json", "read_table", "toml_of"]
