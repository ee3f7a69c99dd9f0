"""Tensors that are larger than a backend takes: what that says of the units that read or make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zif.files.wording import size
from zif.records import Verdict

if TYPE_CHECKING:
    from zif.model import Model
    from zif.records import Capabilities


def too_large(answer: Capabilities, model: Model) -> dict[str, Verdict]:
    """A refusal of every unit that reads or makes a tensor, or reads a weight, above the backend's `max_tensor_bytes`.

    Tensors of unknown size pass: what is not known is refused by nobody.
    """
    limit = answer.max_tensor_bytes
    if limit is None:
        return {}
    large = {name: info.nbytes for name, info in model.tensors.items() if info.nbytes and info.nbytes > limit}
    words: dict[str, Verdict] = {}
    for unit in model.units if large else ():
        over = next((name for name in (*unit.inputs, *unit.outputs, *unit.weights) if name in large), None)
        if over is not None:
            reason = f"{over} has {size(large[over])}; tensors of up to {size(limit)} are taken"
            words[unit.id] = Verdict(False, code="tensor-size", reason=reason)
    return words
