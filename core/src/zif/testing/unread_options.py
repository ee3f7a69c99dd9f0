"""Which options does nobody read? Told by watching: every stage gets options that note what is asked of them.

`python -m zif.testing.unread_options BACKEND TARGET` prints the names that were never read, as JSON. In a process of
its own, since the stages run here even if the backend asks to be isolated.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs

from zif.backends.backend import Backend
from zif.backends.registry import backend
from zif.errors import ZifError
from zif.model import Model
from zif.records import ChoosesPrecision, ExplainsOptions, Target
from zif.targets import target
from zif.testing.networks import perceptron

#: How many combinations of options are tried before an option counts as ignored.
MOST = 60

_VALUES: Mapping[Any, tuple[Any, ...]] = {
    bool: (True, False),
    int: (1, 2, 0),
    float: (2.0, 0.5),
    str: ("x",),
    Path: (Path("x"),),
}


def unread(name: str, chip: str) -> list[str]:
    """Options that no stage reads: not by default, not with another value, not with any other option changed."""
    where, plugin = target(chip), backend(name)
    kind = plugin.capabilities(where).options
    names = [field.name for field in attrs.fields(kind)]
    left = set(names) - _read(plugin, where, kind, {})
    for values in itertools.islice(_combinations(kind, left), MOST):
        if not left:
            break
        left -= _read(plugin, where, kind, values)
    return [name for name in names if name in left]


def _read(plugin: Backend, where: Target, kind: type[Any], values: Mapping[str, Any]) -> set[str]:
    """The options that were read while a tiny network went through every stage."""
    try:
        options, seen = watched(kind(**values))
    except (ValueError, TypeError):
        return set()  # no such combination
    if isinstance(options, ExplainsOptions):  # core asks for it, and tells the user what it says
        with contextlib.suppress(ValueError):
            options.remarks(where, plugin.capabilities(where).kind)
    if isinstance(options, ChoosesPrecision):  # core asks for them, and places units by them
        _ = options.precisions
    network = perceptron()
    with contextlib.suppress(ZifError, OSError):  # refused or not: it has been read
        converted = plugin.convert(Model.load(network.model), where, options)
        compiled = plugin.compile(converted, where, options)
        executable = plugin.load(compiled, options)
        executable.run(network.inputs)
        executable.close()
    return seen


def watched(options: Any) -> tuple[Any, set[str]]:
    """The same options, and the set in which the names appear that are read of them."""
    kind, seen = type(options), set[str]()
    names = frozenset(field.name for field in attrs.fields(kind))

    def look(self: Any, name: str) -> Any:
        if name in names and not _formality(sys._getframe(1).f_code.co_filename):
            seen.add(name)
        return object.__getattribute__(self, name)

    def reduce(self: Any) -> tuple[Any, tuple[Any, ...]]:
        return _again, (kind, {field.alias: getattr(self, field.name) for field in attrs.fields(kind)})

    spy = type(kind.__name__, (kind,), {"__slots__": (), "__getattribute__": look, "__reduce__": reduce})
    copy = attrs.evolve(options)
    object.__setattr__(copy, "__class__", spy)
    return copy, seen


def _formality(file: str) -> bool:
    """Whether a method that attrs wrote is reading, to print, compare or hash: nobody goes by that."""
    return file.startswith("<attrs generated")


def _again(kind: type[Any], values: Mapping[str, Any]) -> Any:
    return kind(**values)


def _combinations(kind: type[Any], wanted: set[str]) -> Iterator[dict[str, Any]]:
    """Each wanted option with another value, alone and then together with each other option's other values."""
    hints = get_type_hints(kind)
    fields = {field.name: field for field in attrs.fields(kind)}
    others = {name: list(_others(hints[name], field.default)) for name, field in fields.items()}
    for name in sorted(wanted):
        yield from ({fields[name].alias: value} for value in others[name])
    for name in sorted(wanted):
        for value, (other, values) in itertools.product(others[name][:1], others.items()):
            if other != name:
                yield from ({fields[name].alias: value, fields[other].alias: setting} for setting in values)


def _others(hint: Any, default: Any) -> Iterator[Any]:
    """A few values of this type that are not the default."""
    if get_origin(hint) in (Union, types.UnionType):
        for kind in get_args(hint):
            yield from _others(kind, default)
    elif get_origin(hint) is Literal:
        yield from (value for value in get_args(hint) if value != default)
    elif hint in _VALUES:
        yield from (value for value in _VALUES[hint] if value != default)


def main() -> None:
    """The command. What a library prints goes before the answer, which is the last line."""
    print(json.dumps(unread(*sys.argv[1:])), flush=True)


if __name__ == "__main__":
    main()
