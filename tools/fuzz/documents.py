"""Documents damaged by what they say: values replaced, moved, taken out, put in where a schema knows of more."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from random import Random
from typing import Any

from tools.fuzz import odd

Path = tuple[Any, ...]
_WORDS = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|[\w.+-]+|\s+|.", re.DOTALL)


def places(document: Any, path: Path = ()) -> Iterator[Path]:
    """The path of every value in a document, its own (the empty one) among them."""
    yield path
    rows = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    for key, value in rows:
        yield from places(value, (*path, key))


def at(document: Any, path: Path) -> Any:
    """What stands at a path."""
    for key in path:
        document = document[key]
    return document


def damaged(rng: Random, document: Any, known: tuple[str, ...] = ()) -> Any:
    """A copy with one to four values changed; `known` are names of fields that the format has."""
    made = copy.deepcopy(document)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        made = _once(rng, made, known)
    return made


def _once(rng: Random, document: Any, known: tuple[str, ...]) -> Any:
    paths = list(places(document))
    # By depth first: a long list of numbers must not draw all the attention.
    depth = rng.choice(sorted({len(path) for path in paths}))
    path = rng.choice([path for path in paths if len(path) == depth])
    if not path:
        return odd.value(rng) if rng.random() < 0.1 else _added(rng, document, known)
    outer, key = at(document, path[:-1]), path[-1]
    way = rng.choice(("set", "set", "set", "set", "drop", "twice", "nest", "other", "near", "name", "add", "many"))
    before = outer[key]
    if way == "drop":
        del outer[key]
    elif way == "twice" and isinstance(outer, list):
        outer.append(copy.deepcopy(before))
    elif way == "many" and isinstance(outer, list):
        outer.extend([before] * rng.choice((10, 1000)))
    elif way == "nest":
        outer[key] = [before] if rng.random() < 0.5 else {"x": before}
    elif way == "other":
        outer[key] = copy.deepcopy(at(document, rng.choice(paths)))
    elif way == "near":
        outer[key] = near(rng, before)
    elif way == "name" and isinstance(outer, dict):
        outer[rng.choice((odd.text(rng), *known, *outer))] = outer.pop(key)
    elif way == "add":
        outer[key] = _added(rng, before, known)
    else:
        outer[key] = odd.value(rng)
    return document


def near(rng: Random, value: Any) -> Any:
    """Something of the same type."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return odd.integer(rng, value)
    if isinstance(value, float):
        return odd.floating(rng)
    return odd.text(rng) if isinstance(value, str) else odd.value(rng)


def _added(rng: Random, value: Any, known: tuple[str, ...]) -> Any:
    """One more row, or one more field: a known one, as a rule."""
    if isinstance(value, dict):
        value[rng.choice(known) if known and rng.random() < 0.8 else odd.text(rng)] = odd.value(rng)
    elif isinstance(value, list):
        value.insert(rng.randrange(len(value) + 1), odd.value(rng))
    return value


def written(rng: Random, document: Any) -> bytes:
    """The document as JSON; now and then as nobody should write it."""
    text = json.dumps(document, indent=rng.choice((None, 1)))
    draw = rng.random()
    if draw < 0.85:
        return text.encode("utf-8", "replace")
    if draw < 0.9:
        return text.encode(rng.choice(("utf-8-sig", "utf-16", "utf-32", "utf-16-le")))
    return worded(rng, text).encode("utf-8", "replace") if draw < 0.97 else odd.spoiled(rng, text.encode())


def worded(rng: Random, text: str) -> str:
    """A text with words replaced, taken out, doubled or exchanged, whatever its format is."""
    words = _WORDS.findall(text) or [""]
    for _ in range(rng.choice((1, 1, 2, 3, 4))):
        first, second = rng.randrange(len(words)), rng.randrange(len(words))
        way = rng.choice(("set", "set", "drop", "twice", "swap", "many"))
        if way == "swap":
            words[first], words[second] = words[second], words[first]
        elif way == "twice":
            words[first] += words[second]
        elif way == "many":
            words[first] *= rng.choice((3, 100, 2000))
        else:
            words[first] = "" if way == "drop" else word(rng)
    return "".join(words)


def word(rng: Random) -> str:
    """A number, a text with or without its quotes, or a bracket."""
    draw = rng.random()
    if draw < 0.3:
        return str(odd.integer(rng))
    if draw < 0.4:
        return str(odd.floating(rng))
    if draw < 0.5:
        return rng.choice("[]{}()=,:.#\n\"'")
    return odd.text(rng) if draw < 0.75 else json.dumps(odd.value(rng))
