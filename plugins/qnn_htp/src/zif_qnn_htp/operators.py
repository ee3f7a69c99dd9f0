"""The operators that the compiler was seen to take, with the element types that it took: what the backend declares."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING

from zif import OpClaim

if TYPE_CHECKING:
    pass

TABLE = Path(__file__).with_name("operators.json")


@functools.cache
def claims() -> tuple[OpClaim, ...]:
    """The table that is shipped with the plugin."""
    rows = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.is_file() else {}
    return tuple(
        OpClaim(name.rpartition(".")[2], name.rpartition(".")[0], types=_types(types)) for name, types in rows.items()
    )


def _types(row: dict[str, list[str]]) -> dict[str, frozenset[str]]:
    return {key: frozenset(f"tensor({word})" for word in words) for key, words in row.items()}
