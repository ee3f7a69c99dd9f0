"""What every unit costs on every backend that takes part: microseconds and their source, powers, links, launches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from zif.planning.costs import CostModel
from zif.planning.costs.precisions import on_processor, width
from zif.records import Rates, Watts

if TYPE_CHECKING:
    from zif.model import Model
    from zif.planning.candidates.participants import Participant
    from zif.records import Target

Floats = NDArray[np.float64]

_OWN = ("declared", "measured")  # figures that are no prediction of zif's


@frozen(eq=False)
class Prices:
    """Costs before the policy weighs them. K backends, label K is the host.

    us: float64[n, K] microseconds per unit, whether it is supported there or not. source: object[n, K], where each
    figure comes from. watts, launch_us: float64[K]. link_us: float64[K + 1, K + 1] per tensor; link_us_per_byte too.
    float_bytes: float64[K], what an element of floating point takes. at_home: bool[K], who works in host memory.
    local_bytes: by backend, the processor's own fast memory; None without one. drawn: by backend, the watts with their
    interval and source. bounds: float64[n, K, 2], least and most of each figure as multiples of it. corrected: what is
    said of the user's own corrections that are in these prices, by backend.
    """

    us: Floats
    source: NDArray[Any]
    watts: Floats
    launch_us: Floats
    link_us: Floats
    link_us_per_byte: Floats
    float_bytes: Floats
    at_home: NDArray[np.bool_]
    local_bytes: tuple[int | None, ...]
    drawn: tuple[Watts, ...]
    bounds: Floats
    corrected: Mapping[str, str]


def price(
    model: Model,
    target: Target,
    participants: Sequence[Participant],
    here: bool | None = None,
    modes: Mapping[str, str] = {},
    chip: str = "",
) -> Prices:
    """Price every unit on every participant: the backend's own figure where it gives one, else the cost model's.

    here: whether what was measured on this machine counts; where the target is this machine, unless said otherwise.
    modes: the performance mode that was asked for, by backend, for what processors draw in it. chip: whose
    times count that were measured on it elsewhere; "" for nobody's.
    """
    costs = CostModel(target)
    n, k = len(model.units), len(participants)
    us, source, bounds = np.zeros((n, k)), np.empty((n, k), dtype=object), np.ones((n, k, 2))
    corrected = {}
    for column, participant in enumerate(participants):
        us[:, column], source[:, column] = costs.unit_costs(model, participant.capabilities)
        _overlay(us[:, column], source[:, column], model, participant)
        if target.is_host if here is None else here:
            _measured(us[:, column], source[:, column], model, participant)
        elif chip:
            _measured(us[:, column], source[:, column], model, participant, chip)
        own = np.isin(source[:, column], _OWN)
        bounds[~own, column] = costs.unit_bounds(model, participant.capabilities)[~own]
        said = costs.correction(participant.capabilities.toolchain)
        if said is not None and "corrected" in source[:, column]:
            corrected[participant.backend.name] = said.told
    rates = [costs.rates(participant.capabilities) for participant in participants]
    at_home = np.array([participant.capabilities.processor == "cpu" for participant in participants], dtype=bool)
    fixed, per_byte = _links(rates, at_home.tolist())
    floats = np.array(
        [_float_bytes(participant, rate) for participant, rate in zip(participants, rates, strict=True)], dtype=float
    )
    local = tuple(participant.capabilities.local_memory_bytes for participant in participants)
    drawn = tuple(
        rate.drawn(modes.get(participant.backend.name, ""))
        for participant, rate in zip(participants, rates, strict=True)
    )
    watts = np.array([draw.watts for draw in drawn], dtype=np.float64)
    launch = np.array([rate.launch_us for rate in rates], dtype=np.float64)
    return Prices(us, source, watts, launch, fixed, per_byte, floats, at_home, local, drawn, bounds, corrected)


def _float_bytes(participant: Participant, rates: Rates) -> float:
    """Bytes of an element of floating point in the precision that the backend computes fp32 in."""
    return width(on_processor("fp32", tuple(rates.macs_per_s), participant.capabilities.preferred_precision))


def _overlay(us: Floats, source: NDArray[Any], model: Model, participant: Participant) -> None:
    """Put the backend's own figures over the model's."""
    verdicts = participant.capabilities.verdicts
    for row, unit in enumerate(model.units):
        verdict = verdicts.get(unit.id)
        if verdict is not None and verdict.cost_us is not None:
            us[row], source[row] = verdict.cost_us, "declared"


def _measured(us: Floats, source: NDArray[Any], model: Model, participant: Participant, chip: str = "") -> None:
    """Put what was measured here, or on a chip elsewhere, over everything.

    Each unit has its own part where units were timed; else the whole is shared out by costs.
    """
    from zif.planning.costs.measured import measured

    rows = {unit.id: row for row, unit in enumerate(model.units)}
    toolchain = participant.capabilities.toolchain
    for times in measured(model.fingerprint, participant.backend.name, toolchain, chip=chip):
        if all(unit in rows for unit in times.units):
            at = [rows[unit] for unit in times.units]
            estimate = float(us[at].sum())
            if times.parts:
                us[at] = [times.parts.get(unit, 0.0) for unit in times.units]
            else:
                us[at] = us[at] * (times.us / estimate) if estimate > 0 else times.us / len(at)
            source[at] = "measured"


def _links(rates: Sequence[Rates], at_home: Sequence[bool]) -> tuple[Floats, Floats]:
    """Moving a tensor goes over host memory, out of a and into b; a CPU works in host memory and pays nothing."""
    home = np.array([*at_home, True])
    fixed = np.where(home, 0.0, np.array([*(rate.link_us for rate in rates), 0.0]))
    per_byte = np.where(home, 0.0, np.array([*(1e6 / rate.link_bytes_per_s for rate in rates), 0.0]))
    link_us, link_per_byte = fixed[:, None] + fixed[None, :], per_byte[:, None] + per_byte[None, :]
    np.fill_diagonal(link_us, 0.0)
    np.fill_diagonal(link_per_byte, 0.0)
    return link_us, link_per_byte
