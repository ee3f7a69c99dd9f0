"""What the author of a model or a host could do, each with the figure that it is drawn from.

What may come in: rules that read a plan and its model. What a profile adds is measured, and stands with the profile.
"""

from __future__ import annotations

from zif.planning.advice.running import of_running
from zif.planning.advice.scene import Scene
from zif.planning.advice.structure import of_structure
from zif.planning.records import Advice


def advise(scene: Scene) -> tuple[Advice, ...]:
    """The advice on one plan: of the model's structure, then of how it is run. None for a model without units."""
    return (*of_structure(scene), *of_running(scene)) if scene.model.units else ()


__all__ = ["Scene", "advise"]
