"""One backend behind typed methods: whose fault an error is, defaults, options, deadlines, observers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from backends.toy import ARTIFACT, HOST, Knobs, Runner, backend
from zif.backends import relay
from zif.backends.options import build_options, describe_options
from zif.errors import BackendBroken, StageFailed, Unsupported, UsageError
from zif.hookspecs import hookimpl
from zif.records import Certificate, Compiled, Converted


def test_stages_are_seen_and_not_claimed() -> None:
    assert backend().stages == ("capabilities", "load")
    assert backend(compile=lambda converted: ARTIFACT).stages == ("capabilities", "compile", "load")


def test_a_mistyped_or_missing_hook_is_the_plugins_fault() -> None:
    with pytest.raises(BackendBroken, match=r"zif-toy 0\.3.*unknown hook 'complie'"):
        backend(complie=lambda: None)
    bare = SimpleNamespace(capabilities=hookimpl(lambda: None))
    with pytest.raises(BackendBroken, match="lacks the required hook 'load'"):
        relay.build(bare, "x")
    with pytest.raises(BackendBroken, match="does not follow"):
        backend(load=lambda compiled, colour: None)


def test_what_a_stage_raises_is_labelled_and_chained() -> None:
    def broken(target: Any) -> Any:
        raise KeyError("weights")

    with pytest.raises(StageFailed, match=r"'toy' \(zif-toy 0.3\) failed in capabilities: 'weights'") as caught:
        backend(capabilities=broken).capabilities(HOST)
    assert isinstance(caught.value.__cause__, KeyError)


def test_our_own_errors_come_through_as_they_are() -> None:
    def refuse(model: Any) -> Any:
        raise Unsupported("no Softmax")

    with pytest.raises(Unsupported, match="no Softmax"):
        backend(convert=refuse).convert(None, HOST, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", [None, {"ops": []}, "yes"])
def test_an_answer_of_the_wrong_type_is_refused(answer: Any) -> None:
    with pytest.raises(BackendBroken, match="not zif.Capabilities"):
        backend(capabilities=lambda target: answer).capabilities(HOST)


def test_a_backend_that_sleeps_is_broken_after_the_deadline() -> None:
    with pytest.raises(BackendBroken, match="did not answer within 0.05 s"):
        backend(capabilities=lambda target: time.sleep(30)).capabilities(HOST, deadline=0.05)


def test_options_are_typed_and_refusals_list_what_is_known() -> None:
    one = backend()
    assert one.options({"threads": "4", "fast": "on", "limit": "2.5"}, HOST) == Knobs(4, True, "balanced", 2.5)
    for given, words in {
        "thread": "did you mean 'threads'",
        "mode": "possible: burst, balanced",
        "fast": "true or false",
        "threads": "whole number",
        "limit": "number",
    }.items():
        with pytest.raises(UsageError) as caught:
            one.options({given: "nonsense"}, HOST)
        assert words in str(caught.value).replace("Did", "did")
    with pytest.raises(UsageError, match="threads"):
        one.options({"threads": -1}, HOST)
    with pytest.raises(UsageError, match="whole number"):
        one.options({"threads": 1.5}, HOST)


def test_options_describe_themselves() -> None:
    rows = {row["name"]: row for row in describe_options(Knobs)}
    assert rows["threads"]["help"] == "how many threads; 0: all"
    assert rows["mode"]["type"] == "burst|balanced"
    assert build_options(Knobs, {}, "toy") == Knobs()


def test_an_artifact_carries_its_certificate_and_a_strangers_is_refused() -> None:
    one = backend()
    born = one.certify(ARTIFACT, "engine 1", HOST, Knobs(2)).certificate
    assert isinstance(born, Certificate)
    assert (born.backend, born.version, born.toolchain, born.target) == ("toy", "0.3", "engine 1", "host")
    assert born.options["threads"] == 2
    other = Compiled("onnx", {}, "m", (), (), certificate=Certificate("htp", "1", "", "host", {}, ""))
    with pytest.raises(BackendBroken, match="'htp' made"):
        one.load(other, Knobs())


def test_defaults_pass_the_model_through_and_execute_runs_it() -> None:
    model: Any = SimpleNamespace(
        proto=SimpleNamespace(SerializeToString=lambda: b"onnx"), inputs=(), outputs=(), external_files=dict
    )
    one = backend()
    converted = one.convert(model, HOST, None)
    assert isinstance(converted, Converted)
    assert one.compile(converted, HOST, None).files == {"model.onnx": b"onnx"}
    assert one.execute(one.load(ARTIFACT, Knobs()), {"x": 3}) == {"y": 3}


def test_load_without_run_is_refused() -> None:
    with pytest.raises(BackendBroken, match=r"has no run\(\)"):
        backend(load=lambda compiled: object()).load(ARTIFACT, None)


@pytest.fixture
def observer() -> Iterator[Any]:
    class Watch:
        seen: list[str] = []

        @hookimpl(wrapper=True)
        def execute(self, executable: Any) -> Any:
            self.seen.append("before")
            result = yield
            self.seen.append("after")
            return result

    watch = Watch()
    relay.observe(watch)
    yield watch
    relay.unobserve(watch)


def test_an_observer_sees_every_backend_also_those_opened_before(observer: Any) -> None:
    one = backend()
    assert relay.has_observer("execute")
    assert one.execute(Runner(), {"x": 1}) == {"y": 1}
    assert observer.seen == ["before", "after"]
    relay.unobserve(observer)
    one.execute(Runner(), {"x": 1})
    assert len(observer.seen) == 2


def test_an_observer_may_not_answer_for_a_backend() -> None:
    with pytest.raises(UsageError, match="wrapper=True"):
        relay.observe(SimpleNamespace(load=hookimpl(lambda compiled: Runner())))
