"""start="cpu": answers at once, the switch between two runs, what is said of it, and what can go wrong beside it."""

from __future__ import annotations

import gc
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zif
from broken import BREAKING, JUDGE, save
from fakes import COMPILING, GOOD, Site
from onnx import TensorProto, helper
from runtime.made_up import Plain, X, info, session, soon, step
from zif.errors import Unsupported, UsageError
from zif.runtime.session import Session
from zif.runtime.started import Starting

WAIT = 120.0


def chain(*shape: int) -> Any:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape or [4]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"], "neg")], "g", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def one(factor: float, executable: Plain | None = None) -> Session:
    made = executable or Plain(lambda x: {"y": x * factor})
    return session([step(0, made, "x", "y")], [info("x", 4)], [info("y", 4)])


def starting(first: Session, make: Any, samples: Any = ({"x": X},)) -> Starting:
    first.starting = Starting(first, make, samples)
    return first.starting


def test_on_an_emulator_the_first_runs_come_from_the_cpu_and_the_later_ones_from_the_target() -> None:
    with zif.load(chain(1, 8), "snapdragon-8-gen-3", pin={"*": "qnn_htp"}, start="cpu") as run:
        assert run.plan.backends == ("qnn_cpu",)
        assert [event.kind for event in run.events] == ["started"]
        x = np.linspace(-1, 1, 8, dtype=np.float32)[None]
        seen, stop = list[Any](), threading.Event()

        def work() -> None:
            while not stop.is_set():
                seen.append(run.run({"x": x})["y"])

        thread = threading.Thread(target=work)
        thread.start()
        assert run.starting is not None
        assert run.starting.wait(WAIT)
        stop.set()
        thread.join()
        assert run.plan.backends == ("qnn_htp",)
        seen.append(run.run({"x": x})["y"])
        for made in seen:
            np.testing.assert_allclose(made, -x, atol=2e-3)
        told = run.events[-1]
        assert (told.kind, told.backend) == ("switched", "qnn_htp")
        assert "switched from qnn_cpu to qnn_htp after" in told.text
        assert "dB SQNR, at most" in told.text or "is the same" in told.text
        (figures,) = run.starting.figures.values()
        assert figures.sqnr_db > 50
        assert run.starting.state == "switched"
        assert run.starting.seconds > 0


def test_a_run_that_is_under_way_ends_on_the_old_steps_and_only_then_are_they_closed() -> None:
    inside, go = threading.Event(), threading.Event()

    def slowly(x: Any) -> Any:
        inside.set()
        assert go.wait(WAIT)
        return {"y": x + 1}

    old, new = Plain(slowly), Plain(lambda x: {"y": x + 2})
    run, made = one(0, old), list[Any]()
    thread = threading.Thread(target=lambda: made.append(run.run({"x": X})["y"]))
    thread.start()
    assert inside.wait(WAIT)
    run.adopt(one(0, new))
    np.testing.assert_array_equal(run.run({"x": X})["y"], X + 2)
    assert old.closed == 0
    go.set()
    thread.join()
    gc.collect()
    np.testing.assert_array_equal(made[0], X + 1)
    assert soon(lambda: (old.closed, new.closed) == (1, 0))
    run.close()
    assert (old.closed, new.closed) == (1, 1)


def test_where_compiling_fails_the_session_stays_and_says_why() -> None:
    def make(_: Any) -> Any:
        raise Unsupported("no backend takes the unit 'odd'")

    with one(2) as run:
        beside = starting(run, make)
        assert beside.wait(WAIT)
        assert beside.state == "stayed"
        assert isinstance(beside.error, Unsupported)
        assert run.events[-1].kind == "stayed"
        assert "no backend takes the unit 'odd'" in run.events[-1].text
        np.testing.assert_array_equal(run.run({"x": X})["y"], X * 2)


def test_what_is_no_error_of_zif_is_told_as_one() -> None:
    def make(_: Any) -> Any:
        raise KeyError("odd")

    with one(2) as run:
        beside = starting(run, make)
        assert beside.wait(WAIT)
        assert isinstance(beside.error, zif.StageFailed)


def test_closing_while_it_compiles_ends_at_the_next_step() -> None:
    inside, go, after = threading.Event(), threading.Event(), list[str]()

    def make(told: Any) -> Any:
        inside.set()
        assert go.wait(WAIT)
        told("the next step")
        after.append("went on")

    run = one(2)
    beside = starting(run, make)
    assert inside.wait(WAIT)
    run.close()
    assert beside.state == "closed"
    assert beside.wait(0)
    go.set()
    beside._thread.join(WAIT)
    assert not beside._thread.is_alive()
    assert after == []
    with pytest.raises(UsageError, match="closed"):
        run.run({"x": X})


def test_what_was_made_for_a_session_that_was_closed_is_closed_too() -> None:
    target = Plain(lambda x: {"y": x})
    run, inside, go = one(1), threading.Event(), threading.Event()

    def make(_: Any) -> Any:
        inside.set()
        assert go.wait(WAIT)
        return one(1, target), zif.Model.load(chain())

    beside = starting(run, make)
    assert inside.wait(WAIT)
    run.close()
    go.set()
    beside._thread.join(WAIT)
    assert target.closed == 1


