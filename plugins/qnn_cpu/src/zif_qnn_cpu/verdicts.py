"""What the CPU provider says of a model's units: its registry first, then the engine itself, then what was observed."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from zif import Verdict, observed
from zif.claims import Claims

from zif_qnn_cpu.kernels import ENGINE, claims, signatures
from zif_qnn_cpu.probing import probed

if TYPE_CHECKING:
    from zif import Model


def verdicts(model: Model) -> dict[str, Verdict]:
    """A verdict on every unit of `model`, by unit id."""
    said = promises(model)
    seen = observations().verdicts(model)
    # What was refused when it was opened may be accepted on another machine (a locale, an instruction set): ask.
    asked = {name: probed(model, model.unit(name)) for name, verdict in seen.items() if verdict.code == "probe-failed"}
    return observed.overlay(said, {**seen, **asked})


def promises(model: Model) -> dict[str, Verdict]:
    """What the registry and the engine say, before anything was observed."""
    said = _table().verdicts(model)
    return said | {unit.id: probed(model, unit) for unit in model.units if not said[unit.id].supported}


@cache
def observations() -> observed.Table:
    """What this engine was seen to get wrong; made by `python -m zif_qnn_cpu.observe`."""
    with as_file(files("zif_qnn_cpu") / "observed.json") as path:
        return observed.load(path)


@cache
def _table() -> Claims:
    return Claims(claims(), engine=ENGINE, signatures=signatures)
