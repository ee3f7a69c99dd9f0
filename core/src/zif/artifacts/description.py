"""What describes an artifact beside its files, as JSON. Reading it runs no code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
from attrs import frozen

from zif.artifacts.hashed import Damaged
from zif.files.paths import distinct
from zif.files.records import record
from zif.records import Certificate, Compiled, TensorInfo


@frozen
class Description:
    """Everything of an artifact but its files, as a document says it."""

    format: str
    main: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    notes: tuple[str, ...]
    certificate: Certificate | None


def describe(compiled: Compiled) -> dict[str, Any]:
    """Everything of an artifact but its files, as JSON."""
    return {
        "format": compiled.format,
        "main": compiled.main,
        "inputs": [attrs.asdict(info) for info in compiled.inputs],
        "outputs": [attrs.asdict(info) for info in compiled.outputs],
        "notes": list(compiled.notes),
        "certificate": attrs.asdict(compiled.certificate) if compiled.certificate else None,
    }


def restore(data: Mapping[str, Any] | Description, files: Mapping[str, bytes | Path]) -> Compiled:
    """The artifact that `describe` described, with these files. Raises Damaged, also for names that are no file's."""
    told = data if isinstance(data, Description) else record(Description, data, "an artifact's description", Damaged)
    distinct(files, Damaged)
    if told.main not in files:
        raise Damaged(f"an artifact's main file {told.main[:80]!r} is not among its files")
    return Compiled(told.format, dict(files), told.main, told.inputs, told.outputs, told.notes, told.certificate)
