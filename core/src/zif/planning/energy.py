"""What a plan's energy may be: the watts behind it, their interval, what runs draw without a pause, what would help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zif.planning.task import by_ends

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zif.planning.plan import Request, Segment, Transfer
    from zif.planning.pricing import Prices
    from zif.records import Target, Watts

#: The option of a backend that names its performance mode.
MODE = "performance_mode"


def modes(request: Request) -> dict[str, str]:
    """The performance mode that was asked for, by backend."""
    return {name: str(options[MODE]) for name, options in request.config.items() if options.get(MODE)}


def told(
    target: Target,
    names: Sequence[str],
    prices: Prices,
    segments: Sequence[Segment],
    transfers: Sequence[Transfer],
    latency_us: float,
) -> dict[str, Any]:
    """The fields of `Predicted` about energy, in microjoules and watts."""
    energy_uj = sum(segment.energy_uj for segment in segments) + sum(transfer.energy_uj for transfer in transfers)
    used = dict.fromkeys(segment.backend for segment in segments)
    power = {name: prices.drawn[names.index(name)] for name in used}
    low, middle, high = (
        _energy(names, prices, [getattr(draw, end) for draw in prices.drawn], segments, transfers)
        for end in ("low", "watts", "high")
    )
    scale = energy_uj / middle if middle else 0.0  # the parts are rounded each
    return {
        "energy_uj": round(energy_uj, 3),
        "energy_low_uj": round(low * scale, 3),
        "energy_high_uj": round(high * scale, 3),
        "average_watts": round(energy_uj / latency_us, 3) if latency_us else 0.0,
        "power": power,
        "power_note": _note(target, power),
    }


def _energy(
    names: Sequence[str],
    prices: Prices,
    watts: Sequence[float],
    segments: Sequence[Segment],
    transfers: Sequence[Transfer],
) -> float:
    """Microjoules if processors drew so many watts: the plan's own sum, for any watts."""
    drawn: NDArray[np.float64] = np.array(watts, dtype=np.float64)
    fixed, per_byte = by_ends(prices.link_us, drawn), by_ends(prices.link_us_per_byte, drawn)
    at = {name: label for label, name in enumerate((*names, "host"))}
    total = sum(segment.latency_us * float(drawn[at[segment.backend]]) for segment in segments)
    for transfer in transfers:
        a, b = at[transfer.source], at[transfer.destination]
        total += float(fixed[a, b] + transfer.bytes * per_byte[a, b])
    return float(total)


def _note(target: Target, power: Mapping[str, Watts]) -> str:
    """What the figures are, and what would take their place."""
    guessed = [name for name, watts in power.items() if not watts.measured]
    if not guessed:
        return "watts are measured; the times that they are multiplied with are the plan's"
    which = "watts are" if len(guessed) == len(power) else f"watts of {', '.join(guessed)} are"
    return (
        f"{which} an estimate, good to compare plans and no more; ZIF_TARGETS=watts.csv with rows of target,processor,"
        f"mode,watts,low,high that you measured on {target.name} takes their place (docs/energy.md)"
    )
