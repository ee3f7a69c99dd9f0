"""The observations that a plugin ships: where they lie, and how they are heard beside what the plugin says.

This is the only reader of `observed.json`. A plugin that must know of it while it asks its engine is told by
`observed_units`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

from zif.errors import BackendBroken, UsageError
from zif.files.wording import listed
from zif.verdicts import observed
from zif.verdicts.declared import Claims
from zif.verdicts.settle import settle

if TYPE_CHECKING:
    from zif.model import Model, Unit
    from zif.records import Capabilities, Installed, Target, Verdict

FILE = "observed.json"


def place_of(module: str) -> Path | None:
    """Where the table of a plugin lies, or would: `observed.json` in its package; None for one that has no place.

    module: what its entry point names. A backend that is a single file `my_npu.py` keeps it beside that, as
    `my_npu.observed.json`.
    """
    try:
        spec = find_spec(module.partition(":")[0])
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))) / FILE
    return Path(spec.origin).with_suffix(f".{FILE}") if spec.origin and spec.has_location else None


def shipped(info: Installed) -> observed.Table | None:
    """What a plugin ships of the versions that are installed; None without a table.

    Raises BackendBroken for one that cannot be read.
    """
    try:
        return _table(info.module)
    except UsageError as error:
        raise BackendBroken(f"{info.owner}: {error}") from error


def observed_units(module: str, model: Model, code: str, units: Iterable[Unit] | None = None) -> frozenset[str]:
    """The ids of the units of which a rule with this code speaks, among `units` or all of the model's.

    For a plugin that must not ask its engine about some, or must ask about some: `module` is its own. What the rules
    mean for the verdict is settled after it has answered. Raises BackendBroken for a table that cannot be read.
    """
    table = _of_code(module, code)
    return frozenset(table.refusals(model, model.units if units is None else units)) if table else frozenset()


@cache
def _of_code(module: str, code: str) -> observed.Table | None:
    try:
        table = _table(module)
    except UsageError as error:
        raise BackendBroken(f"{module}: {error}") from error
    return table and evolve(table, rules=tuple(rule for rule in table.rules if rule.code == code))


def _table(module: str) -> observed.Table | None:
    path = place_of(module)
    if path is None or not path.is_file():
        return None
    table = observed.load(path)
    return evolve(table, rules=tuple(rule for rule in table.rules if rule.is_of_this()))


def with_observations(
    answer: Capabilities, model: Model, target: Target, table: observed.Table | None, engine: str
) -> Capabilities:
    """The answer about a model, settled with what was observed and a note of every difference.

    Where the backend did more than look into its table, what that says is heard first: `engine` names it in sentences.
    """
    more = [("table", _listed(answer, model, engine)), *(_observed(answer, model, target, table) if table else ())]
    if not any(words for _, words in more):
        return answer
    verdicts = settle([("backend", answer.verdicts), *more])
    changed = {unit: verdict for unit, verdict in verdicts.items() if verdict.source == "observed"}
    return evolve(answer, verdicts=verdicts, notes=(*answer.notes, *_notes(model, changed)))


def _observed(
    answer: Capabilities, model: Model, target: Target, table: observed.Table
) -> Iterator[tuple[str, dict[str, Verdict]]]:
    """What the table says. No rule is looked up that could change nothing: against what is refused, for what is taken.

    A refusal holds whichever version it was seen in: to run wrongly is worse than to run elsewhere. A grant holds for
    the very engine and target that it was seen on.
    """
    said = answer.verdicts
    asked = [unit for unit in model.units if unit.id in said]
    yield "observed", table.refusals(model, (unit for unit in asked if said[unit.id].supported is not False))
    if table.toolchain == answer.toolchain and table.target == target.name:
        yield "observed", table.grants(model, (unit for unit in asked if said[unit.id].supported is False))


def _listed(answer: Capabilities, model: Model, engine: str) -> dict[str, Verdict]:
    """What the table of operators says of the units for which the backend has a better source."""
    said = answer.verdicts
    further = [unit for unit in model.units if unit.id in said and said[unit.id].basis != "declared"]
    if not (further and answer.ops):
        return {}
    claims = Claims(answer.ops, engine=engine)
    return {unit.id: claims.unit(model, unit) for unit in further}


def _notes(model: Model, changed: Mapping[str, Verdict]) -> Iterator[str]:
    for taken, words in ((False, "claimed, and kept off it"), (True, "not claimed, and placed on it")):
        units = [unit for unit, verdict in changed.items() if bool(verdict.supported) is taken]
        if units:
            names = listed(units, 5)
            yield f"{len(units)} of {len(model.units)} units are {words} for what was observed: {names}"


__all__ = ["FILE", "observed_units", "place_of", "shipped", "with_observations"]
