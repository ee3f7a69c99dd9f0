"""Documents as records: every field held to the type that the attrs class gives it, each complaint with its place.

Nothing is converted but lists, to tuples and sets: a number that stands there as text is a mistake, not a number.
This is written out, and no library's, for the sentences and for the start: a session from a bundle reads its plan with
it, and what the libraries for it import and generate took 50 ms of that, where this takes one.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import attrs

from zif.errors import InvalidInput
from zif.files.documents import named
from zif.files.paths import Refusal
from zif.files.wording import cut

Record = TypeVar("Record")
#: Gives the value of a type that a plain value stands for, or raises _Wrong.
_Reader = Callable[[Any], Any]
#: The whole numbers of a document are sizes, counts and positions.
_LARGEST = 1 << 63


class _Wrong(Exception):
    """What a value is not; `path` is put together on the way out."""

    def __init__(self, words: str, path: str = "") -> None:
        super().__init__(words)
        self.words, self.path = words, path

    def within(self, step: str) -> _Wrong:
        """The same, seen from one level further out."""
        dot = "." if self.path and not self.path.startswith("[") else ""
        return _Wrong(self.words, f"{step}{dot}{self.path}")

    def told(self, what: str) -> str:
        """The sentence; `what` names the whole."""
        return f"{self.path or what} {self.words}"


def record(kind: type[Record], data: Any, where: str, error: Refusal = InvalidInput, *, exact: bool = False) -> Record:
    """The record of the attrs class `kind` that the document `data` stands for.

    Fields that are not known are passed over, as a newer version may have written them; `exact` refuses them instead.
    Raises what `error` makes: the document `where`, the place in it, what must stand there and what does.
    """
    return cast(Record, value(kind, data, where, error, exact=exact))


def value(kind: Any, data: Any, where: str, error: Refusal = InvalidInput, *, exact: bool = False) -> Any:
    """The same for any type that a record's field may have, such as `tuple[Segment, ...]`."""
    try:
        return _reader(kind, exact)(data)
    except _Wrong as wrong:
        raise error(f"{where}: {wrong.told('it')}") from None