def test_a_session_that_is_forgotten_is_compiled_for_no_longer() -> None:
    go, said = threading.Event(), list[str]()

    def make(told: Any) -> Any:
        assert go.wait(WAIT)
        told("on")
        said.append("went on")

    run = one(1)
    thread = starting(run, make)._thread
    del run
    gc.collect()
    go.set()
    thread.join(WAIT)
    assert said == []


@pytest.mark.parametrize(
    ("wishes", "kind"),
    [
        ({"start": "gpu"}, UsageError),
        ({"start": "cpu", "only": ["nobody"]}, zif.BackendNotFound),
        ({"start": "cpu", "target": "snapdragon-9000"}, UsageError),
        ({"start": "cpu", "policy": "quick"}, UsageError),
        ({"start": "cpu", "shapes": {"z": [1]}}, UsageError),
        ({"start": "cpu", "verify": "well"}, UsageError),
    ],
)
def test_what_is_wrong_in_the_call_is_told_at_once(wishes: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        zif.load(chain(), **wishes)


def test_no_bundle_starts_on_the_cpu(tmp_path: Path) -> None:
    zif.compile(chain(), tmp_path / "m.zif", verify=False)
    with pytest.raises(UsageError, match="'start'"):
        zif.load(tmp_path / "m.zif", start="cpu")


def test_a_file_that_is_no_model_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.raises(zif.InvalidModel):
        zif.load(tmp_path / "m.onnx", start="cpu")


CODE = """
import json, zif, numpy as np
run = zif.load({path!r}, start="cpu", **{wishes!r})
x = np.ones((2, 8), np.float32)
first = run.plan.backends[0], run.run({{"x": x}})["y"].tolist()
run.starting.wait()
last = run.plan.backends[0], run.run({{"x": x}})["y"].tolist()
print(json.dumps([first, last, run.starting.state, [[e.kind, e.text] for e in run.events]]))
{end}
"""


def ran(site: Site, path: Path, end: str = "run.close()", **wishes: Any) -> Any:
    made = site.python(CODE.format(path=str(path), wishes=wishes, end=end))
    assert made.code == 0, made.err
    return json.loads(made.out.splitlines()[-1])


@pytest.mark.parametrize(("broken", "state"), [("False", "switched"), ("node.op_type == 'Neg'", "stayed")])
def test_what_a_judge_finds_wrong_is_not_switched_to(tmp_path: Path, broken: str, state: str) -> None:
    site = Site(tmp_path / "site")
    site.add("judge", GOOD + JUDGE, COST=50.0)
    site.add("npu", COMPILING + BREAKING, BROKEN=broken, COST=0.1)
    first, last, ended, events = ran(site, save(tmp_path / "m.onnx"))
    assert first[0] == "judge"
    assert ended == state
    assert last[0] == ("npu" if state == "switched" else "judge")
    np.testing.assert_allclose(first[1], last[1], rtol=1e-5)
    assert [kind for kind, _ in events] == ["started", state]
    assert state == "switched" or "dB" in events[-1][1]


def test_what_the_starting_backend_should_not_run_leaves_it_before_anything_is_compiled(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    site.add("able", GOOD, OPS=frozenset({"Relu", "MatMul", "Tanh", "Abs"}), COST=0.1)
    site.add("judge", GOOD + JUDGE, COST=50.0)
    first, last, ended, events = ran(site, save(tmp_path / "m.onnx"))
    assert first[0] == "able"
    assert ended == "switched"
    np.testing.assert_allclose(first[1], last[1], rtol=1e-5)
    assert [kind for kind, _ in events] == ["started", "replan", "switched"]
    assert events[1][1] == "moved off able: n (does not have Neg)"


def test_the_interpreter_ends_while_it_compiles(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    site.add("judge", GOOD + JUDGE, COST=50.0)
    never = "\n@hookimpl\ndef compile(converted):\n    import time\n    time.sleep(3600)\n"
    site.add("npu", GOOD + never, COST=0.1)
    code = f"""
    import zif, numpy as np
    run = zif.load({str(save(tmp_path / "m.onnx"))!r}, start="cpu", isolate=True)
    print(run.run({{"x": np.ones((2, 8), np.float32)}})["y"].shape, run.starting.state)
    """
    made = site.python(code)
    assert (made.code, made.out) == (0, "(2, 8) compiling\n"), made.err
    assert "Traceback" not in made.err


def test_before_the_first_run_nothing_is_imported_that_plans_or_starts_workers(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    site.add("able", GOOD, OPS=frozenset({"Relu", "MatMul", "Tanh", "Abs", "Neg"}), COST=0.1)
    code = f"""
    import sys, zif, numpy as np, zif.runtime.started.load as loading
    loading.Starting = lambda *_: None  # nothing goes on beside it
    run = zif.load({str(save(tmp_path / "m.onnx"))!r}, start="cpu")
    run.run({{"x": np.ones((2, 8), np.float32)}})
    later = ("zif.model.model", "zif.planning.planner", "zif.backends.isolation", "zif.runtime.build", "zif.verdicts")
    print([name for name in later if name in sys.modules])
    """
    site.python(code)  # tries the plugin, in a worker
    made = site.python(code)
    assert (made.code, made.out) == (0, "[]\n"), made.err
