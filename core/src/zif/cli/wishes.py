"""The options that several commands share, and their text turned into what the Python functions take.

The names ending in `Option` are annotations for the parameters of commands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from zif.errors import UsageError

ModelArgument = Annotated[Path, typer.Argument(metavar="MODEL", help="An ONNX file.", show_default=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
TargetOption = Annotated[
    str, typer.Option("--target", "-t", help="This machine (host), or a chip; `zif targets` lists them.")
]
NoCacheOption = Annotated[bool, typer.Option("--no-cache", help="Compile anew, keep nothing.")]
PolicyOption = Annotated[
    str, typer.Option("--policy", "-p", help="What matters: balanced, performance, power or memory.")
]
PinOption = Annotated[
    list[str],
    typer.Option("--pin", metavar="PATTERN=BACKEND", help="Units of this name, or op:TYPE, go there; repeatable."),
]
OnlyOption = Annotated[
    list[str], typer.Option("--only", metavar="BACKEND", help="Only these backends take part; repeatable.")
]
ExcludeOption = Annotated[
    list[str], typer.Option("--exclude", metavar="BACKEND", help="These backends take no part; repeatable.")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="The whole model on one backend, or exit 1.")]
EmulateOption = Annotated[bool, typer.Option("--emulate", help="Let emulators of other processors take part.")]
IsolateOption = Annotated[
    bool, typer.Option("--isolate", help="Every backend in a process of its own; emulators always are.")
]
ShapeOption = Annotated[
    list[str], typer.Option("--shape", metavar="NAME=1,3,224,224", help="Fix the shape of an input; repeatable.")
]


def wishes(
    shape: Iterable[str], pin: Iterable[str], only: Sequence[str], exclude: Sequence[str], strict: bool, emulate: bool
) -> dict[str, Any]:
    """The keyword arguments of `zif.plan` and `zif.load` for these options. Raises UsageError."""
    return {
        "shapes": shapes(shape),
        "pin": dict(map(_pin, pin)),
        "only": _names(only),
        "exclude": _names(exclude),
        "strict": strict,
        "emulate": emulate,
    }


def shapes(options: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """The shapes of --shape by input name. Raises UsageError."""
    return dict(map(_shape, options))


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, equals, dims = text.rpartition("=")
    if not (name and equals):
        raise UsageError(f"--shape {text}: write NAME=1,3,224,224, with the name of an input")
    try:
        return name, tuple(_dimension(dim) for dim in dims.split(",")) if dims else ()
    except ValueError as error:
        raise UsageError(f"--shape {text}: {error.args[0]} is not a dimension; dimensions are whole numbers") from None


def _dimension(text: str) -> int:
    if not text.strip().isdecimal():
        raise ValueError(repr(text.strip()))
    return int(text)


def _pin(text: str) -> tuple[str, str]:
    pattern, equals, name = text.rpartition("=")
    if not (pattern and equals and name):
        raise UsageError(f"--pin {text}: write PATTERN=BACKEND, such as 'Conv_*=qnn_cpu' or op:Softmax=reference")
    return pattern, name


def _names(given: Sequence[str]) -> tuple[str, ...]:
    """Several names may stand in one option, with commas between them."""
    return tuple(name for text in given for name in text.split(",") if name)
