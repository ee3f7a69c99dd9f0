"""Whose exception it is: a plugin's becomes an error that names it, a signal's reaches the host as it is."""

from __future__ import annotations

import functools
import signal
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from backends.toy import ARTIFACT, HOST, Runner, backend
from runtime.made_up import Plain, X, info, session, step
from zif.backends.blame import blaming, from_signal
from zif.errors import BackendBroken, StageFailed, UsageError, ZifError
from zif.records import Capabilities, Compiled, Converted, NoOptions, TensorInfo, Verdict


class Odd(BaseException):
    """As a Rust extension's panic is."""


class Silent(Exception):
    def __str__(self) -> str:
        raise RuntimeError


RAISED: list[tuple[BaseException, str]] = [
    (SystemExit(0), r"it called for the end of the process \(SystemExit: 0\)"),
    (SystemExit("bye"), r"SystemExit: bye"),
    (KeyboardInterrupt(), "KeyboardInterrupt, though nobody interrupted it"),
    (GeneratorExit(), "GeneratorExit"),
    (Odd("index out of bounds"), "Odd: index out of bounds"),
    (MemoryError(), "ran out of memory"),
    (RecursionError("too deep"), "RecursionError: too deep"),
    (ImportError("no libQnnHtp.so"), "ImportError: no libQnnHtp.so"),
    (RuntimeError(), "RuntimeError"),
    (Silent(), "Silent"),
]


def raising(error: BaseException) -> Callable[..., Any]:
    def run(**_: Any) -> Any:
        raise error

    return run


@pytest.mark.parametrize(("error", "words"), RAISED, ids=[type(error).__name__ for error, _ in RAISED])
def test_what_a_plugin_raises_names_it_in_every_stage(error: BaseException, words: str) -> None:
    def fail(target: Any = None) -> Any:
        raise error

    stages: dict[str, Callable[[], Any]] = {
        "capabilities": lambda: backend(capabilities=fail).capabilities(HOST),
        "convert": lambda: backend(convert=lambda model: fail()).convert(None, HOST, None),  # type: ignore[arg-type]
        "compile": lambda: backend(compile=lambda converted: fail()).compile(None, HOST, None),  # type: ignore[arg-type]
        "load": lambda: backend(load=lambda compiled: fail()).load(ARTIFACT, None),
        "execute": lambda: backend(execute=lambda executable: fail()).execute(Runner(), {}),
    }
    for stage, call in stages.items():
        with pytest.raises(StageFailed, match=rf"'toy' \(zif-toy 0.3\) failed in {stage}: .*{words}") as caught:
            call()
        assert caught.value.__cause__ is error


@pytest.mark.parametrize(("error", "words"), RAISED, ids=[type(error).__name__ for error, _ in RAISED])
@pytest.mark.parametrize("count", [1, 2])
def test_what_a_run_raises_names_the_segment(error: BaseException, words: str, count: int) -> None:
    steps = [step(0, Plain(raising(error)), "x", "a"), step(1, Plain(lambda a: {"y": a + 1}), "a", "y")][:count]
    one = session(steps, [info("x", 4)], [info("a" if count == 1 else "y", 4)])
    with pytest.raises(StageFailed, match=rf"segment 0: backend 'b0' failed to run: .*{words}"):
        one.run({"x": X})


@pytest.mark.parametrize("error", [error for error, _ in RAISED], ids=[type(error).__name__ for error, _ in RAISED])
def test_a_close_that_raises_is_an_event_and_the_others_are_closed(error: BaseException) -> None:
    class Stuck(Plain):
        def close(self) -> None:
            super().close()
            raise error

    executables = [kind(lambda **given: {}) for kind in (Plain, Stuck, Plain, Stuck, Plain)]
    steps = [step(number, one, f"t{number}", f"t{number + 1}") for number, one in enumerate(executables)]
    with session(steps, [info("t0", 4)], [info("t5", 4)]) as one:
        pass
    assert [executable.closed for executable in executables] == [1] * 5
    assert [(event.kind, event.segment) for event in one.events] == [("close", 1), ("close", 3)]
    assert all("'b1'" in event.text and "failed in close" in event.text for event in one.events)


def quit_by_signal(*_: Any) -> None:
    raise SystemExit(143)


class Handler:
    def method(self, *_: Any) -> None:
        raise TimeoutError("the host's own alarm")

    def __call__(self, *_: Any) -> None:
        raise KeyboardInterrupt


@pytest.fixture
def restored() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        (quit_by_signal, SystemExit),
        (functools.partial(quit_by_signal), SystemExit),
        (Handler().method, TimeoutError),
        (Handler(), KeyboardInterrupt),
    ],
    ids=["function", "partial", "method", "object"],
)
def test_what_the_hosts_handler_of_a_signal_raises_reaches_the_host(handler: Any, kind: type[BaseException]) -> None:
    signal.signal(signal.SIGTERM, handler)

    def interrupted(**_: Any) -> Any:
        signal.raise_signal(signal.SIGTERM)
        return {"y": X}

    with pytest.raises(kind):
        session([step(0, Plain(interrupted), "x", "y")], [info("x", 4)], [info("y", 4)]).run({"x": X})
    with pytest.raises(kind):
        backend(load=lambda compiled: interrupted()).load(ARTIFACT, None)


