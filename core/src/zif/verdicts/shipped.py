"""The observations that a plugin ships: where they lie, and how they are preferred to what the plugin says."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

from zif.errors import BackendBroken, UsageError
from zif.verdicts import observed

if TYPE_CHECKING:
    from zif.model import Model
    from zif.records import Capabilities, Installed, Target, Verdict

FILE = "observed.json"

#: A refusal with one of these codes is about the operator; others are about sizes or wishes, which no test can refute.
_ABOUT_OPERATORS = ("op", "opset", "dtype", "rank", "attribute")


def place_of(info: Installed) -> Path | None:
    """Where the table of a plugin lies, or would: `observed.json` in its package; None for one that has no place.

    A backend that is a single file `my_npu.py` keeps it beside that, as `my_npu.observed.json`.
    """
    try:
        spec = find_spec(info.module.partition(":")[0])
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))) / FILE
    return Path(spec.origin).with_suffix(f".{FILE}") if spec.origin and spec.has_location else None


def shipped(info: Installed) -> observed.Table | None:
    """The table that a plugin ships; None without one. Raises BackendBroken for one that cannot be read."""
    place = place_of(info)
    if place is None or not place.is_file():
        return None
    try:
        return observed.load(place)
    except UsageError as error:
        raise BackendBroken(f"backend {info.name!r} ({info.distribution} {info.version}): {error}") from error


def preferred(answer: Capabilities, model: Model, target: Target, table: observed.Table) -> Capabilities:
    """The answer with what was observed instead of what is promised, and a note of every difference.

    A refusal holds whichever version it was seen in: to run wrongly is worse than to run elsewhere. A grant holds for
    the very engine and target that it was seen on, and only against a table, never against the engine's own word. What
    the plugin itself says on the basis "observed" holds: it has weighed its table for that unit among its neighbours.
    """
    said = dict(answer.verdicts)
    promised = [
        unit
        for unit in model.units
        if unit.id in said and said[unit.id].supported is not False and said[unit.id].basis != "observed"
    ]
    refused = {
        unit: verdict
        for unit, verdict in table.refusals(model, promised).items()
        if verdict.code != "probe-failed" or said[unit].basis != "probed"  # the engine has been asked since: it knows
    }
    granted: dict[str, Verdict] = {}
    if table.toolchain == answer.toolchain and table.target == target.name:
        granted = table.grants(model, [unit for unit in model.units if deniable(said.get(unit.id))])
    if not refused and not granted:
        return answer
    notes = (*answer.notes, *_notes(model, refused, granted))
    return evolve(answer, verdicts={**said, **refused, **granted}, notes=notes)


def deniable(verdict: Verdict | None) -> bool:
    """Whether a verdict is a refusal by a table of operators, which an observation may prove too narrow."""
    return (
        verdict is not None
        and not verdict.supported
        and verdict.basis == "declared"
        and verdict.code in _ABOUT_OPERATORS
    )


def _notes(model: Model, refused: dict[str, Verdict], granted: dict[str, Verdict]) -> Iterator[str]:
    for found, words in ((refused, "claimed, and kept off it"), (granted, "not claimed, and placed on it")):
        if found:
            names = ", ".join(list(found)[:5]) + (" …" if len(found) > 5 else "")
            yield f"{len(found)} of {len(model.units)} units are {words} for what was observed: {names}"


__all__ = ["FILE", "deniable", "place_of", "preferred", "shipped"]
