"""What an artifact depends on, and how two such keys differ, in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
from attrs import field, frozen

from zif.artifacts.sealing import canonical

if TYPE_CHECKING:
    from zif.backends.backend import Backend
    from zif.model import Model
    from zif.records import Target


#: Of a target's fields, those that no artifact depends on: they change what is planned and what is printed.
_NAMES_AND_PRICES = frozenset(
    {"name", "title", "aliases", "vendor", "processors", "sources", "costs_like", "machine", "distribution"}
)


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they come back from JSON, so that a key equals the one that was stored."""
    plain: dict[str, Any] = json.loads(canonical(options))
    return plain


@frozen
class Key:
    """Everything that an artifact depends on; equal keys stand for interchangeable artifacts.

    model: sha256 of the segment's content. version: of the plugin. toolchain: of the engine behind it. target: the
    chip's name; chip: what a compiler may take from its description, which a user's file of targets can change.
    """

    model: str
    backend: str
    version: str
    toolchain: str
    target: str
    options: Mapping[str, Any] = field(converter=_plain)
    chip: Mapping[str, Any] = field(factory=dict, converter=_plain)

    @property
    def hash(self) -> str:
        """sha256 over all parts, in hex: the entry's name in the cache."""
        return hashlib.sha256(canonical(attrs.asdict(self)).encode()).hexdigest()

    def differing(self, other: Key) -> tuple[str, ...]:
        """The names of the parts that are not equal."""
        names = [field.name for field in attrs.fields(Key)]
        return tuple(name for name in names if getattr(self, name) != getattr(other, name))

    def against(self, other: Key) -> str:
        """What is not as it was in `other`: "compiled with Acme 2.50 then, Acme 2.51 now; …"."""
        differences = self.differing(other)
        told = [
            part for part in differences if part != "chip" or "target" not in differences
        ]  # another chip is described otherwise
        return "; ".join(_sentence(part, getattr(other, part), getattr(self, part)) for part in told)


def key_of(backend: Backend, model: Model, target: Target, options: Any, toolchain: str) -> Key:
    """The key of a segment's artifact. Reads the segment's weights."""
    chip = attrs.asdict(target, filter=lambda field, _: field.name not in _NAMES_AND_PRICES)
    chip |= {f"{vendor}.{name}": value for vendor, table in target.vendor.items() for name, value in table.items()}
    return Key(model.digest, backend.name, backend.version, toolchain, target.name, attrs.asdict(options), chip)


def _sentence(part: str, then: Any, now: Any) -> str:
    if part in ("options", "chip"):
        word = {"options": "option", "chip": "the chip's"}[part]
        changed = [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]
        return ", ".join(f"{word} {name} was {then.get(name)!r}, is {now.get(name)!r}" for name in changed)
    words = {
        "toolchain": f"compiled with {then} then, {now} now",
        "version": f"the plugin was {then}, is {now}",
        "target": f"compiled for {then}, not for {now}",
        "backend": f"compiled by {then}, not by {now}",
        "model": "the segment's content changed",
    }
    return words[part]
