"""What a caller demands of a plan besides a policy: power, speed, precision, memory, latency."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from attrs import Factory, field, frozen, validators

from zif.errors import UsageError
from zif.files.wording import did_you_mean, duration, parsed_size, size

#: Arithmetic from the coarsest to the finest: what a floor compares by.
PRECISIONS = ("int4", "fp8", "int8", "int16", "bf16", "fp16", "fp32", "fp64")

#: The key of a memory limit that holds for every backend.
EVERYONE = "*"

_TIMES = {"us": 1.0, "µs": 1.0, "ms": 1e3, "s": 1e6}


def microseconds(entry: Any, name: str) -> float | None:
    """A time: "5ms", "800us", "0.1s", or a number of milliseconds. Raises UsageError."""
    if entry is None:
        return None
    match = re.fullmatch(r"\s*([0-9.]+(?:e-?\d+)?)\s*(us|µs|ms|s)?\s*", str(entry), re.IGNORECASE)
    try:
        value = float(match[1]) * _TIMES[(match[2] or "ms").lower()] if match else -1.0
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise UsageError(f"{name} cannot be {entry!r}: write a time such as 5ms, 800us or 0.1s")
    return value


def nbytes(entry: Any, name: str) -> int:
    """A size: "64M", "64MiB", "1.5G", or a number of bytes; steps are of 1024. Raises UsageError."""
    value = parsed_size(str(entry))
    if not value:
        raise UsageError(f"{name} cannot be {entry!r}: write a size such as 64M, 1.5G or 4096")
    return value


def _limits(entry: Any) -> dict[str, int]:
    """Bytes by backend, from one size for everybody or a mapping."""
    if not entry:
        return {}
    if isinstance(entry, Mapping):
        named = {name: "memory_limit" if name == EVERYONE else f"memory_limit of {name}" for name in entry}
        return {name: nbytes(value, named[name]) for name, value in entry.items()}
    return {EVERYONE: nbytes(entry, "memory_limit")}


def _goal(value: Any) -> float | None:
    return microseconds(value, "latency_goal")


def _most(value: Any) -> float | None:
    return microseconds(value, "max_latency")


def _precision(_: Any, __: Any, value: str) -> None:
    if value and value not in PRECISIONS:
        raise UsageError(f"min_precision cannot be {value!r}; possible: {', '.join(PRECISIONS)}")


@frozen
class Constraints:
    """What the caller cares about.

    power_critical, performance_critical: what the policy weighs; each turns a term of the score on. min_precision: a
    floor such as "fp16"; a unit does not run where it would be computed in less. memory_limit: bytes that
    the plan may hold, weights and activations, by backend or on each and on the host ("*"); "64M" or {"my_npu": "8M"}.
    latency_goal: microseconds that the plan should not exceed; max_latency: that it must not. Both are given as "5ms"
    or as a number of milliseconds. Raises UsageError for a value that means nothing.
    """

    power_critical: bool = field(default=False, validator=validators.instance_of(bool))
    performance_critical: bool = field(default=False, validator=validators.instance_of(bool))
    min_precision: str = field(default="", validator=_precision)
    memory_limit: Mapping[str, int] = field(default=Factory(dict), converter=_limits)
    latency_goal: float | None = field(default=None, converter=_goal)
    max_latency: float | None = field(default=None, converter=_most)

    @classmethod
    def of_policy(cls, policy: str) -> Constraints:
        """The constraints that a placement policy stands for; `balanced` is both."""
        return cls(
            power_critical=policy in ("power", "balanced"), performance_critical=policy in ("performance", "balanced")
        )

    @property
    def goal(self) -> float | None:
        """The tighter of the two latencies, in microseconds."""
        return min(filter(None, (self.latency_goal, self.max_latency)), default=None)

    @classmethod
    def parse(cls, wishes: Constraints | Mapping[str, Any] | None) -> Constraints:
        """From names and values as a caller wrote them. Raises UsageError listing what is known."""
        if isinstance(wishes, Constraints):
            return wishes
        known = [field.name for field in attrs.fields(cls)]
        for name in wishes or {}:
            if name not in known:
                raise UsageError(
                    f"there is no constraint {name!r}.{did_you_mean(name, known)} Known: {', '.join(known)}."
                )
        try:
            return cls(**(wishes or {}))
        except TypeError as error:
            raise UsageError(f"constraints: {error.args[0]}") from error

    def policy(self, wish: str) -> str:
        """The policy that follows from what is critical, and from the one that was given. Raises UsageError."""
        if not (self.power_critical or self.performance_critical):
            return wish
        both = self.power_critical and self.performance_critical
        implied = "balanced" if both else "power" if self.power_critical else "performance"
        if wish not in ("balanced", implied):
            critical = "both critical" if both else f"{implied} critical"
            raise UsageError(f"policy {wish!r} contradicts what is {critical}; give one of them")
        return implied

    def told(self) -> dict[str, Any]:
        """What was asked for, as plain data; times in microseconds under `…_us`."""
        times = {"latency_goal_us": self.latency_goal, "max_latency_us": self.max_latency}
        rest = attrs.asdict(self, filter=lambda field, _: field.name not in ("latency_goal", "max_latency"))
        return {name: value for name, value in {**rest, **times}.items() if value}


@frozen
class Told:
    """What `Constraints.told` gives, as a document has it: times in microseconds, sizes in bytes by backend."""

    power_critical: bool = False
    performance_critical: bool = False
    min_precision: str = ""
    memory_limit: Mapping[str, int] = Factory(dict)
    latency_goal_us: float | None = None
    max_latency_us: float | None = None


def demanded(told: Mapping[str, Any]) -> Iterator[str]:
    """What `Constraints.told` gave, in the words of the command line."""
    for name, value in told.items():
        option = f"--{name.removesuffix('_us').replace('_', '-')}"
        if name.endswith("_us"):
            yield f"{option} {duration(value)}"
        elif name == "memory_limit":
            for backend, limit in value.items():
                yield f"{option} {'' if backend == EVERYONE else f'{backend}='}{size(limit)}"
        elif name != "policy":
            yield option if value is True else f"{option} {value}"
