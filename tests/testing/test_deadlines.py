"""Times for the stages of a backend under test: how they are said, and what becomes of a stage that does not end."""

from __future__ import annotations

import os
import threading

import pytest
from zif.cli.deadline import taken
from zif.errors import UsageError
from zif.testing.deadlines import LIMITS, Watch, limits, sentence, told


def test_times_are_read_with_their_units() -> None:
    found = limits(["compile=10m", "run=1.5s", "load=2h", "convert=7"])
    assert found == {**LIMITS, "compile": 600, "run": 1.5, "load": 7200, "convert": 7}
    assert [told(seconds) for seconds in (7200, 600, 90, 1.5)] == ["2h", "10m", "90s", "1.5s"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("compil=10m", "no stage is called 'compil'. Did you mean 'compile'"),
        ("10m", "no stage is called '10m'"),
        ("run=soon", "write a time with its unit, such as run=10m"),
        ("run=0", "write a time"),
        ("run=-1s", "write a time"),
    ],
)
def test_what_is_no_time_is_refused(word: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        limits([word])
    assert said in str(caught.value)


def test_the_deadline_of_a_stage_is_not_that_of_the_command() -> None:
    words = ["check", "good", "--deadline", "compile=10m", "--deadline=run=5s", "--deadline", "60"]
    assert taken(words) == (["check", "good", "--deadline", "compile=10m", "--deadline", "run=5s"], 60.0)


@pytest.mark.parametrize("busy", [True, False])
def test_a_stage_that_does_not_end_is_told(busy: bool) -> None:
    said: list[str] = []
    over = threading.Event()
    watch = Watch({"compile": 0.5, "run": 600}, lambda how: (said.append(how), over.set()), os.getpid())  # type: ignore[func-returns-value]
    with watch.stage("run"), watch.stage("compile"):
        while busy and not over.is_set():
            pass
        over.wait()
    assert said[0].startswith("compile did not end within 0.5s")
    assert "`--deadline compile=2s` gives it more" in said[0]


def test_stages_that_end_are_not_told() -> None:
    said: list[str] = []
    watch = Watch({"run": 1.0, "compile": 1.0}, said.append, os.getpid())
    for _ in range(6):
        with watch.stage("compile"):
            threading.Event().wait(0.3)
    assert said == []
    assert "in which it did nothing" in sentence("load", 60, "idle")
