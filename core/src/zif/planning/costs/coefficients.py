"""What was fitted, as shipped in `data/costs.json`: microseconds per count, and how much slower or faster a chip is."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from zif.planning.costs.kinds import FEATURES
from zif.records import Rates, Target

Floats = NDArray[np.float64]

GROUPS = ("overhead", "matrix", "vector", "special", "memory")
_TABLE = Path(__file__).parents[2] / "data" / "costs.json"
#: Of a chip that was not measured only its rate of multiplying is known; the rest of a chip differs by less than that.
_DAMPING = 0.7


@frozen(eq=False)
class Coefficients:
    """The NPU's costs in one precision on one chip.

    us: float64[len(FEATURES)], microseconds per count. launch_us: starting a segment. slower: than the reference chip,
    by group. chip: the chip that was measured. note: how a chip that was not is come by, in words.
    """

    us: Floats
    launch_us: float
    slower: Mapping[str, float]
    chip: str
    note: str


@frozen(eq=False)
class Table:
    """costs.json. us: by precision and count, "launch" among them. scales: by chip, precision and group."""

    us: Mapping[str, Mapping[str, float]]
    groups: Mapping[str, str]
    scales: Mapping[str, Mapping[str, Mapping[str, float]]]
    architectures: Mapping[str, int]
    errors: Mapping[str, Any]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Table:
        """From the parsed file."""
        chips = document["chips"]
        return cls(
            us=document["microseconds"],
            groups=document["groups"],
            scales={name: chip["scales"] for name, chip in chips.items()},
            architectures={name: chip["htp_arch"] for name, chip in chips.items()},
            errors=document["errors"],
        )

    def error(self, chip: str, precision: str) -> float | None:
        """Median relative error on the chip when models are left out; None where too little was measured."""
        found = self.errors.get(precision, {}).get(chip, {}).get("median")
        return None if found is None else float(found)

    def at(self, target: Target, precision: str) -> Coefficients | None:
        """For a chip that was measured, or from those that are nearest to it; None without a Hexagon NPU."""
        rates = target.processors.get("npu")
        names, note = self._nearest(target, precision)
        if not names or rates is None:
            return None
        log = np.mean([[math.log(self.scales[n][precision][g]) for g in GROUPS] for n in names], axis=0)
        if note:
            log = log + _slower(rates, names, precision)
        scale = dict(zip(GROUPS, np.exp(log), strict=True))
        us = {count: value * scale[self.groups[count]] for count, value in self.us[precision].items()}
        chip = names[0] if len(names) == 1 else ""
        return Coefficients(np.array([us[name] for name in FEATURES]), float(us["launch"]), scale, chip, note)

    def _nearest(self, target: Target, precision: str) -> tuple[Sequence[str], str]:
        known = [name for name in self.scales if precision in self.scales[name]]
        if target.name in known:
            return [target.name], ""
        if target.costs_like in known:
            own = target.is_host and _same_rates(target)
            return [target.costs_like], "" if own else f"as {target.costs_like}, by the ratio of their rates"
        if target.htp_arch is None or not known:
            return [], ""
        apart = {name: abs(self.architectures[name] - target.htp_arch) for name in known}
        nearest = [name for name in known if apart[name] == min(apart.values())]
        return nearest, f"as the mean of {', '.join(nearest)}, by the ratio of their rates"


def _rates(name: str) -> Rates | None:
    from zif.targets import target

    return target(name).processors.get("npu")


def _same_rates(target: Target) -> bool:
    return target.processors.get("npu") == _rates(target.costs_like)


def _slower(rates: Rates, names: Sequence[str], precision: str) -> Floats:
    """float64[groups]: logarithm of how much slower these rates are than those of the named chips, in the mean."""
    others = [found for name in names if (found := _rates(name)) is not None]
    macs = [math.log(o.macs_per_s[precision]) for o in others if precision in o.macs_per_s]
    compute = sum(macs) / len(macs) - math.log(_rate(rates, precision)) if macs else 0.0
    memory = sum(math.log(o.bytes_per_s) for o in others) / len(others) - math.log(rates.bytes_per_s) if others else 0.0
    by_group = {"matrix": compute, "memory": (compute + memory) / 2}
    return np.array([by_group.get(group, _DAMPING * compute) for group in GROUPS])


def _rate(rates: Rates, precision: str) -> float:
    return rates.macs_per_s.get(precision) or max(rates.macs_per_s.values())


@lru_cache(maxsize=1)
def shipped() -> Table:
    """The table that comes with zif."""
    return Table.of(json.loads(_TABLE.read_text(encoding="utf-8")))
