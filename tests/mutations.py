"""Valid documents and files, damaged: what readers of foreign files are tried with."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

#: What stands in for a value: other types, and numbers and texts that nobody expects.
ODD = (
    None,
    True,
    0,
    -1,
    1.5,
    2**63,
    10**400,
    1e308,
    "",
    "x",
    "1",
    "\0",
    "a" * 5000,
    "../..",
    [],
    [[]],
    {},
    {"a": 1},
    [1],
)


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a document, its own (the empty one) among them."""
    yield path
    rows = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    for key, value in rows:
        yield from places(value, (*path, key))


def with_value(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at a path."""
    if not path:
        return value
    made = copy.deepcopy(document)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return made


def without(document: Any, path: tuple[Any, ...]) -> Any:
    """A copy without what stands at a path."""
    made = copy.deepcopy(document)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return made


@st.composite
def damaged(draw: st.DrawFn, document: Any) -> Any:
    """The document with one to three values replaced, taken out, repeated or put a level deeper."""
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(sorted(places(document), key=repr)))
        way = draw(st.sampled_from(["replace", "replace", "replace", "remove", "repeat", "nest"]))
        if way == "remove" and path:
            document = without(document, path)
        elif way == "repeat" and path and isinstance(path[-1], int):
            outer = value_at(document, path[:-1])
            document = with_value(document, path[:-1], [*outer, outer[path[-1]]])
        elif way == "nest":
            document = with_value(document, path, [value_at(document, path)])
        else:
            document = with_value(document, path, draw(st.sampled_from(ODD)))
    return document


def value_at(document: Any, path: tuple[Any, ...]) -> Any:
    """What stands at a path."""
    for key in path:
        document = document[key]
    return document


@st.composite
def spoiled(draw: st.DrawFn, data: bytes) -> bytes:
    """A file with bytes flipped, cut, repeated or put in, in one to four places."""
    raw = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        start, count = draw(st.integers(0, max(0, len(raw) - 1))), draw(st.integers(1, 8))
        way = draw(st.sampled_from(["flip", "flip", "cut", "repeat", "insert", "huge"]))
        if way == "flip" and raw:
            raw[start] ^= 1 << draw(st.integers(0, 7))
        elif way == "cut":
            del raw[start : start + count]
        elif way == "repeat":
            raw[start:start] = raw[start : start + count * 16]
        else:
            raw[start:start] = draw(st.binary(max_size=8)) if way == "insert" else b"\xff" * count
    return bytes(raw)
