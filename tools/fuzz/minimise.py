"""Making a bad case small: whatever can go while it stays bad in the same way goes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import onnx
from attrs import evolve

from tools.fuzz.documents import at, places
from tools.fuzz.protobufs import messages, repeated
from tools.fuzz.world import Case

#: Whether a case is still bad in the same way.
Bad = Callable[[Case], bool]


def minimised(case: Case, bad: Bad, tries: int = 300) -> Case:
    """The smallest case that so many tries lead to."""
    left = tries
    while True:
        for other in less(case):
            left -= 1
            if left < 0:
                return case
            if bad(other):
                case = other
                break
        else:
            return case


def less(case: Case) -> Iterator[Case]:
    """Cases that are a little less, the boldest first: without a file, a field, a row, half of the bytes."""
    for name in case.files:
        yield evolve(case, files={key: content for key, content in case.files.items() if key != name})
    for name, content in case.files.items():
        for other in _contents(name, content):
            if other != content:
                yield evolve(case, files={**case.files, name: other})
    for words in _fewer_words(case.arguments):
        yield evolve(case, arguments=words)


def _fewer_words(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for place, word in enumerate(words):
        if word.startswith("-"):
            yield words[:place] + words[place + 2 :]  # with its value
            yield words[:place] + words[place + 1 :]


def _contents(name: str, content: bytes) -> Iterator[bytes]:
    if name.endswith((".onnx", ".pb")):
        yield from _models(content)
    elif name.endswith(".json"):
        yield from _documents(content)
    else:
        for part in (2, 4, 8):
            size = len(content) // part
            for start in range(0, len(content) if size else 0, size or 1):
                yield content[:start] + content[start + size :]


def _models(content: bytes) -> Iterator[bytes]:
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception:  # protobuf's own classes, which have no types
        return
    sites = [
        (number, field.name) for number, message in enumerate(messages(model)) for field, _ in message.ListFields()
    ]
    for number, name in sites:
        for row in _rows(list(messages(model))[number], name):
            copy = onnx.ModelProto.FromString(content)
            message = list(messages(copy))[number]
            if row is None:
                message.ClearField(name)
            else:
                del getattr(message, name)[row]
            yield bytes(copy.SerializeToString())


def _rows(message: Any, name: str) -> list[int | None]:
    """What can go of a field: all of it, or one row."""
    if not repeated(message.DESCRIPTOR.fields_by_name[name]):
        return [None]
    return [None, *range(min(8, len(getattr(message, name))))]


def _documents(content: bytes) -> Iterator[bytes]:
    try:
        document = json.loads(content)
    except ValueError:
        return
    for path in sorted(places(document), key=len):
        if path:
            made = copy.deepcopy(document)
            del at(made, path[:-1])[path[-1]]
            yield json.dumps(made).encode()
