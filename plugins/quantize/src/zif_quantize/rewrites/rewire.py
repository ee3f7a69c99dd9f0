"""Letting nodes read other values, their bodies included."""

from __future__ import annotations

from collections.abc import MutableSequence

import onnx
from zif.plugin import bodies, scan


def read_by(node: onnx.NodeProto) -> list[str]:
    """What a node reads, itself and in its bodies, each once."""
    return [name for name in scan(node).reads if name]


def replace(node: onnx.NodeProto, old: str, new: str) -> None:
    """Let a node and its bodies read another value; a body that has a value of the old name means its own."""
    rename(node.input, old, new)
    for body in bodies(node):
        local = {*(value.name for value in body.input), *(tensor.name for tensor in body.initializer)}
        if old in local or any(old in inner.output for inner in body.node):
            continue
        for inner in body.node:
            replace(inner, old, new)
        for value in body.output:
            value.name = new if value.name == old else value.name


def rename(names: MutableSequence[str], old: str, new: str) -> None:
    """Put a name in another's place."""
    for place, name in enumerate(names):
        if name == old:
            names[place] = new
