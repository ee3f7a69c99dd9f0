"""The options that several commands share, and their text turned into what the Python functions take.

The names ending in `Option` are annotations for the parameters of commands.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from zif.cli.shapes import one_size as one_size
from zif.cli.shapes import shapes as shapes
from zif.errors import UsageError

#: Options by name, annotation and default.
Rows = tuple[tuple[str, Any, Any], ...]
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

ModelArgument = Annotated[
    Path, typer.Argument(metavar="MODEL", help="An ONNX file, or what a frontend converts.", show_default=False)
]
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


CustomOption = Annotated[
    list[Path],
    typer.Option("--custom-ops", metavar="LIB", help="A library of operators of your own (.so, .dll); repeatable."),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Options of backends, JSON or TOML; `zif config` tells more."),
]
PowerOption = Annotated[bool, typer.Option("--power-critical", help="Energy is what the plan saves.")]
SpeedOption = Annotated[bool, typer.Option("--performance-critical", help="Time is what the plan saves.")]
PrecisionOption = Annotated[
    str, typer.Option("--min-precision", metavar="fp16", help="Compute nothing in less: int8, int16, fp16, fp32 …")
]
MemoryOption = Annotated[
    list[str],
    typer.Option(
        "--memory-limit",
        metavar="[BACKEND=]64M",
        help="What the plan may hold there, or exit 1; repeatable.",
    ),
]
GoalOption = Annotated[
    str, typer.Option("--latency-goal", metavar="5ms", help="Plan for this latency; say so when it is missed.")
]
MostOption = Annotated[str, typer.Option("--max-latency", metavar="5ms", help="The same, and exit 1 when missed.")]

SourceArgument = Annotated[
    Path, typer.Argument(metavar="MODEL|DIR", help="An ONNX file, or a bundle.", show_default=False)
]
InputOption = Annotated[
    list[str],
    typer.Option("--input", "-i", metavar="NAME=FILE", help="npy, npz, raw, pb, json or an image; repeatable."),
]
ListOption = Annotated[
    Path | None,
    typer.Option("--input-list", metavar="FILE", help="Files of one run per line, in order or as name:=file."),
]
RandomOption = Annotated[
    int | None, typer.Option("--random", metavar="SEED", min=0, help="Random values for inputs without a file.")
]
SamplesOption = Annotated[
    Path | None,
    typer.Option("--samples", "-s", metavar="DIR|NPZ|LIST", help="Real inputs; without, values are made from seeds."),
]
PreprocessOption = Annotated[
    str, typer.Option("--preprocess", metavar="TEXT|FILE", help="Images: resize=224x224,scale=1/255,mean=…,std=…,…")
]

#: What the inputs are, in the order of the help.
_FEED: Rows = (
    ("input", InputOption, []),
    ("input_list", ListOption, None),
    ("random", RandomOption, None),
    ("preprocess", PreprocessOption, ""),
)


class FeedOptions(NamedTuple):
    """The options that say what the inputs are."""

    input: Sequence[str] = ()
    input_list: Path | None = None
    random: int | None = None
    preprocess: str = ""

    @property
    def chosen(self) -> bool:
        """Whether any of them says where values come from."""
        return bool(self.input or self.input_list or self.random is not None)


#: What shapes a plan, in the order of the help.
_PLAN: Rows = (
    ("policy", PolicyOption, "balanced"),
    ("power_critical", PowerOption, False),
    ("performance_critical", SpeedOption, False),
    ("min_precision", PrecisionOption, ""),
    ("memory_limit", MemoryOption, []),
    ("latency_goal", GoalOption, ""),
    ("max_latency", MostOption, ""),
    ("pin", PinOption, []),
    ("only", OnlyOption, []),
    ("exclude", ExcludeOption, []),
    ("strict", StrictOption, False),
    ("emulate", EmulateOption, False),
    ("shape", ShapeOption, []),
    ("config", ConfigOption, None),
    ("custom_ops", CustomOption, []),
)


#: The keyword arguments of `zif.plan` and `zif.load`.
Wishes = dict[str, Any]


def expanding(parameter: str, rows: Rows, made: Callable[..., Any]) -> Decorator:
    """A decorator that gives a command these options in the place of one parameter, which gets what is made of them.

    typer reads a function's signature, so that is what is written out; each option stands in one place only.
    """
    options = [Parameter(name, Parameter.KEYWORD_ONLY, default=value, annotation=kind) for name, kind, value in rows]

    def expanded(command: Callable[..., Any]) -> Callable[..., Any]:
        own = inspect.signature(command, eval_str=True).parameters
        every = [new for option in own.values() for new in (options if option.name == parameter else [option])]
        parameters = [option.replace(kind=Parameter.KEYWORD_ONLY) for option in every]

        @functools.wraps(command)
        def wrapped(**values: Any) -> Any:
            taken = {option.name: values.pop(option.name) for option in options}
            return command(**values, **{parameter: made(**taken)})

        annotations = {parameter.name: parameter.annotation for parameter in parameters}
        vars(wrapped).update(__signature__=inspect.Signature(parameters), __annotations__=annotations)
        return wrapped

    return expanded


def wishes(
    shape: Iterable[str] = (),
    pin: Iterable[str] = (),
    only: Sequence[str] = (),
    exclude: Sequence[str] = (),
    strict: bool = False,
    emulate: bool = False,
    policy: str = "balanced",
    config: Path | None = None,
    custom_ops: Sequence[Path] = (),
    **constraints: Any,
) -> Wishes:
    """The keyword arguments of `zif.plan` and `zif.load` for these options. Raises UsageError."""
    return {
        "policy": policy,
        "shapes": shapes(shape),
        "pin": dict(map(_pin, pin)),
        "only": _names(only),
        "exclude": _names(exclude),
        "strict": strict,
        "emulate": emulate,
        "config": config,
        "custom_ops": tuple(custom_ops),
        "constraints": _constraints(**constraints),
    }


def converting(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command whose models (`model`, `source`, `a`, `b`) are ONNX by the time that it gets them."""

    @functools.wraps(command)
    def wrapped(**values: Any) -> Any:
        fixed = one_size(values.get("wanted", {}).get("shapes") or shapes(values.get("shape", ())))
        for name in ("model", "source", "a", "b"):
            if isinstance(values.get(name), Path):
                values[name] = _onnx_of(values[name], fixed, not values.get("no_cache", False))
        return command(**values)

    return wrapped


