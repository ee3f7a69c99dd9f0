"""A plugin made of functions, on a relay of its own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Literal

from attrs import field, frozen, validators
from zif.backends import relay
from zif.backends.backend import Backend
from zif.hookspecs import hookimpl
from zif.records import Capabilities, Compiled, Installed, Target

HOST = Target("host")


@frozen
class Knobs:
    threads: int = field(default=0, validator=validators.ge(0), metadata={"help": "how many threads; 0: all"})
    fast: bool = False
    mode: Literal["burst", "balanced"] = "balanced"
    limit: float | None = None


def plugin(**hooks: Any) -> Any:
    base = {"capabilities": lambda target: Capabilities("cpu", options=Knobs), "load": lambda compiled: Runner()}
    return SimpleNamespace(**{name: hookimpl(hook) for name, hook in (base | hooks).items()})


class Runner:
    def run(self, inputs: Any) -> Any:
        return {"y": inputs["x"]}

    def close(self) -> None: ...


def backend(**hooks: Any) -> Backend:
    info = Installed("toy", "zif-toy", "0.3", "toy")
    return Backend(info, relay.build(plugin(**hooks), "backend 'toy' (zif-toy 0.3)"))


ARTIFACT = Compiled("onnx", {"m": b"1"}, "m", (), ())
