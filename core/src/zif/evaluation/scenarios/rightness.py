"""Whether what came out under load is right, and whether what was measured says anything of the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zif.planning import Plan


def rightness(
    source: Path,
    wanted: Mapping[str, Any],
    plan: Plan,
    samples: Sequence[Mapping[str, Any]],
    outputs: Mapping[int, Mapping[str, Any]],
) -> dict[str, Any]:
    """Every sample's outputs held against the judge's. Raises ZifError where nothing can judge."""
    from zif.model import Model
    from zif.runtime.verification.agreement import agreement

    model = Model.load(source, wanted["shapes"], wanted.get("custom_ops", ()))
    agreed = agreement(model, plan, ((samples[place], made) for place, made in sorted(outputs.items())))
    worst = agreed.worst
    return {
        "judge": list(agreed.judge),
        "samples": len(outputs),
        "precision": agreed.precision,
        "word": agreed.word,
        "worst": worst and worst.name,
        "sqnr_db": None if worst is None or worst.sqnr_db in (None, float("inf")) else round(worst.sqnr_db or 0.0, 2),
    }


def no_result(plan: Plan) -> str:
    """Why times measured with this plan are no result of its target; "" where they are."""
    if plan.emulated:
        return f"no result: emulated here, not run on hardware: {plan.emulation}"
    stand_in = {segment.backend: segment.label for segment in plan.segments if segment.label}
    if stand_in:
        return "no result: " + ", ".join(f"{name} ran on the {label}" for name, label in stand_in.items())
    return ""
