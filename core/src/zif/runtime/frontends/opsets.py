"""The newest opset that every installed backend takes: what a conversion is written in where none is asked for.

Backends say it in their tables of operators, which hold the versions that their engines have. An opset counts as taken
while no operator of a table is lost by it: one that was taken in the oldest opset that is looked at, and is not in the
version that this one gives it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache

from onnx.defs import SchemaError, get_schema

from zif.model.installed_onnx import NEWEST_OPSET
from zif.records import Capabilities, OpClaim

#: Every exporter writes it, or a newer one; nothing older is looked at.
OLDEST = 17
_ONNX = ("", "ai.onnx", "*")


def newest_taken() -> int:
    """Over all backends that are available here for this machine; the newest that onnx knows where none says less."""
    from zif.backends.survey import ask_all
    from zif.targets import host

    answers = ask_all(host())
    return newest_of(
        [answer.capabilities for answer in answers if answer.capabilities is not None and answer.available]
    )


def newest_of(backends: Sequence[Capabilities]) -> int:
    """The newest opset that loses no operator of any of these tables."""
    return min((_newest(backend.ops) for backend in backends), default=NEWEST_OPSET)


def _newest(rows: Collection[OpClaim]) -> int:
    spans: dict[str, list[OpClaim]] = {}
    for row in rows:
        if row.domain in _ONNX:
            spans.setdefault(row.op_type, []).append(row)
    kept = [name for name in spans if name != "*" and _takes(spans[name], name, OLDEST)]
    opset = OLDEST
    while opset < NEWEST_OPSET and all(_takes(spans[name], name, opset + 1) for name in kept):
        opset += 1
    return opset


def _takes(rows: Sequence[OpClaim], name: str, opset: int) -> bool:
    version = _version(name, opset)
    return any(row.since <= version and (row.until is None or version <= row.until) for row in rows)


@cache
def _version(name: str, opset: int) -> int:
    """The version of an operator in an opset; beyond all for one that it does not have."""
    try:
        return int(get_schema(name, opset, "").since_version)
    except SchemaError:
        return NEWEST_OPSET + 1
