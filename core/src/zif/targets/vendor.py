"""A vendor's own figures in a file of chips: carried as they are; in a user's file held to those of known chips."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from zif.errors import UsageError
from zif.files.wording import did_you_mean
from zif.records import Target

_WORDS: Mapping[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}


def vendor_figures(where: str, tables: Mapping[str, Any], known: Collection[Target]) -> dict[str, dict[str, Any]]:
    """The tables by vendor, checked. `known` are the chips whose figures a table may have; none for any.

    Raises UsageError, beginning with `where`, for what is no table of plain values, and for a figure that no known chip
    of the same vendor has, or has of another type: a misspelled one would be passed over without a word.
    """
    vendors = {vendor for chip in known for vendor in chip.vendor}
    for vendor, table in tables.items():
        if not isinstance(table, dict):
            raise UsageError(f"{where}: vendor.{vendor} must be a table of {vendor}'s figures, not {table!r}.")
        hint = did_you_mean(vendor, vendors, shown=lambda name: f"vendor.{name}")
        if vendor not in vendors and hint:
            raise UsageError(f"{where}: vendor.{vendor} is no known vendor's table.{hint}")
        kinds = {name: type(value) for chip in known for name, value in chip.vendor.get(vendor, {}).items()}
        for name, value in table.items():
            _check(f"{where}: vendor.{vendor}.{name}", name, value, kinds)
    return {vendor: dict(table) for vendor, table in tables.items()}


def misplaced(key: str, known: Collection[Target]) -> str:
    """Where a figure belongs that stands beside a chip's name instead of in its vendor's table, in one sentence."""
    owners = sorted({vendor for chip in known for vendor, table in chip.vendor.items() if key in table})
    if owners:
        return f"{key} is a figure of {owners[0]}'s: write it in a table of its own, [target.vendor.{owners[0]}]"
    return "A vendor's own figures stand in a table of their own, [target.vendor.NAME]"


def _check(where: str, name: str, value: Any, kinds: Mapping[str, type]) -> None:
    plain = all(isinstance(item, str | int | float) for item in (value if isinstance(value, list) else [value]))
    if not plain:
        raise UsageError(f"{where} must be a number, a string, true or false, or a list of such, not {value!r}.")
    if not kinds:
        return
    if name not in kinds:
        raise UsageError(f"{where} is no figure of a known chip's; known are {', '.join(sorted(kinds))}.")
    if type(value) is not kinds[name] and not (kinds[name] is float and type(value) is int):
        raise UsageError(f"{where} must be {_WORDS.get(kinds[name], 'a list')}, not {value!r}.")
