"""What the CPU provider says of a model's units: its registry first, then the engine itself.

What was observed, core lays over it from `observed.json`; see `python -m tools.tables.qnn_cpu`.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from attrs import evolve
from zif import Verdict
from zif.plugin import Claims, observed_rules

from zif_qnn_cpu.kernels import ENGINE, claims, signatures
from zif_qnn_cpu.probing import probed

if TYPE_CHECKING:
    from zif import Model


def verdicts(model: Model) -> dict[str, Verdict]:
    """A verdict on every unit of `model`, by unit id."""
    said = promises(model)
    # What was refused when it was opened may be accepted on another machine (a locale, an instruction set): ask.
    doubtful = _unopened().refusals(model, (unit for unit in model.units if said[unit.id].basis != "probed"))
    return said | {name: probed(model, model.unit(name)) for name in doubtful}


def promises(model: Model) -> dict[str, Verdict]:
    """What the registry and the engine say, before anything was observed."""
    said = _table().verdicts(model)
    return said | {unit.id: probed(model, unit) for unit in model.units if not said[unit.id].supported}


@cache
def _unopened() -> observed_rules.Table:
    """The observations of what was accepted and then refused when it was opened."""
    with as_file(files("zif_qnn_cpu") / "observed.json") as path:
        table = observed_rules.load(path)
    return evolve(table, rules=tuple(rule for rule in table.rules if rule.code == "probe-failed"))


@cache
def _table() -> Claims:
    return Claims(claims(), engine=ENGINE, signatures=signatures)
