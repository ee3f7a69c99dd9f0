"""Reading chips from a file, TOML or JSON: those that plugins bring and those that users write, by the same rules."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import attrs

from zif.errors import UsageError
from zif.files.documents import read_table
from zif.records import Processor, Rates, Target
from zif.targets.machine import FACTS
from zif.targets.vendor import misplaced, vendor_figures

_PROCESSORS: tuple[str, ...] = get_args(Processor)
_FILE_KEYS = ("schema", "sources", "targets", "target")
_SCHEMA = "zif.targets/1"
#: What was measured comes from files of its own, see `zif.targets.watts`.
_RATE_KEYS = tuple(a.name for a in attrs.fields(Rates) if a.name != "measured_watts")
_KINDS: Mapping[str, tuple[type, str]] = {
    **dict.fromkeys(("name", "title", "costs_like", "like"), (str, "a string")),
    "aliases": (list, "a list of strings"),
    **dict.fromkeys(("machine", "vendor", "processors"), (dict, "a table")),
    "sources": (dict, "a table of sentences"),
}
#: Beyond this an integer is no float.
_LARGEST = sys.float_info.max
PRECISIONS = ("fp64", "fp32", "fp16", "int16", "int8", "int4", "int64", "int32")


def read(path: Path, known: Mapping[str, Target], vendors: Collection[Target] = ()) -> tuple[Target, ...]:
    """The chips that a file describes, as [[target]] tables in TOML or a list under "targets" in JSON.

    `known` holds the chips by name that `like = "…"` may start from: whatever an entry leaves out is taken from there.
    `vendors` are the chips whose figures a vendor's table may have; any where there are none. Raises `UsageError`
    naming the file, the entry and what is allowed.
    """
    document = read_table(path, UsageError, finite=False)
    _keys(document, _FILE_KEYS, f"{path}")
    if document.get("schema", _SCHEMA) != _SCHEMA:
        raise UsageError(f"{path}: schema is {document['schema']!r}, this version of zif reads {_SCHEMA!r}.")
    entries = document.get("targets", document.get("target"))
    if not isinstance(entries, list) or not entries:
        raise UsageError(f'{path} describes no chip: it needs [[target]] tables (TOML) or a list "targets" (JSON).')
    words = document.get("sources", {})
    if not isinstance(words, dict) or not all(isinstance(text, str) for text in words.values()):
        raise UsageError(f"{path}: sources must be a table of sentences, not {words!r}.")
    targets: dict[str, Target] = {}
    for index, entry in enumerate(entries, 1):
        target = _Entry(path, index, entry).target({**known, **targets}, vendors, words)
        if target.name in targets:
            raise UsageError(f"{path}: two chips are called {target.name!r}.")
        targets[target.name] = target
    return tuple(targets.values())


def _keys(table: Mapping[str, Any], allowed: Sequence[str], where: str) -> None:
    unknown = sorted(set(table) - set(allowed))
    if unknown:
        raise UsageError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(allowed)}.")


class _Entry:
    """One chip's table while it is checked: every complaint says where."""

    def __init__(self, path: Path, index: int, table: Any) -> None:
        if not isinstance(table, dict):
            raise UsageError(f"{path}: entry {index} must be a table, not a {type(table).__name__}.")
        self.path, self.table = path, table
        self.where = f"{path}: target {table.get('name') or index!r}"

    def target(self, known: Mapping[str, Target], vendors: Collection[Target], words: Mapping[str, str]) -> Target:
        self._known_keys(known)
        for key, value in self.table.items():
            self._kind(key, value)
        if not self.table.get("name"):
            raise UsageError(f"{self.where}: a chip needs a name.")
        base, figures = self._base(known), vendor_figures(self.where, self.table.get("vendor", {}), vendors)
        fields = {key: self.table[key] for key in ("name", "title", "costs_like") if key in self.table}
        return attrs.evolve(
            base,
            **{"title": fields["name"], "costs_like": base.costs_like or base.name, **fields},
            aliases=tuple(self.table.get("aliases", ())),
            vendor={**base.vendor}
            | {vendor: {**base.vendor.get(vendor, {}), **own} for vendor, own in figures.items()},
            processors={**base.processors, **self._processors(base)},
            sources={**base.sources, **self._sources(figures, words)},
            machine=self._machine(),
            distribution="",
        )

    def _known_keys(self, known: Mapping[str, Target]) -> None:
        unknown = sorted(set(self.table) - set(_KINDS))
        if unknown:
            hint = misplaced(unknown[0], known.values())
            raise UsageError(f"{self.where}: unknown key {unknown[0]!r}; known are {', '.join(_KINDS)}. {hint}.")

    def _sources(self, figures: Mapping[str, Mapping[str, Any]], words: Mapping[str, str]) -> dict[str, str]:
        """Where each figure of this entry comes from: what the file says, else that it stands in the file."""
        names = [f"{vendor}.{name}" for vendor, table in figures.items() for name in table]
        here = dict.fromkeys(names + (["title"] if "title" in self.table else []), f"declared in {self.path.name}")
        return here | {name: words.get(text, text) for name, text in self.table.get("sources", {}).items()}

    def _machine(self) -> dict[str, tuple[str, ...]]:
        table = self.table.get("machine", {})
        _keys(table, tuple(FACTS), f"{self.where}: machine")
        for fact, phrases in table.items():
            if not (
                isinstance(phrases, list) and all(isinstance(phrase, str) and phrase.strip() for phrase in phrases)
            ):
                raise UsageError(f"{self.where}: machine.{fact} must be a list of phrases, not {phrases!r}.")
        return {fact: tuple(phrases) for fact, phrases in table.items()}

    def _kind(self, key: str, value: Any) -> None:
        kind, words = _KINDS[key]
        right = isinstance(value, kind)
        if right and key in ("aliases", "sources"):
            right = all(isinstance(text, str) for text in (value.values() if kind is dict else value))
        if not right:
            raise UsageError(f"{self.where}: {key} must be {words}, not {value!r}.")

    def _base(self, known: Mapping[str, Target]) -> Target:
        like = self.table.get("like")
        if like is None:
            if not self.table.get("processors"):
                raise UsageError(f'{self.where}: give processors, or start from a known chip with like = "sa8295p".')
            return Target("")
        if like not in known:
            raise UsageError(f"{self.where}: like = {like!r} is no known chip; known are {', '.join(sorted(known))}.")
        return known[like]

    def _processors(self, base: Target) -> dict[str, Rates]:
        tables = self.table.get("processors", {})
        _keys(tables, _PROCESSORS, f"{self.where}: processors")
        return {name: self._rates(name, table, base.processors.get(name)) for name, table in tables.items()}

    def _rates(self, processor: str, table: Any, base: Rates | None) -> Rates:
        where = f"{self.where}: processors.{processor}"
        if not isinstance(table, dict):
            raise UsageError(f"{where} must be a table, not {table!r}.")
        _keys(table, _RATE_KEYS, where)
        if base is None and ("macs_per_s" not in table or "bytes_per_s" not in table):
            raise UsageError(f"{where} needs macs_per_s (a table by precision) and bytes_per_s.")
        values: dict[str, Any] = {"source": f"declared in {self.path.name}"}
        for key, value in table.items():
            values[key] = self._rate(where, key, value)
        if "watts" in table:
            values.setdefault("watts_source", values["source"])
        if base is not None:
            return attrs.evolve(base, **values)
        # The CPU's memory is host memory: nothing has to be moved there.
        free: dict[str, Any] = {"link_bytes_per_s": math.inf, "link_us": 0.0} if processor == "cpu" else {}
        return Rates(**{**free, **values})

    def _rate(self, where: str, key: str, value: Any) -> Any:
        if key in ("source", "watts_source"):
            if not isinstance(value, str) or not value:
                raise UsageError(f"{where}: {key} must be a sentence.")
            return value
        if key == "macs_per_s":
            if not isinstance(value, dict) or not value:
                raise UsageError(f"{where}: macs_per_s must be a table such as {{ int8 = 4e12, fp16 = 1.5e12 }}.")
            _keys(value, PRECISIONS, f"{where}.macs_per_s")
            return {name: _positive(f"{where}.macs_per_s.{name}", rate) for name, rate in value.items()}
        return _positive(f"{where}.{key}", value, zero=key not in ("bytes_per_s", "link_bytes_per_s"))


def _positive(where: str, value: Any, zero: bool = False) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool) and (value <= _LARGEST or value == math.inf)
    if not number or value < 0 or (value == 0 and not zero):
        raise UsageError(f"{where} must be a {'number from 0 up' if zero else 'positive number'}, not {value!r}.")
    return float(value)
