"""A plan written for the viewers of others: an annotated model, or node data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zif.cli.files import write, write_text
from zif.errors import UsageError

if TYPE_CHECKING:
    from zif.planning import Plan


def check_ending(path: Path) -> None:
    """Raise UsageError for an overlay of another kind; to be asked before planning."""
    if path.suffix not in (".onnx", ".json"):
        raise UsageError(f"--overlay {path}: end it in .onnx (for Netron) or in .json (for Model Explorer)")


def write_overlay(
    path: Path, plan: Plan, source: Path, shapes: Mapping[str, Sequence[int]], custom_ops: Sequence[Path] = ()
) -> None:
    """By the ending of `path`: .onnx for Netron, .json for Model Explorer. Raises UsageError for another one.

    The annotated model refers to external weights by the same relative names, so it belongs beside the original.
    """
    from zif.model import Model
    from zif.report import annotated, node_data

    check_ending(path)
    model = Model.load(source, shapes, custom_ops)
    if path.suffix == ".onnx":
        data = annotated(plan, model).SerializeToString()
        write(path, lambda stream: stream.write(data))
    else:
        write_text(path, json.dumps(node_data(plan, model), indent=1))
