"""What the CPU provider says of a model's units: its registry first, then the engine itself.

What was observed, core hears beside it from `observed.json`; see `python -m tools.tables.qnn_cpu`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from zif import Verdict
from zif.plugin import Claims, observed_units

from zif_qnn_cpu.engine import ENGINE
from zif_qnn_cpu.kernels import claims, signatures
from zif_qnn_cpu.limits import refusal
from zif_qnn_cpu.probing import probed

if TYPE_CHECKING:
    from zif import Model


def verdicts(model: Model) -> dict[str, Verdict]:
    """A verdict on every unit of `model`, by unit id."""
    said = promises(model)
    # What was refused when it was opened may be accepted on another machine (a locale, an instruction set): ask.
    promised = (unit for unit in model.units if said[unit.id].basis != "probed")
    doubtful = observed_units("zif_qnn_cpu", model, "probe-failed", promised)
    return said | {name: probed(model, model.unit(name)) for name in doubtful}


def promises(model: Model) -> dict[str, Verdict]:
    """What the registry and the engine say, before anything was observed."""
    refused = refusal(model.opsets.get("", 1))
    if refused is not None:
        return dict.fromkeys((unit.id for unit in model.units), refused)
    said = _table().verdicts(model)
    return said | {unit.id: probed(model, unit) for unit in model.units if not said[unit.id].supported}


@cache
def _table() -> Claims:
    return Claims(claims(), engine=ENGINE, signatures=signatures)
