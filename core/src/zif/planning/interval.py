"""Between what a plan's latency lies, eight times of ten: by how far predictions of other models were off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from zif.planning.pricing import Prices
    from zif.planning.records import Transfer
    from zif.planning.segment import Segment

_SAYS = {
    "measured": "measured here",
    "declared": "figures of the backend itself, taken as they are",
    "corrected": "fitted prices, corrected by your own measurements",
    "fitted": "fitted prices, by what they missed of models that the fit had not seen",
    "roofline": "a roofline, of which nobody knows how far it is off: half to twice",
}


def told(
    prices: Prices,
    labels: NDArray[np.int32],
    names: Sequence[str],
    segments: Sequence[Segment],
    transfers: Sequence[Transfer],
) -> dict[str, Any]:
    """The fields of `Predicted` on the latency's interval; what one backend does misses in one direction."""
    rows = np.arange(len(labels))
    us, bounds = prices.us[rows, labels], prices.bounds[rows, labels]
    low = high = sum(transfer.us for transfer in transfers)
    for index, name in enumerate(names):
        own = labels == index
        weight = float(us[own].sum())
        least, most = (us[own] @ bounds[own] / weight) if weight > 0 else (1.0, 1.0)
        work = sum(segment.latency_us for segment in segments if segment.backend == name)
        low, high = low + work * float(least), high + work * float(most)
    return {
        "latency_low_us": round(low, 3),
        "latency_high_us": round(high, 3),
        "latency_note": _note(prices, labels, names),
    }


def _note(prices: Prices, labels: NDArray[np.int32], names: Sequence[str]) -> str:
    sources = set(prices.source[np.arange(len(labels)), labels].tolist())
    said = [text for word, text in _SAYS.items() if word in sources]
    used = {names[label] for label in set(labels.tolist())}
    return "; ".join([*said, *dict.fromkeys(text for name, text in prices.corrected.items() if name in used)])
