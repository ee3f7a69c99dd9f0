"""Outputs under the names that the source gives them: keys of a dictionary, fields of a named tuple."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from zif.plugin import write_whole

from zif_torch.arguments import Arguments


def tensors_in(made: Any) -> list[torch.Tensor]:
    """What a model gives, in the order in which exporters write it; what is no tensor is left out."""
    flat, _ = torch.utils._pytree.tree_flatten(made)
    return [value for value in flat if isinstance(value, torch.Tensor)]


def called(model: Any, arguments: Arguments, values: Any) -> Any:
    """What the model gives for these values."""
    args, kwargs = arguments.split(values)
    return (model.module() if isinstance(model, torch.export.ExportedProgram) else model)(*args, **kwargs)


def named(path: Path, proto: onnx.ModelProto, model: Any, arguments: Arguments) -> None:
    """Give the outputs of the file their names, where the source has names for them that are free."""
    try:
        names = _names(called(model, arguments, arguments.values))
    except Exception:  # it runs where it is compared, and says there what is wrong
        return
    old = [value.name for value in proto.graph.output]
    taken = {name for node in proto.graph.node for name in (*node.input, *node.output)} - set(old)
    taken |= {value.name for value in proto.graph.input}
    if len(names) != len(old) or len({*old}) != len(old) or len({*names}) != len(names) or taken & {*names}:
        return
    new = dict(zip(old, names, strict=True))
    for node in proto.graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]
    for value in (*proto.graph.output, *proto.graph.value_info):
        value.name = new.get(value.name, value.name)
    write_whole(path, proto.SerializeToString())


def _names(made: Any) -> list[str]:
    if isinstance(made, Mapping):
        groups = [(str(key), tensors_in(value)) for key, value in made.items()]
    elif isinstance(made, tuple) and hasattr(made, "_fields"):
        groups = [(name, tensors_in(value)) for name, value in zip(made._fields, made, strict=True)]
    else:
        return []
    return [
        name if len(tensors) == 1 else f"{name}.{place}" for name, tensors in groups for place, _ in enumerate(tensors)
    ]
