"""What a model is called with: names, shapes and element types, from its signature, its examples or the request."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from attrs import frozen
from zif import UsageError
from zif.plugin import Request, asked_for, label_of, shapes_for


@frozen
class Arguments:
    """names of the inputs in order, and a tensor for each. Behind the first `places`, they are handed over by name.
    call: the arguments of a program, by place and by name, which may be containers and hold more than tensors.
    """

    names: tuple[str, ...]
    values: tuple[torch.Tensor, ...]
    places: int = 0
    call: tuple[Sequence[Any], Mapping[str, Any]] | None = None

    def split(self, values: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Values of these inputs as the model is called with them: by place, and by name."""
        if self.call is not None:
            left = iter(values)
            args, kwargs = torch.utils._pytree.tree_map_only(torch.Tensor, lambda _: next(left), self.call)
            return tuple(args), dict(kwargs)
        return tuple(values[: self.places]), dict(zip(self.names[self.places :], values[self.places :], strict=True))


def of(model: Any, request: Request, source: Any) -> Arguments:
    """Raises UsageError where shapes are missing or do not belong to an input."""
    if isinstance(model, torch.export.ExportedProgram):
        return _of_program(model)
    takes = _Takes.of(model)
    own = getattr(model, "example_inputs", getattr(model, "example_input_array", None))
    if own is not None and not request.shapes:
        values = (own,) if isinstance(own, torch.Tensor) else tuple(own)
        return Arguments(takes.names[: len(values)], values, len(values))
    _check(takes, request, source)
    wanted = [name for name in takes.names if name in request.shapes]
    wanted += [name for name in request.shapes if name not in wanted]
    by_place = takes.names[: takes.places]
    places = next((at for at, name in enumerate(wanted) if by_place[at : at + 1] != (name,)), len(wanted))
    return Arguments(tuple(wanted), tuple(_value(name, request, source) for name in wanted), places)


def _of_program(program: torch.export.ExportedProgram) -> Arguments:
    call: tuple[Sequence[Any], Mapping[str, Any]] = program.example_inputs or ((), {})
    leaves = torch.utils._pytree.tree_leaves(call)
    pairs = zip(program.graph_signature.user_inputs, leaves, strict=False)
    tensors = [(str(name), value) for name, value in pairs if isinstance(value, torch.Tensor)]
    return Arguments(tuple(name for name, _ in tensors), tuple(value for _, value in tensors), call=call)


@frozen
class _Takes:
    """What `forward` takes: its parameters in order, of which the first `places` may be given by place, and those that
    have to be given. others: any name besides.
    """

    names: tuple[str, ...]
    places: int
    needed: tuple[str, ...]
    others: bool = False

    @classmethod
    def of(cls, model: Any) -> _Takes:
        if isinstance(model, torch.jit.ScriptModule):
            schema = [parameter for parameter in model.forward.schema.arguments if parameter.name != "self"]
            needed = tuple(parameter.name for parameter in schema if not parameter.has_default_value())
            return cls(tuple(parameter.name for parameter in schema), len(schema), needed)
        parameters = inspect.signature(model.forward).parameters.values()
        placed = [
            parameter
            for parameter in parameters
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
        named = [*placed, *(parameter for parameter in parameters if parameter.kind == parameter.KEYWORD_ONLY)]
        return cls(
            tuple(parameter.name for parameter in named),
            len(placed),
            tuple(parameter.name for parameter in named if parameter.default is parameter.empty),
            any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters),
        )


def _check(takes: _Takes, request: Request, source: Any) -> None:
    label, names = label_of(source), takes.names
    asked = (*request.shapes, *request.input_dtypes)
    unknown = [name for name in asked if name not in names and not takes.others]
    if unknown:
        raise UsageError(f"{label} has no input {unknown[0]!r}; it has {', '.join(names) or 'none'}")
    if not request.shapes:
        example = shapes_for(source, dict.fromkeys(names[:2] or ["x"], (1, 3, 224, 224)))
        raise UsageError(f"{label} does not say the shapes of its inputs ({', '.join(names)}): give {example}")
    missing = [name for name in takes.needed if name not in request.shapes]
    if missing:
        example = shapes_for(source, dict.fromkeys(missing, (1, 3, 224, 224)))
        raise UsageError(f"{label} needs the input {missing[0]!r}, too: give {example}, in its own shape")


def _value(name: str, request: Request, source: Any) -> torch.Tensor:
    dtype = _dtype(request.input_dtypes.get(name, "float32"), name, source)
    shape = request.shapes[name]
    if dtype.is_floating_point:
        return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    return torch.ones(shape, dtype=dtype)


def _dtype(word: str, name: str, source: Any) -> torch.dtype:
    dtype = getattr(torch, word, None)
    if not isinstance(dtype, torch.dtype):
        asked = asked_for(source, f"--input-dtype {name}={word}", f"input_dtypes={{{name!r}: {word!r}}}")
        raise UsageError(f"{asked}: torch has no such type; float32, float16, int64, int32, bool …")
    return dtype
