"""A sweep as people describe it: a TOML file, or the same words on the command line; every field held to its type."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen
from zif import UsageError
from zif.plugin import did_you_mean, parse_record, read_table

#: Keyword arguments of `zif.load` that a sweep file may set under [plan].
PLAN = ("policy", "pin", "only", "exclude", "strict", "emulate", "config", "constraints")


@frozen
class Named:
    """One `[[model]]`: a file, or one by precision, with what is its own. Only `name` is required, and one file."""

    name: str
    file: str = ""
    ready: Mapping[str, str] = field(factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(factory=dict)
    calibration: str = ""
    preprocess: str = ""
    eval: str = ""
    samples: str = ""


@frozen
class More:
    """One `[[more]]`: further stages for some of the cells. What is not said means all of them."""

    stages: tuple[str, ...]
    models: tuple[str, ...] = ("*",)
    targets: tuple[str, ...] = ("*",)
    precisions: tuple[str, ...] = ("*",)


@frozen
class _File:
    """What may stand in a file."""

    models: tuple[str, ...] = ()
    model: tuple[Named, ...] = ()
    targets: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ("float",)
    stages: tuple[str, ...] = ("plan",)
    more: tuple[More, ...] = ()
    plan: Mapping[str, Any] = field(factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(factory=dict)
    output: str = ""
    bundles: str = ""
    calibration: str = ""
    preprocess: str = ""
    eval: str = ""
    samples: str = ""
    runs: int = 10


@frozen
class Described(_File):
    """The words of a sweep; see docs/sweep.md. `folder` is what its paths are relative to."""

    folder: Path = Path()

    @classmethod
    def read(cls, path: Path) -> Described:
        """The sweep that a file describes. Raises UsageError that names the file and the place in it."""
        data = dict(read_table(path, UsageError))
        _refuse_unknown(data, path)
        words = ("models", "targets", "precisions", "stages")
        data |= {name: [data[name]] for name in words if isinstance(data.get(name), str)}
        made = parse_record(_File, data, str(path), UsageError, exact=True)
        unknown = next((name for name in made.plan if name not in PLAN), None)
        if unknown is not None:
            hint = did_you_mean(unknown, PLAN)
            raise UsageError(f"{path}: [plan] has no {unknown!r}.{hint} It takes {', '.join(PLAN)}")
        fields = {name: getattr(made, name) for name in _FIELDS}
        if not fields["output"]:
            fields["output"] = f"{path.stem}.jsonl"
        return cls(**fields, folder=path.parent)

    def with_words(self, **words: Any) -> Described:
        """The same with what the command line says in the place of what the file does; what is empty says nothing."""
        return evolve(self, **{name: value for name, value in words.items() if value})


_FIELDS = tuple(_File.__annotations__)


def _refuse_unknown(data: Mapping[str, Any], path: Path) -> None:
    unknown = next((name for name in data if name not in _FIELDS), None)
    if unknown is not None:
        hint = did_you_mean(unknown, _FIELDS)
        raise UsageError(f"{path}: a sweep has no {unknown!r}.{hint} It takes {', '.join(_FIELDS)}")
