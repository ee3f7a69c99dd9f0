"""Which colour stands for which backend: the same in every plan of one installation, so that pages can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zif.planning import Plan

#: Colours that stay apart for colour-blind readers (Okabe and Ito, 2008), on white and with white text.
COLOURS = ("#B34F00", "#007A5A", "#0072B2", "#8E4585", "#7A6A00", "#555555")

#: Inputs and outputs.
HOST = "#333333"


def colours(plan: Plan) -> dict[str, str]:
    """A colour per backend that was asked, and for the host. By name; with more backends than colours, those that got
    units come first."""
    names = sorted({candidate.name for candidate in plan.candidates} | set(plan.backends))
    if len(names) > len(COLOURS):
        names = [*plan.backends, *(name for name in names if name not in plan.backends)]
    return {name: COLOURS[min(i, len(COLOURS) - 1)] for i, name in enumerate(names)} | {"host": HOST}
