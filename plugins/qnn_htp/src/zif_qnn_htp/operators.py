"""The operators that the compiler was seen to take, with the element types that it took: what the backend declares."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from zif import OpClaim
from zif.model.signatures import signature

if TYPE_CHECKING:
    from zif_qnn_htp.observing.cases import UnitCase

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


def save(accepted: Iterable[UnitCase], path: Path) -> None:
    """Write the operators of cases that the compiler took, by name, each with the types of its constraints."""
    rows: dict[str, dict[str, set[str]]] = {}
    for case in accepted:
        since = next(int(fact[6:]) for fact in case.facts if fact.startswith("since="))
        known = signature(case.op_type, case.domain, since)
        name = f"{case.domain}.{case.op_type}" if case.domain else case.op_type
        row = rows.setdefault(name, {})
        for fact in case.facts:
            key, _, word = fact.partition("=")
            if known is not None and key in known.types:
                row.setdefault(key, set()).add(word)
    document = {name: {key: sorted(words) for key, words in sorted(row.items())} for name, row in sorted(rows.items())}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
