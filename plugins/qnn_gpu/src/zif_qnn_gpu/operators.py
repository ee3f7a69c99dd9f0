"""The operators that libQnnGpu takes, with the element types: what the backend declares where the library is silent."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zif import OpClaim

TABLE = Path(__file__).with_name("operators.json")
ENGINE = "QNN GPU"
#: Dimensions that every operator takes, by Qualcomm's "GPU Backend Op Definition Supplement"; some take more.
_RANK = 4


@functools.cache
def document() -> Mapping[str, Any]:
    """The table that is shipped: `source`, `build`, `qnn_operators`, and `operators` with their types by constraint."""
    read: Mapping[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return read


@functools.cache
def claims() -> tuple[OpClaim, ...]:
    """The table's rows for ONNX's operators."""
    return tuple(
        OpClaim(
            name.rpartition(".")[2],
            name.rpartition(".")[0],
            types={key: frozenset(f"tensor({word})" for word in words) for key, words in row["types"].items()},
            max_rank=max(_RANK, row["max_rank"]),
        )
        for name, row in document()["operators"].items()
    )
