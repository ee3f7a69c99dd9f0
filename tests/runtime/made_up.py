"""Sessions over made-up executables: a numpy function for each segment."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from zif.planning.plan import Plan, Predicted, Request, Segment
from zif.records import TensorInfo
from zif.runtime.session import Session, Step

X = np.arange(4, dtype=np.float32)
Array = np.ndarray[Any, Any]


class Plain:
    """An executable that computes outputs from inputs with a numpy function."""

    def __init__(self, function: Callable[..., Mapping[str, Array]]) -> None:
        self.function = function
        self.closed = 0

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        return self.function(**inputs)

    def close(self) -> None:
        self.closed += 1


class Bindable(Plain):
    """The same over core's buffers; remembers which names it was bound to."""

    bound: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    def bind(self, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> Callable[..., Mapping[str, Array]]:
        self.bound = (tuple(inputs), tuple(outputs))

        def call(free: Mapping[str, Array]) -> Mapping[str, Array]:
            made = dict(self.function(**inputs, **free))
            for name, buffer in outputs.items():
                buffer[...] = made.pop(name)
            return made

        return call


def soon(holds: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether something comes to hold that another thread does."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.005)
    return holds()


def info(name: str, *shape: int | str, type: str = "tensor(float)") -> TensorInfo:
    return TensorInfo(name, type, shape)


def step(number: int, executable: Any, inputs: str, outputs: str) -> Step:
    reads, writes = tuple(inputs.split()), tuple(outputs.split())
    segment = Segment(number, f"b{number % 2}", "hardware", (f"u{number}",), reads, writes, 1.0, 1.0)
    return Step(segment, executable, reads, writes)


def plan(steps: list[Step], inputs: list[TensorInfo], outputs: list[TensorInfo]) -> Plan:
    segments = tuple(one.segment for one in steps)
    predicted = Predicted(1.0, 1.0, 0, 1.0, {})
    return Plan("m", "d", Request(), tuple(inputs), tuple(outputs), segments, (), (), {}, predicted, ())


def session(
    steps: list[Step],
    inputs: list[TensorInfo],
    outputs: list[TensorInfo],
    tensors: Mapping[str, TensorInfo] | None = None,
    **more: Any,
) -> Session:
    dims = {name: info(name, 4) for one in steps for name in (*one.inputs, *one.outputs)}
    known = dims | {one.name: one for one in (*inputs, *outputs)} | dict(tensors or {})
    return Session(plan(steps, inputs, outputs), steps, known, **more)
