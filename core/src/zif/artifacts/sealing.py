"""JSON documents that carry a hash of themselves, and the one text that equal data has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from zif.artifacts.hashed import Damaged
from zif.files.documents import json_of


def seal(data: Mapping[str, Any]) -> bytes:
    """JSON with a hash of itself as its last entry, so that any change of it is noticed."""
    made = plain(data)
    return json.dumps({**made, "sha256": _digest(made)}, indent=1).encode() + b"\n"


def unseal(text: bytes, what: str, schema: str) -> dict[str, Any]:
    """The data that was sealed. Raises Damaged when it is not whole, is of another schema or was changed."""
    data = json_of(text, what, Damaged)
    if not isinstance(data, dict) or "schema" not in data:
        raise Damaged(f"{what} has no schema")
    if data["schema"] != schema:
        raise Damaged(f"{what} has the schema {str(data['schema'])[:80]!r}, and this zif reads {schema!r}")
    if data.pop("sha256", None) != _digest(data):
        raise Damaged(f"{what} was changed: its sha256 is not the one that was written down")
    return data


def plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data as it comes back from a file: tuples as lists, what JSON lacks as `canonical` has it."""
    made: dict[str, Any] = json.loads(json.dumps(data, default=_jsonable))
    return made


def canonical(data: Any) -> str:
    """JSON that is equal for equal data; what JSON lacks becomes a list (sets, sorted) or text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), default=_jsonable)


def _jsonable(value: Any) -> Any:
    return sorted(value, key=str) if isinstance(value, (set, frozenset)) else str(value)


def _digest(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(data).encode()).hexdigest()
