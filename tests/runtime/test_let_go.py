"""What failures let go of: arrays and models go with the error, not when the garbage collector looks."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import zif
from runtime.made_up import Bindable, Plain, X, info, session, soon, step
from zif.backends import relay
from zif.backends.backend import Backend
from zif.backends.deadline import within
from zif.runtime.session import Session

WAYS: dict[str, Callable[[Session, Any], Any]] = {
    "run": lambda made, x: made.run({"x": x}),
    "traced": lambda made, x: made.run({"x": x}, trace=[]),
    "asynchronous": lambda made, x: made.run_async({"x": x}).result(),
    "bound": lambda made, x: made.bind({"x": x})(),
    "pipeline": lambda made, x: next(made.map([{"x": x}])),
    "stream": lambda made, x: made.stream({"x": "y"}, initial={"x": x}).run(),
}


@pytest.fixture(autouse=True)
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def failing(x: Any) -> Any:
    raise RuntimeError("the device is on fire")


@pytest.mark.parametrize("segments", [1, 2])
@pytest.mark.parametrize("way", WAYS)
def test_arrays_of_a_run_that_failed(way: str, segments: int) -> None:
    steps = [step(0, Plain(lambda x: {"h": x + 1}), "x", "h"), step(1, Plain(lambda h: failing(h)), "h", "y")]
    made = session(steps if segments == 2 else [step(0, Bindable(failing), "x", "y")], [info("x", 4)], [info("y", 4)])
    x = X.copy()
    there = weakref.ref(x)
    with pytest.raises(zif.StageFailed, match="on fire"):
        WAYS[way](made, x)
    del x
    assert soon(lambda: there() is None, 5.0)  # a thread that made the run may still be on its way out


def test_the_model_that_a_closed_session_would_load_again() -> None:
    made, model = session([step(0, Plain(lambda x: {"y": x}), "x", "y")], [info("x", 4)], [info("y", 4)]), X.copy()
    made.reload = partial(lambda _: made, model)
    there = weakref.ref(model)
    del model
    made.close()
    assert there() is None


def test_what_an_answer_within_a_deadline_failed_with() -> None:
    x = X.copy()
    there = weakref.ref(x)

    with pytest.raises(RuntimeError):
        within(60.0, partial(failing, x), "it")
    del x
    assert there() is None


class Files(dict[str, bytes]):
    """Files of an artifact that say when they are gone."""


class Burning:
    """A plugin that opens nothing."""

    @zif.hookimpl
    def capabilities(self) -> zif.Capabilities:
        return zif.Capabilities()

    @zif.hookimpl
    def load(self, compiled: Any) -> Any:
        raise RuntimeError(f"the device is on fire: {compiled.main}")


def test_what_a_stage_failed_on() -> None:
    backend = Backend(zif.Installed("burning", "acme", "1", "acme"), relay.build(Burning(), "burning"))
    files = Files(model=b"a large one")
    there = weakref.ref(files)
    with pytest.raises(zif.StageFailed, match="on fire"):
        backend.load(zif.Compiled("onnx", files, "model", (), ()), None)
    del files
    assert there() is None
