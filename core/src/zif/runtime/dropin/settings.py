"""What zif itself is to do for applications that know nothing of it: target, policy, and whose word counts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal

from attrs import asdict, fields_dict, frozen

from zif.errors import UsageError
from zif.files.documents import json_of
from zif.files.records import record
from zif.files.wording import did_you_mean, json_text

#: Where a process that an application starts finds the settings of its parent.
VARIABLE = "ZIF_ORT"


@frozen
class Settings:
    """target, policy, only, exclude: as those of `zif.load`. keep_providers: the application's `providers` count, also
    where a target is named.

    shapes: for how many sets of input shapes a model with free dimensions gets a plan of its own, each when it is first
    seen (NPUs take fixed shapes); None: 4 when a target is named, else none.
    verify: "outputs" holds every run against the CPU and gives the CPU's where the others are wrong, which is said;
    "units" holds the plan against it once; "off". None: "outputs" when a target is named, else "off".
    """

    target: str = "host"
    policy: str = "balanced"
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    keep_providers: bool = False
    shapes: int | None = None
    verify: Literal["off", "outputs", "units"] | None = None

    @property
    def plans(self) -> int:
        """How many sets of shapes get a plan of their own."""
        return (0 if self.target == "host" else 4) if self.shapes is None else self.shapes

    @property
    def verified(self) -> Literal["off", "outputs", "units"]:
        """How it is made sure that answers are right."""
        return self.verify or ("off" if self.target == "host" else "outputs")


def configure(**values: Any) -> None:
    """Settings for the sessions that are made from now on, in this process and those that it starts.

    Raises UsageError for one that is not known.
    """
    for name in values:
        if name not in fields_dict(Settings):
            raise UsageError(f"zif.ort has no setting {name!r}.{did_you_mean(name, fields_dict(Settings))}")
    for name in ("only", "exclude"):
        if name in values:
            values[name] = [values[name]] if isinstance(values[name], str) else list(values[name])
    _set(record(Settings, {**asdict(current()), **values}, "zif.ort", UsageError))


def current() -> Settings:
    """The settings that hold now."""
    if not _now:
        text = os.environ.get(VARIABLE, "")
        _now.append(_read(text) if text else Settings())
    return _now[0]


def reset() -> None:
    """Back to what was before anything was configured."""
    os.environ.pop(VARIABLE, None)
    _now.clear()


def _set(settings: Settings) -> None:
    _now[:] = [settings]
    os.environ[VARIABLE] = json_text(asdict(settings))


def _read(text: str) -> Settings:
    values: Mapping[str, Any] = json_of(text, VARIABLE)
    return record(Settings, values, VARIABLE)


_now: list[Settings] = []
