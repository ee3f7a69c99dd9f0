"""Tensors that are larger than a backend takes: its verdicts, with those units refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from zif.records import Verdict
from zif.wording import size

if TYPE_CHECKING:
    from zif.model import Model
    from zif.records import Capabilities


def within_limit(answer: Capabilities, model: Model) -> Capabilities:
    """The answer, in which no unit reads or makes a tensor, or reads a weight, above the backend's `max_tensor_bytes`.

    Tensors of unknown size pass: what is not known is refused by nobody.
    """
    limit = answer.max_tensor_bytes
    if limit is None:
        return answer
    large = {name: info.nbytes for name, info in model.tensors.items() if info.nbytes and info.nbytes > limit}
    verdicts = dict(answer.verdicts)
    for unit in model.units if large else ():
        over = next((name for name in (*unit.inputs, *unit.outputs, *unit.weights) if name in large), None)
        known = verdicts.get(unit.id)
        if over is not None and known is not None and known.supported:
            reason = f"{over} has {size(large[over])}; tensors of up to {size(limit)} are taken"
            verdicts[unit.id] = Verdict(False, code="tensor-size", reason=reason)
    return evolve(answer, verdicts=verdicts)
