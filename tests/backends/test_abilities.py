"""Whoever stands in front of an executable (an observer, a worker process, both) offers what it offers, and no more.

Except for binding in a worker: another process cannot read and write this one's buffers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import onnx
import pytest
from attrs import define, field
from zif import (
    SupportsBinding,
    SupportsOperators,
    SupportsProfile,
    SupportsUnitTimes,
    Target,
    backend,
    hookimpl,
    observe,
    unobserve,
)
from zif.backends.backend import Backend
from zif.backends.isolation import isolated
from zif.backends.isolation import pool as workers
from zif.backends.watched import BoundExecutable, watched
from zif.errors import BackendBroken
from zif.model import Model
from zif.planning.plan import Plan, Predicted, Request, Segment
from zif.records import EngineOperator, Installed, OperatorTrace, TensorInfo
from zif.runtime.build import compiled_by
from zif.runtime.session import Session, Step

HOST = Target("host")
ABLE = Installed("able", "able-dist", "1.0", "backends.able")
OWN = Installed("able", "able-dist", "1.0", "backends.able:own_execute")
WAYS = [(False, False), (True, False), (False, True), (True, True)]
IDS = ["plain", "observed", "isolated", "both"]
OFFERED = list(product([False, True], repeat=4))
X, B = np.arange(4, dtype=np.float32), np.full(4, 10, np.float32)


@define
class Observer:
    """Sees every run: what it was handed and what came of it, copied, because bound buffers are used again."""

    seen: list[tuple[dict[str, Any], dict[str, Any]]] = field(factory=list)
    executables: list[Any] = field(factory=list)
    change: Callable[[dict[str, Any]], dict[str, Any]] = dict

    @hookimpl(wrapper=True)
    def execute(self, executable: Any, inputs: Any) -> Iterator[None]:
        handed = {name: np.copy(value) for name, value in inputs.items()}
        made = yield
        self.executables.append(executable)
        self.seen.append((handed, {name: np.copy(value) for name, value in made.items()}))
        return self.change(dict(made))


@pytest.fixture
def observer() -> Iterator[Observer]:
    watch = Observer()
    observe(watch)
    yield watch
    unobserve(watch)


@pytest.fixture(params=WAYS, ids=IDS)
def way(request: pytest.FixtureRequest) -> Iterator[tuple[Observer | None, bool]]:
    """Who stands in front: (an observer or None, whether a worker process)."""
    observed, apart = request.param
    yield request.getfixturevalue("observer") if observed else None, apart
    workers.pool.close()


def able(apart: bool, info: Installed = ABLE, **offers: bool) -> Any:
    one = Backend.open(info)
    one = isolated(one, HOST) if apart else one
    options = one.options(offers, HOST)
    compiled = one.compile(one.convert("what", HOST, options), HOST, options)  # type: ignore[arg-type]
    return watched(one, one.load(compiled, options))


def test_each_offers_what_the_inner_one_offers(way: tuple[Observer | None, bool]) -> None:
    for binding, profile, unit_times, notes in OFFERED:
        operators = binding != notes
        offers = {"binding": binding, "profile": profile, "unit_times": unit_times, "notes": notes}
        executable = able(way[1], **offers, operators=operators)
        assert isinstance(executable, SupportsBinding) == (binding and not way[1])
        assert isinstance(executable, SupportsProfile) == profile
        assert isinstance(executable, SupportsUnitTimes) == unit_times
        assert isinstance(executable, SupportsOperators) == operators
        assert hasattr(executable, "notes") == notes
        assert list(executable.run({"x": X, "b": B})["y"]) == [0, 2, 4, 6]
        executable.close()


def test_each_answers_as_the_inner_one(way: tuple[Observer | None, bool]) -> None:
    executable = able(way[1], binding=True, profile=True, unit_times=True, operators=True, notes=True)
    executable.run({"x": X, "b": B})
    assert executable.profile() == {"runs so far": 1.0}
    assert executable.unit_times({"x": X + 5, "b": B}, 3) == {"Mul": 5.0, "runs": 3.0}
    made = (EngineOperator("Mul.7", "ElementWise", ("mul", "add"), 5.0, 3.0), EngineOperator("Input"))
    assert executable.operators({"x": X + 5, "b": B}, 3) == OperatorTrace(made, ("of one run",))
    assert tuple(executable.notes) == ("loaded with care",)


def test_bound_runs_read_and_write_in_place_while_observers_see_all(observer: Observer) -> None:
    x, y = np.zeros(4, np.float32), np.zeros(4, np.float32)
    run = able(False, binding=True).bind({"x": x}, {"y": y})
    kept = []
    for number in range(3):
        x[:] = number
        rest = run({"b": B})
        assert set(rest) == {"z"}
        assert list(y) == [2 * number] * 4
        kept.append(rest["z"])
    assert [z[0] for z in kept] == [10, 11, 12]
    assert [(set(given), set(made)) for given, made in observer.seen] == [({"x", "b"}, {"y", "z"})] * 3
    assert [(given["x"][0], made["y"][0]) for given, made in observer.seen] == [(0, 0), (1, 2), (2, 4)]


def test_an_observer_of_a_bound_run_is_handed_what_offers_the_same(observer: Observer) -> None:
    executable = able(False, binding=True, profile=True, notes=True)
    executable.bind({"x": X, "b": B}, {})({})
    seen = observer.executables[0]
    assert isinstance(seen, BoundExecutable)
    assert isinstance(seen, SupportsProfile)
    assert not isinstance(seen, SupportsUnitTimes)
    assert (seen.profile(), seen.notes) == ({"runs so far": 1.0}, ("loaded with care",))


def test_an_observer_may_change_what_a_bound_run_gives(observer: Observer) -> None:
    observer.change = lambda made: {name: value + 1 for name, value in made.items()}
    y = np.zeros(4, np.float32)
    rest = able(False, binding=True).bind({"x": X}, {"y": y})({"b": B})
    assert (list(y), list(rest["z"])) == ([1, 3, 5, 7], [11, 12, 13, 14])


def test_a_backends_own_execute_runs_with_its_own_executable(way: tuple[Observer | None, bool]) -> None:
    executable = able(way[1], OWN, binding=True)
    assert list(executable.run({"x": X, "b": B})["y"]) == [100, 102, 104, 106]
    if way[1]:
        return
    y = np.zeros(4, np.float32)
    rest = executable.bind({"x": X}, {"y": y})({"b": B})
    assert (list(y), list(rest["z"])) == ([100, 102, 104, 106], [110, 111, 112, 113])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda made: {"z": made["z"]}, "nothing for output 'y'"),
        (lambda made: {**made, "y": made["y"][:2]}, r"float32 \[2\] for output 'y': the model says float32 \[4\]"),
        (lambda made: {**made, "y": made["y"].astype(np.float64)}, r"float64 \[4\] for output 'y'"),
    ],
)
def test_what_does_not_fit_its_buffer_is_refused(observer: Observer, change: Any, told: str) -> None:
    observer.change = change
    run = able(False, binding=True).bind({"x": X}, {"y": np.zeros(4, np.float32)})
    with pytest.raises(BackendBroken, match=told):
        run({"b": B})


TEXT = """
<ir_version: 9, opset_import: ["": 17]>
g (float[8] x, float[8] b) => (float[8] y) { s = Mul(x, x) t = Add(s, b) u = Relu(t) y = Sub(u, s) }
"""


def halves(apart: bool) -> Session:
    """The model as two segments of one backend that binds, as a plan would not cut it."""
    model = Model.load(onnx.parser.parse_model(TEXT))
    one = backend("qnn_cpu")
    one = isolated(one, HOST) if apart else one
    ids = [unit.id for unit in model.units]
    steps = []
    for number, (units, reads, writes) in enumerate([(ids[:2], ("x", "b"), ("s", "t")), (ids[2:], ("t", "s"), ("y",))]):
        compiled = compiled_by(one, model.slice(units, f"half-{number}"), HOST, one.options({}, HOST), "test")
        segment = Segment(number, one.name, "hardware", tuple(units), reads, writes, 1.0, 1.0)
        steps.append(Step(segment, watched(one, one.load(compiled, one.options({}, HOST))), reads, writes))
    segments = tuple(step.segment for step in steps)
    inputs, outputs = (TensorInfo("x", "tensor(float)", (8,)), TensorInfo("b", "tensor(float)", (8,))), model.outputs
    plan = Plan("m", "d", Request(), inputs, outputs, segments, (), (), {}, Predicted(1.0, 1.0, 0, 1.0, {}), ())
    return Session(plan, steps, model.tensors)


def test_a_real_backend_gives_the_same_and_shares_buffers(way: tuple[Observer | None, bool]) -> None:
    session = halves(way[1])
    assert session._wiring.frames.bound == (set() if way[1] else {"s", "t"})
    for seed in range(3):
        x, b = np.random.default_rng(seed).normal(size=(2, 8)).astype(np.float32)
        y = session.run({"x": x, "b": b})["y"]
        np.testing.assert_array_equal(y, np.maximum(x * x + b, 0) - x * x)
    assert all(isinstance(step.executable, SupportsUnitTimes) for step in session.steps)
    assert set(session.steps[0].executable.unit_times({"x": x, "b": b}, 2))  # type: ignore[attr-defined]
    if way[0] is not None:
        assert [set(made) for _, made in way[0].seen] == [{"s", "t"}, {"y"}] * 3
        np.testing.assert_array_equal(way[0].seen[-1][0]["s"], x * x)
    session.close()
