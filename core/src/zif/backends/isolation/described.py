"""The class of a backend's options, for a process that does not have it: described there, and stood in for here."""

from __future__ import annotations

import copyreg
import types
from collections.abc import Callable, Mapping
from functools import reduce
from operator import or_
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs
from attrs import Factory, frozen

from zif.backends.isolation.messages import Given
from zif.records import ChoosesPrecision, ExplainsOptions

#: Types by the word that crosses. What is none of them is held to its type on the other side only.
_WORDS: Mapping[Any, str] = {bool: "bool", int: "int", float: "float", str: "str", type(None): "none", Any: "any"}
_TYPES: Mapping[str, Any] = {word: kind for kind, word in _WORDS.items()}
#: What a field's metadata may hold that crosses.
_PLAIN = (str, bool, int, float, type(None))

#: Asks the worker: a stage and its arguments.
Ask = Callable[..., Any]
#: What finds the class again where its pickle is read, and with what.
Again = tuple[Callable[..., Any], tuple[Any, ...]]


class _StandIn(type):
    """The type of classes that stand for others: no module has them, so a pickle holds how to find them again."""

    again: Again


copyreg.pickle(_StandIn, lambda kind: kind.again)


@frozen
class Field:
    """One option: its type as `_typed` writes it, and its default if it has one that is plain."""

    name: str
    type: Any
    default: Any = None
    required: bool = False
    metadata: Mapping[str, Any] = Factory(dict)


@frozen
class Described:
    """A class of options. explains, chooses: whether it has `remarks` and `precisions`."""

    name: str
    fields: tuple[Field, ...] = ()
    explains: bool = False
    chooses: bool = False


@frozen
class Refused:
    """Values or a target that options cannot have, in their own words."""

    text: str


def described(kind: type[Any]) -> Described:
    """The description of an attrs class of options."""
    hints = get_type_hints(kind)
    fields = tuple(_field(field, hints.get(field.name, Any)) for field in attrs.fields(kind) if field.init)
    return Described(kind.__name__, fields, hasattr(kind, "remarks"), hasattr(kind, "precisions"))


def written_values(options: Any) -> Given:
    """The values of an instance, its own class or one that stands in for it."""
    values = {field.alias: getattr(options, field.name) for field in attrs.fields(type(options)) if field.init}
    return Given({name: attrs.asdict(value) if attrs.has(type(value)) else value for name, value in values.items()})


def stand_in(description: Described, ask: Ask, again: Again) -> type[Any]:
    """A class that takes what the described one takes. `ask` reaches the process that has that: it has the last word.
    `again` is how another process that reads a pickle of the class finds one.

    Making an instance raises ValueError in the words of the described class.
    """

    def settle(self: Any) -> None:
        object.__setattr__(self, "_precisions", _heard(ask("options", written_values(self))))

    def remarks(self: Any, target: Any, kind: Any) -> tuple[str, ...]:
        said: tuple[str, ...] = _heard(ask("remarks", written_values(self), target, kind))
        return said

    body: dict[str, Any] = {"__attrs_post_init__": settle}
    if description.explains:
        body["remarks"] = remarks
    if description.chooses:
        body["precisions"] = property(lambda self: self._precisions)
    body |= {field.name: _attribute(field) for field in description.fields}
    body["__annotations__"] = {field.name: _type(field.type) for field in description.fields}
    made = _StandIn(description.name, (), body)
    made.again = again
    return attrs.define(made, frozen=True, slots=False, kw_only=True, auto_attribs=True)


def checked(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """An instance of the class itself, in the process that has it, or what it refuses them with."""
    try:
        return _built(kind, values)
    except (ValueError, TypeError) as error:
        return Refused(_words(error))


def precisions(options: Any) -> tuple[str, ...] | None:
    """What they choose, if they do."""
    return tuple(options.precisions) if isinstance(options, ChoosesPrecision) else None


def remarks(options: Any, target: Any, kind: Any) -> tuple[str, ...] | Refused:
    """What they say of what has no effect."""
    try:
        return tuple(options.remarks(target, kind)) if isinstance(options, ExplainsOptions) else ()
    except ValueError as error:
        return Refused(_words(error))


def _words(error: Exception) -> str:
    return str(error.args[0] if error.args else error)


def _heard(answer: Any) -> Any:
    if isinstance(answer, Refused):
        raise ValueError(answer.text)
    return answer


def _field(field: Any, hint: Any) -> Field:
    default = field.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = None if default.takes_self else default.factory()
    metadata = {name: value for name, value in field.metadata.items() if isinstance(value, _PLAIN)}
    missing = default is attrs.NOTHING
    return Field(field.name, _typed(hint), None if missing else default, missing, metadata)


def _attribute(field: Field) -> Any:
    default = attrs.NOTHING if field.required else field.default
    if isinstance(default, (list, dict, set)):
        return attrs.field(factory=lambda: type(default)(default), metadata=field.metadata)
    return attrs.field(default=default, metadata=field.metadata)


def _typed(hint: Any) -> Any:
    """A type as plain data: a word, or a list of one and what it is made of."""
    origin = get_origin(hint)
    if origin is Literal:
        return ["literal", *get_args(hint)]
    if origin in (Union, types.UnionType):
        return ["union", *map(_typed, get_args(hint))]
    return _WORDS.get(hint, "any")


def _type(told: Any) -> Any:
    if isinstance(told, str):
        return _TYPES.get(told, Any)
    word, *rest = told
    if word == "literal":
        return Literal[tuple(rest)]
    kinds = [_type(argument) for argument in rest] if word == "union" else [Any]
    return Any if Any in kinds else reduce(or_, kinds)


def _built(kind: Any, values: Mapping[str, Any]) -> Any:
    """The record of these fields, with the records within it."""
    hints = get_type_hints(kind)
    fields: dict[str, Any] = {field.alias: hints.get(field.name, Any) for field in attrs.fields(kind)}
    nested = {name for name, value in values.items() if attrs.has(fields.get(name, Any)) and isinstance(value, Mapping)}
    return kind(**{name: _built(fields[name], value) if name in nested else value for name, value in values.items()})
