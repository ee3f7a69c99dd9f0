"""A backend's typed options from what a user wrote: every key known, every value possible, or a clear refusal."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs

from zif.backends.blame import blaming
from zif.errors import UsageError
from zif.files.wording import cut, did_you_mean


def build_options(kind: type[Any], contents: Mapping[str, Any], backend: str, *, typed: bool = False) -> Any:
    """An instance of the attrs class `kind`. Text is converted to the field's type, as from a command line.

    typed: the values come from where numbers can be written as numbers, so that a text in the place of one is refused.

    Raises UsageError that lists the known options, or the values that a Literal field takes; StageFailed when the class
    itself fails.
    """
    with blaming(f"backend {backend!r}", "taking its options"):
        fields, hints = attrs.fields_dict(kind), get_type_hints(kind)
        for key in contents:
            if key not in fields:
                raise UsageError(_unknown(key, fields, backend))
        if typed:
            _check_written(contents, hints, backend)
        values = {key: _convert(value, hints[key], f"{backend}: option {key}") for key, value in contents.items()}
        try:
            return kind(**values)
        except (ValueError, TypeError) as error:
            raise UsageError(f"{backend}: {error.args[0] if error.args else error}") from error


def describe_options(kind: type[Any]) -> list[dict[str, Any]]:
    """Name, type, default and help of every option, for tables and documents."""
    hints = get_type_hints(kind)
    return [
        {
            "name": field.name,
            "type": _type_name(hints[field.name]),
            "default": None if field.default is attrs.NOTHING else field.default,
            "help": field.metadata.get("help", ""),
        }
        for field in attrs.fields(kind)
    ]


def _unknown(key: str, fields: Mapping[str, Any], backend: str) -> str:
    if not fields:
        return f"{backend}: unknown option {key!r}; this backend has no options"
    return f"{backend}: unknown option {key!r}.{did_you_mean(key, fields)} Known: {', '.join(sorted(fields))}."


def _check_written(values: Mapping[str, Any], hints: Mapping[str, Any], backend: str) -> None:
    """Raise UsageError for a number, true or false that stands in quotes."""
    for key, value in values.items():
        hint = hints[key]
        kinds = set(get_args(hint)) if get_origin(hint) in (Union, types.UnionType) else {hint}
        if isinstance(value, str) and value and kinds & {int, float, bool} and str not in kinds:
            raise UsageError(
                f"{backend}: option {key} takes {_type_name(hint)}, not a text: write {cut(value)} without quotes"
            )


def _convert(value: Any, hint: Any, where: str) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        return _convert_union(value, get_args(hint), where)
    if get_origin(hint) is Literal:
        return _one_of(value, get_args(hint), where)
    if hint is bool:
        return _boolean(value, where)
    if hint in (int, float) and not isinstance(value, bool):
        return _number(value, hint, where)
    if hint is str and isinstance(value, str):
        return value
    if hint is Any or (isinstance(hint, type) and isinstance(value, hint) and not isinstance(value, bool)):
        return value
    raise UsageError(f"{where} takes {_type_name(hint)}, not {value!r}")


def _convert_union(value: Any, kinds: tuple[Any, ...], where: str) -> Any:
    if type(None) in kinds and (value is None or value == ""):
        return None
    rest = [kind for kind in kinds if kind is not type(None)]
    for kind in rest[:-1]:
        try:
            return _convert(value, kind, where)
        except UsageError:
            continue
    return _convert(value, rest[-1], where)


def _one_of(value: Any, allowed: tuple[Any, ...], where: str) -> Any:
    for known in allowed:
        if value == known or str(value) == str(known):
            return known
    raise UsageError(f"{where} cannot be {value!r}; possible: {', '.join(map(str, allowed))}")


def _boolean(value: Any, where: str) -> bool:
    words = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise UsageError(f"{where} takes true or false, not {value!r}")


def _number(value: Any, kind: type[int] | type[float], where: str) -> int | float:
    try:
        number = kind(value)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"{where} takes {_type_name(kind)}, not {cut(repr(value))}") from None
    if not math.isfinite(number) if kind is float else abs(number) >= 1 << 63:
        raise UsageError(f"{where} takes {_type_name(kind)} that a machine can hold, not {cut(repr(value))}")
    if kind is int and isinstance(value, float) and number != value:
        raise UsageError(f"{where} takes a whole number, not {value!r}")
    return number


def _type_name(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "|".join(map(str, get_args(hint)))
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_type_name(kind) for kind in get_args(hint))
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "none"}
    return words.get(hint, getattr(hint, "__name__", str(hint)))
