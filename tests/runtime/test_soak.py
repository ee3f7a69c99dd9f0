"""The soak by hand is twenty minutes (`make soak`); here a few seconds of it, and that it notices what it looks for."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest
import zif

from tools import soak, soak_many
from tools.soak import Reading


@pytest.mark.slow
def test_threads_shapes_and_killed_workers_give_right_numbers_or_typed_errors() -> None:
    with ExitStack() as stack:
        run = soak.Soak(soak.lanes(stack), seed=1)
        run.run(6, kill_every=0.5)
    assert run.wrong == []
    assert run.counts["here: right"] > 0
    assert any(count and name.startswith("in a worker") for name, count in run.counts.items())
    assert run.counts["workers killed"] > 0
    assert {name.partition(": ")[2] for name in run.counts} <= {"right", "BackendCrashed", ""}


def test_a_wrong_number_is_noticed() -> None:
    class Broken:
        def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {"y": np.tanh(np.maximum(inputs["x"], 0) @ soak.WEIGHTS) + 1e-3}

    lane = soak.Lane("broken", Broken(), 4, 1e-5)  # type: ignore[arg-type]
    assert soak._outcome(lane, np.ones((2, soak.WIDTH), np.float32))[0] == "wrong"


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (Reading(100, 20, 2), []),
        (Reading(115, 20, 2), ["memory"]),
        (Reading(100, 20, 2, worker=60), ["worker"]),
        (Reading(100, 60, 2), ["descriptors"]),
        (Reading(100, 20, 9), ["shared"]),
        (Reading(100, 20, 2, 60), ["threads"]),
    ],
)
def test_what_grows_is_noticed(last: Reading, told: list[str]) -> None:
    readings = [Reading(10, 5, 0)] * 10 + [Reading(100, 20, 2)] * 10 + [last] * 10
    assert [sentence.split()[0] for sentence in soak.grown(readings)] == told


def test_sessions_that_come_and_go_under_many_threads_give_right_numbers_or_typed_errors() -> None:
    with zif.Host(give_way=True, idle=0.5) as host:
        run = soak_many.Many(3, host)
        run.run(8, kill_every=3.0, threads=8)
        assert run.wrong == []
        assert host.sessions == ()
    assert sum(count for name, count in run.counts.items() if name.endswith(": right")) > 10


def test_nothing_is_left_of_a_host_that_is_killed() -> None:
    assert soak_many.killed(4.0, seed=1) == []


def test_a_session_that_is_wrong_is_noticed_among_many() -> None:
    class Broken:
        def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {"y": np.tanh(np.maximum(inputs["x"], 0) @ soak.WEIGHTS) + 1e-3}

    run = soak_many.Many(0, None)  # type: ignore[arg-type]
    run._once(soak_many.Place("broken", Broken()), np.random.default_rng(0))
    assert len(run.wrong) == 1
