"""What a plugin answers, held against the contract's records before anybody relies on it.

The records check nothing themselves: they are made in the plugin's code, and may have crossed a process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import attrs

from zif.records import (
    Capabilities,
    Compiled,
    Converted,
    Kind,
    OpClaim,
    Processor,
    QuantizationRules,
    Rates,
    TensorInfo,
    Verdict,
)

#: What a field has to be, in words, and whether a value is that.
_Rule = tuple[str, Callable[[Any], bool]]


def malformed(answer: Any) -> str:
    """What is wrong with a record, such as "zif.Capabilities whose label is 5, not text"; "" when nothing is."""
    for name, (words, fits) in _RULES[type(answer)].items() if type(answer) in _RULES else ():
        value = getattr(answer, name)
        if not fits(value):
            return f"zif.{type(answer).__name__} whose {name} is {_short(value)}, not {words}"
    if isinstance(answer, Compiled) and answer.main not in answer.files:
        return f"zif.Compiled whose main, {answer.main!r}, is none of its files"
    return ""


def unfit(executable: Any) -> str:
    """What is wrong with what `load` returned; "" when it can be run and closed, and its notes are sentences."""
    kind = type(executable).__name__
    for method in ("run", "close"):
        if not callable(getattr(executable, method, None)):
            return f"{kind}, which has no {method}()"
    notes = getattr(executable, "notes", ())
    if isinstance(notes, str) or not all(isinstance(note, str) for note in notes):
        return f"{kind} whose notes are {_short(notes)}, not sentences"
    return ""


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # a plugin's own class may be broken, too
        text = "?"
    return text if len(text) <= 60 else f"{text[:60]}… ({type(value).__name__})"


def _is(kind: type | tuple[type, ...], words: str) -> _Rule:
    return words, lambda value: isinstance(value, kind)


def _tuple_of(kind: type, words: str) -> _Rule:
    def fits(value: Any) -> bool:
        return isinstance(value, (tuple, list)) and all(isinstance(element, kind) for element in value)

    return f"a tuple of {words}", fits


def _one_of(words: tuple[str, ...]) -> _Rule:
    return " or ".join(words), lambda value: isinstance(value, str) and value in words


def _mapping(kinds: type | tuple[type, ...], words: str) -> _Rule:
    def fits(value: Any) -> bool:
        return isinstance(value, Mapping) and all(isinstance(k, str) and isinstance(v, kinds) for k, v in value.items())

    return f"a mapping of names to {words}", fits


_TEXT, _FLAG = _is(str, "text"), _is(bool, "true or false")
_TEXTS = _tuple_of(str, "texts")
_TENSORS = _tuple_of(TensorInfo, "zif.TensorInfo")
_EDGES: dict[str, _Rule] = {"format": _TEXT, "inputs": _TENSORS, "outputs": _TENSORS, "notes": _TEXTS}
_RULES: Mapping[type, Mapping[str, _Rule]] = {
    Capabilities: {
        "processor": _one_of(get_args(Processor)),
        "kind": _one_of(get_args(Kind)),
        "available": _FLAG,
        "reason": _TEXT,
        "toolchain": _TEXT,
        "ops": _tuple_of(OpClaim, "zif.OpClaim"),
        "max_tensor_bytes": _is((int, type(None)), "a number of bytes or None"),
        "preferred_precision": _TEXT,
        "power_efficiency": ("a number from 0 to 1", lambda value: isinstance(value, (int, float)) and 0 <= value <= 1),
        "rates": _is((Rates, type(None)), "zif.Rates or None"),
        "options": ("an attrs class", lambda value: isinstance(value, type) and attrs.has(value)),
        "isolate": _FLAG,
        "verdicts": _mapping(Verdict, "zif.Verdict"),
        "notes": _TEXTS,
        "label": _TEXT,
        "config_sections": _TEXTS,
        "quantization": _is((QuantizationRules, type(None)), "zif.plugin.QuantizationRules or None"),
    },
    Converted: _EDGES,
    Compiled: {**_EDGES, "files": _mapping((bytes, Path), "bytes or paths"), "main": _TEXT},
}