@lru_cache(maxsize=512)
def _reader(kind: Any, exact: bool) -> _Reader:
    """What reads values of a type; made once, so that thousands of rows do not ask for their types again."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _of_any(kind, inner, exact)
    if origin is Literal:
        return _of_words(inner)
    if origin in (tuple, list, frozenset):
        return _of_rows(origin, inner, exact)
    if origin in (dict, Mapping, types.MappingProxyType) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return _of_table(inner[1], exact)
    if attrs.has(kind):
        return _of_record(kind, exact)
    raise TypeError(f"{kind!r} is no type that a document's value can have")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Wrong(f"must be text, is {shown(value)}")
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(f"must be true or false, is {shown(value)}")
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Wrong(f"must be a whole number, is {shown(value)}")
    if not -_LARGEST <= value < _LARGEST:
        raise _Wrong("must be a whole number of at most 64 bits")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _Wrong(f"must be a number, is {shown(value)}")
    if isinstance(value, int):
        _whole(value)
    elif not math.isfinite(value):
        raise _Wrong(f"must be a finite number, is {value}")
    return value


def _nothing(value: Any) -> None:
    if value is not None:
        raise _Wrong(f"must be null, is {shown(value)}")


_PLAIN: Mapping[Any, _Reader] = {
    str: _text,
    bool: _truth,
    int: _whole,
    float: _number,
    type(None): _nothing,
    Any: lambda value: value,
}


def _of_words(words: tuple[Any, ...]) -> _Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, str) or value not in words:
            raise _Wrong(f"must be {' or '.join(map(str, words))}, is {shown(value)}")
        return value

    return read


def _of_any(kind: Any, kinds: tuple[Any, ...], exact: bool) -> _Reader:
    readers = [_reader(kind, exact) for kind in kinds if kind is not type(None)]
    nothing = len(readers) < len(kinds)

    def read(value: Any) -> Any:
        if nothing and value is None:
            return None
        deepest: _Wrong | None = None
        for reader in readers:
            try:
                return reader(value)
            except _Wrong as wrong:
                if wrong.path:
                    deepest = wrong
        raise deepest or _Wrong(f"must be {words(kind)}, is {shown(value)}")

    return read


def _of_rows(kind: Any, inner: tuple[Any, ...], exact: bool) -> _Reader:
    if kind is tuple and inner[1:] != (...,):
        return _of_fixed([_reader(kind, exact) for kind in inner])
    element = _reader(inner[0], exact)

    def read(value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            raise _Wrong(f"must be a list, is {shown(value)}")
        made: list[Any] = []
        try:
            for row in value:  # not by extend: how many there are says where a wrong one stands
                made.append(element(row))  # noqa: PERF401
        except _Wrong as wrong:
            raise wrong.within(f"[{len(made)}]") from None
        return kind(made)

    return read


def _of_fixed(readers: list[_Reader]) -> _Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, (list, tuple)) or len(value) != len(readers):
            raise _Wrong(f"must be a list of {len(readers)}, is {shown(value)}")
        made: list[Any] = []
        try:
            for reader, row in zip(readers, value, strict=True):
                made.append(reader(row))
        except _Wrong as wrong:
            raise wrong.within(f"[{len(made)}]") from None
        return tuple(made)

    return read


def _of_table(kind: Any, exact: bool) -> _Reader:
    element = _reader(kind, exact)

    def read(value: Any) -> dict[str, Any]:
        made, name = {}, ""
        try:
            for name, row in _table(value).items():
                made[_text(name)] = element(row)
        except _Wrong as wrong:
            raise (wrong.within(_step(name)) if isinstance(value, Mapping) else wrong) from None
        return made

    return read


def _of_record(kind: type[Any], exact: bool) -> _Reader:
    hints = get_type_hints(kind)
    fields = [field for field in attrs.fields(kind) if field.init]
    readers = {field.name: _reader(hints[field.name], exact) for field in fields}
    needed = {field.name for field in fields if field.default is attrs.NOTHING}

    def read(value: Any) -> Any:
        if isinstance(value, kind):  # the caller has read this part already
            return value
        table = _table(value)
        if not needed <= table.keys():
            raise _Wrong("is missing", next(name for name in readers if name in needed and name not in table))
        if exact and not table.keys() <= readers.keys():
            unknown = next(name for name in table if name not in readers)
            raise _Wrong(f"is not known; known are {', '.join(readers)}", _step(unknown))
        made, name = {}, ""
        try:
            for name, reader in readers.items():
                if name in table:
                    made[name] = reader(table[name])
        except _Wrong as wrong:
            raise wrong.within(name) from None
        try:
            return kind(**made)
        except ValueError as problem:  # what the class itself asks of its fields
            raise _Wrong(f"cannot be: {problem.args[0] if problem.args else problem}") from None

    return read


def _table(value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise _Wrong(f"must be an object, is {shown(value)}")
    return value


def _step(name: object) -> str:
    """A key as part of a path: as it is where it is a word, else in brackets."""
    text = str(name)
    return text if text.isidentifier() else f"[{cut(text)!r}]"


def shown(value: Any) -> str:
    """A value of a document in a complaint: what it is, and itself where it is short."""
    if isinstance(value, str):
        return f"the text {cut(value, 40)!r}"
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else named(value)


def words(kind: Any) -> str:
    """A type in words: "a number or null"."""
    plain = {str: "text", bool: "true or false", int: "a whole number", float: "a number", type(None): "null"}
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        *first, last = dict.fromkeys(map(words, inner))
        return f"{', '.join(first)} or {last}"
    if origin is Literal:
        return " or ".join(map(str, inner))
    return plain.get(kind, "a list" if origin in (tuple, list, frozenset) else "an object")
