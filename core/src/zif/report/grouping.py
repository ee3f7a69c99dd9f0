"""Reasons without what is one unit's own, so that equal reasons meet in one row."""

from __future__ import annotations

import re

#: Codes whose sentences hold figures of the one unit.
_FIGURES = frozenset({"slower", "boundary-cost", "tensor-size", "memory"})


def general(reason: str, code: str, unit: str) -> str:
    """The sentence with names, and where the code says that they are the unit's own, figures and shapes left out."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "…", reason.replace(unit, "…"))
    if code == "dynamic-shape":
        return re.sub(r"\([^()]*\)|unknown", "…", text)
    return re.sub(r"\d[\d.,]*", "…", text) if code in _FIGURES else text
