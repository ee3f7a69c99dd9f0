"""Targets with Qualcomm's figures."""

from __future__ import annotations

from typing import Any

import attrs
from zif import Target


def snapdragon(name: str, title: str = "", **figures: Any) -> Target:
    """A chip that has these figures and nothing else."""
    return Target(name, title, vendor={"qualcomm": figures})


def changed(target: Target, **figures: Any) -> Target:
    """The same chip with other figures."""
    return attrs.evolve(target, vendor={**target.vendor, "qualcomm": {**target.vendor["qualcomm"], **figures}})
