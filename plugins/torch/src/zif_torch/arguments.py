"""What a model is called with: names, shapes and element types, from its signature, its examples or the request."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from attrs import frozen
from zif import UsageError
from zif.plugin import Request, asked_for, label_of, shapes_for


@frozen
class Arguments:
    """names of the inputs in order, and a tensor for each."""

    names: tuple[str, ...]
    values: tuple[torch.Tensor, ...]


def of(model: Any, request: Request, source: Any) -> Arguments:
    """Raises UsageError where shapes are missing or do not belong to an input."""
    if isinstance(model, torch.export.ExportedProgram):
        return _of_program(model)
    names = _names(model)
    own = getattr(model, "example_inputs", getattr(model, "example_input_array", None))
    if own is not None and not request.shapes:
        values = (own,) if isinstance(own, torch.Tensor) else tuple(own)
        return Arguments(names[: len(values)], values)
    _check(names, request, source)
    wanted = [name for name in names if name in request.shapes]
    return Arguments(tuple(wanted), tuple(_value(name, request, source) for name in wanted))


def _of_program(program: torch.export.ExportedProgram) -> Arguments:
    args, kwargs = program.example_inputs or ((), {})
    names = list(program.graph_signature.user_inputs)
    values = [*args, *kwargs.values()]
    tensors = [
        (str(name), value) for name, value in zip(names, values, strict=False) if isinstance(value, torch.Tensor)
    ]
    return Arguments(tuple(name for name, _ in tensors), tuple(value for _, value in tensors))


def _names(model: Any) -> tuple[str, ...]:
    """The parameters of `forward`, in order."""
    if isinstance(model, torch.jit.ScriptModule):
        schema = model.forward.schema.arguments
        return tuple(one.name for one in schema if one.name != "self")
    parameters = inspect.signature(model.forward).parameters.values()
    return tuple(one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD))


def _check(names: tuple[str, ...], request: Request, source: Any) -> None:
    label = label_of(source)
    unknown = [name for name in (*request.shapes, *request.input_dtypes) if name not in names]
    if unknown:
        raise UsageError(f"{label} has no input {unknown[0]!r}; it has {', '.join(names) or 'none'}")
    if not request.shapes:
        example = shapes_for(source, dict.fromkeys(names[:2] or ["x"], (1, 3, 224, 224)))
        raise UsageError(f"{label} does not say the shapes of its inputs ({', '.join(names)}): give {example}")


def _value(name: str, request: Request, source: Any) -> torch.Tensor:
    dtype = _dtype(request.input_dtypes.get(name, "float32"), name, source)
    shape = request.shapes[name]
    if dtype.is_floating_point:
        return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    return torch.ones(shape, dtype=dtype)


def _dtype(word: str, name: str, source: Any) -> torch.dtype:
    found = getattr(torch, word, None)
    if not isinstance(found, torch.dtype):
        asked = asked_for(source, f"--input-dtype {name}={word}", f"input_dtypes={{{name!r}: {word!r}}}")
        raise UsageError(f"{asked}: torch has no such type; float32, float16, int64, int32, bool …")
    return found