def _onnx_of(path: Path, fixed: Wishes, cache: bool) -> Path:
    from zif.runtime.frontends.sources import origin_of

    if origin_of(path) is None:
        return path
    from zif.cli.views.progress import working
    from zif.runtime.frontends.verb import as_onnx

    with working(f"converting {path.name}") as told:
        return Path(as_onnx(path, fixed, told, cache))


#: Takes the options that shape a plan.
_planning = expanding("wanted", _PLAN, wishes)


def planned(command: Callable[..., Any]) -> Callable[..., Any]:
    """For commands that plan: their parameter `wanted` gets the options that shape a plan, as Wishes; `converting`."""
    return _planning(converting(command))


#: For commands that run: their parameter `feed` gets the options that say what the inputs are, as FeedOptions.
fed = expanding("feed", _FEED, FeedOptions)


def _constraints(memory_limit: Iterable[str] = (), **rest: Any) -> dict[str, Any]:
    """Those that were given, under the names of `zif.Constraints`."""
    limits = dict(map(_limit, memory_limit))
    return {name: value for name, value in {**rest, "memory_limit": limits}.items() if value}


def _limit(text: str) -> tuple[str, str]:
    from zif.planning.constraints import EVERYONE

    name, equals, size = text.rpartition("=")
    if equals and not name:
        raise UsageError(f"--memory-limit {text}: write 64M, or BACKEND=64M")
    return name or EVERYONE, size


def check_preprocess(preprocess: str, samples: Path | None) -> None:
    """Raise UsageError for a way to make pictures into inputs where no pictures are given."""
    if preprocess and samples is None:
        raise UsageError("--preprocess says how pictures become inputs: it goes with --samples DIR|LIST")


def _pin(text: str) -> tuple[str, str]:
    pattern, equals, name = text.rpartition("=")
    if not (pattern and equals and name):
        raise UsageError(f"--pin {text}: write PATTERN=BACKEND, such as 'Conv_*=my_npu' or op:Softmax=reference")
    return pattern, name


def _names(names: Sequence[str]) -> tuple[str, ...]:
    """Several names may stand in one option, with commas between them."""
    return tuple(name for text in names for name in text.split(",") if name)
