"""The plan's page with the layers that a device measured: each node beside the layers that it became there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import zif
from zif.plugin import plan_html

if TYPE_CHECKING:
    from zif import Model, Plan

    from zif_qnn_runtime.aihub.results import Measured
    from zif_qnn_runtime.aihub.units import Attribution


def page(model: Model, target: str, measured: Measured, attribution: Attribution, where: str) -> str:
    """The page of the plan for the chip as it is made with what is kept. Raises what planning raises."""
    plan = zif.plan(model, target)
    rows = [*_of_units(plan, measured, attribution), *_of_nobody(measured, attribution)]
    return plan_html(plan, {"where": f"Measured on {where}: {measured.us:g} µs an inference", "nodes": rows})


def _of_units(plan: Plan, measured: Measured, attribution: Attribution) -> Iterator[dict[str, Any]]:
    cycles = {layer.name: layer.cycles for layer in measured.layers}
    kinds = {layer.name: layer.type for layer in measured.layers}
    for unit in plan.units:
        group = next((group for group in attribution.groups if unit.name in group.layers), None)
        names = group.layers[unit.name] if group else ()
        counted = [cycles[name] or 0.0 for name in names if cycles[name] is not None]
        verdict = unit.verdicts.get(unit.backend)
        yield {
            "name": unit.name,
            "op_type": unit.op_type,
            "place": group.processor if group else "",
            "code": verdict.code if verdict else "",
            "basis": verdict.basis if verdict else "",
            "operators": [f"{kinds[name]} {name}".strip() for name in names],
            "cycles": sum(counted) if counted else None,
            "us": group.parts[unit.name] if group else None,
            "predicted_us": verdict.cost_us if verdict else None,
        }


def _of_nobody(measured: Measured, attribution: Attribution) -> Iterator[dict[str, Any]]:
    """Layers for which no unit was found: their time is in the others'."""
    for layer in measured.layers:
        if layer.name in attribution.strange:
            said = f"{layer.type} {layer.name}".strip()
            yield {"op_type": layer.type, "place": layer.processor, "operators": [said], "cycles": layer.cycles}
