"""Values that are equal, in the order that ONNX gives them: the first one first. PyTorch leaves that order open.

An order that hangs on chance cannot be held against anything: of scores that are equal, TopK of PyTorch gives any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_ATEN = torch.ops.aten


class FirstFirst(TorchDispatchMode):  # type: ignore[misc]  # torch is not where types are checked
    """While it is on, whatever sorts or takes the largest keeps equal values in the order in which they stand."""

    def __torch_dispatch__(
        self, function: Any, types: Sequence[Any], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Of an operator, what it gives with the order settled."""
        settled: Any = _SETTLED.get(function, function)
        return settled(*args, **(kwargs or {}))


def _topk(x: torch.Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    if x.dim() == 0:
        return _ATEN.topk.default(x, k, dim, largest, sorted)
    values, places = _sort(x, dim, largest)
    return values.narrow(dim, 0, k).contiguous(), places.narrow(dim, 0, k).contiguous()


def _sort(x: torch.Tensor, dim: int = -1, descending: bool = False) -> Any:
    return _ATEN.sort.stable(x, stable=True, dim=dim, descending=descending)


def _sort_stable(x: torch.Tensor, *, stable: Any = True, dim: int = -1, descending: bool = False) -> Any:
    del stable  # now it is
    return _sort(x, dim, descending)


_SETTLED = {_ATEN.topk.default: _topk, _ATEN.sort.default: _sort, _ATEN.sort.stable: _sort_stable}