def test_ctrl_c_in_a_plugins_code_is_the_users() -> None:
    def interrupted(**_: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return {"y": X}

    with pytest.raises(KeyboardInterrupt):
        session([step(0, Plain(interrupted), "x", "y")], [info("x", 4)], [info("y", 4)]).run({"x": X})


def test_in_another_thread_no_signal_is_handled() -> None:
    seen: list[bool] = []

    def work() -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            seen.append(from_signal(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


def test_errors_of_zifs_own_come_through() -> None:
    with pytest.raises(UsageError, match="as it is"), blaming("backend 'x'", "load"):
        raise UsageError("as it is")
    with (
        pytest.raises(BackendBroken, match="backend 'x' failed in load: no"),
        blaming("backend 'x'", "load", BackendBroken),
    ):
        raise ValueError("no")


GOOD = Capabilities("cpu")
MALFORMED: list[tuple[str, Any, str]] = [
    ("processor", "tpu", "npu or gpu or cpu"),
    ("kind", None, "hardware or emulator"),
    ("available", "yes", "true or false"),
    ("reason", None, "text"),
    ("ops", [1], "zif.OpClaim"),
    ("max_tensor_bytes", "1 GB", "a number of bytes or None"),
    ("power_efficiency", float("nan"), "a number from 0 to 1"),
    ("power_efficiency", 2, "a number from 0 to 1"),
    ("rates", {}, "zif.Rates or None"),
    ("options", dict, "an attrs class"),
    ("options", NoOptions(), "an attrs class"),
    ("verdicts", [Verdict(True)], "a mapping of names to zif.Verdict"),
    ("verdicts", {"relu": True}, "a mapping of names to zif.Verdict"),
    ("notes", "a sentence", "a tuple of texts"),
    ("label", 5, "text"),
    ("quantization", {"fused": ()}, "zif.plugin.QuantizationRules or None"),
]


@pytest.mark.parametrize(("name", "value", "words"), MALFORMED)
def test_capabilities_are_what_the_contract_says(name: str, value: Any, words: str) -> None:
    answer = attrs.evolve(GOOD, **{name: value})
    with pytest.raises(BackendBroken) as caught:
        backend(capabilities=lambda target: answer).capabilities(HOST)
    for word in ("'toy' (zif-toy 0.3)", name, words):
        assert word in str(caught.value)


def test_artifacts_are_what_the_contract_says() -> None:
    for changed, words in (
        ({"files": {"m": "text"}}, "bytes or paths"),
        ({"files": ["m"]}, "bytes or paths"),
        ({"main": "other"}, "none of its files"),
        ({"outputs": ("y",)}, "zif.TensorInfo"),
        ({"notes": None}, "a tuple of texts"),
    ):
        made = attrs.evolve(ARTIFACT, **changed)
        with pytest.raises(BackendBroken, match=words):
            backend(compile=lambda converted, made=made: made).compile(None, HOST, None)  # type: ignore[arg-type]
    odd = Converted("onnx", None, (), (TensorInfo("y"),), notes=(1,))  # type: ignore[arg-type]
    with pytest.raises(BackendBroken, match="Converted whose notes"):
        backend(convert=lambda model: odd).convert(None, HOST, None)  # type: ignore[arg-type]
    assert isinstance(backend(compile=lambda converted: ARTIFACT).compile(None, HOST, None), Compiled)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("loaded", "words"),
    [
        (None, "has no run"),
        (SimpleNamespace(run=1, close=print), "has no run"),
        (SimpleNamespace(run=print), "has no close"),
        (SimpleNamespace(run=print, close=print, notes="a note"), "notes are 'a note', not sentences"),
        (SimpleNamespace(run=print, close=print, notes=[1]), "not sentences"),
        (SimpleNamespace(run=print, close=print, notes=5), "failed in load"),
    ],
)
def test_what_is_loaded_is_what_the_contract_says(loaded: Any, words: str) -> None:
    with pytest.raises(BackendBroken, match=words):
        backend(load=lambda compiled: loaded).load(ARTIFACT, None)


@attrs.frozen
class Picky:
    level: int = attrs.field(default=0)

    @level.validator
    def _check(self, _: Any, value: int) -> None:
        raise {1: SystemExit(0), 2: KeyboardInterrupt(), 3: KeyError("x"), 4: ValueError("at most 3")}.get(
            value, MemoryError()
        )


@pytest.mark.parametrize(("level", "kind"), [(1, StageFailed), (2, StageFailed), (3, StageFailed), (4, UsageError)])
def test_a_validator_of_options_that_fails_names_the_backend(level: int, kind: type[ZifError]) -> None:
    with pytest.raises(kind, match="toy"):
        backend(capabilities=lambda target: Capabilities("cpu", options=Picky)).options({"level": level}, HOST)
