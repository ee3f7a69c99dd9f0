"""Which operator lets padding into the valid part: the first whose inputs agree there and whose outputs do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from zif.errors import ZifError
from zif.runtime.buckets.padding import cut
from zif.runtime.verification.judge import Judge, showing

if TYPE_CHECKING:
    from zif.model import Model, Unit

#: Values that differ by less than this share of the largest are the same, computed in another order.
SAME = 1e-4


def mixer(model: Model, other: Model, judge: Judge, own: Mapping[str, Any], padded: Mapping[str, Any]) -> Unit | None:
    """The unit that mixes padding into what the model computes of `own`, whose padded form is `padded`.

    other: what that is run on, the model itself or a form of it with masks. None where it cannot be told, because the
    judge cannot show what is in between.
    """
    names = [name for unit in model.units for name in unit.outputs]
    try:
        with judge.session(showing(model, names)) as session:
            right = {**own, **session.run(own)}
        with judge.session(showing(other, names)) as session:
            filled = {**padded, **session.run(padded)}
    except ZifError:
        return None
    for unit in model.units:
        read = [name for name in unit.inputs if name in right and name in filled]
        if all(_agree(right[name], filled[name]) for name in read) and not all(
            _agree(right[name], filled[name]) for name in unit.outputs if name in right and name in filled
        ):
            return unit
    return None


def _agree(right: Any, filled: Any) -> bool:
    """Whether the first elements along every axis are the same."""
    if not isinstance(right, np.ndarray) or right.ndim != filled.ndim or right.size == 0:
        return True
    if any(have < want for have, want in zip(filled.shape, right.shape, strict=True)):
        return False
    part = cut(filled, right.shape)
    if right.dtype.kind != "f":
        return right.dtype.kind not in "biu" or bool(np.mean(part != right) < SAME) or _is_size(right)
    most = float(np.max(np.abs(right), where=np.isfinite(right), initial=0.0))
    return bool(np.allclose(part, right, rtol=0.0, atol=SAME * (most or 1.0), equal_nan=True))


def _is_size(value: Any) -> bool:
    """What nodes such as Shape make of the sizes alone: it differs, and is not the valid part of anything."""
    return bool(value.dtype == np.int64 and value.size <= 8 and value.ndim <= 1)
