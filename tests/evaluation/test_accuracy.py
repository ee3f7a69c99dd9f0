"""`zif.evaluate`: a user's function judges a session; what it gets wrong is told with the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zif
from evaluation.nets import X, floats, quantized
from zif.evaluation.accuracy import score

SCRIPT = """
import numpy as np
from beside import X

def mean(session):
    return session.run({"x": X})["y"].mean()

def names(session):
    return len(session.inputs) == 1

def wrong(session):
    return session.run({"image": X})

def text(session):
    return "very good"

def nan(session):
    return float("nan")

def deep(session):
    return sum(helper(n) for n in (1, 0))

def helper(n):
    return 1 / n
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "beside.py").write_text(f"import numpy as np\nX = np.load({str(tmp_path / 'x.npy')!r})\n")
    path = tmp_path / "judge.py"
    path.write_text(SCRIPT)
    return path


def test_the_number_is_the_functions(script: Path) -> None:
    with zif.load(floats()) as session:
        expected = float(session.run({"x": X})["y"].mean())
    found = zif.evaluate(floats(), f"{script}:mean")
    assert found.value == pytest.approx(expected)
    assert (found.target, found.emulated) == ("host", ())
    assert found.to_json()["schema"] == "zif.eval/1"


def test_a_callable_an_open_session_and_a_truth_are_taken() -> None:
    with zif.load(quantized()) as session:
        assert zif.evaluate(session, lambda given: given is session).value == 1.0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("wrong", r"judge.py, line 12, in wrong: InvalidInput: .*session.run\(\{\"image\": X\}\)"),
        ("deep", r"judge.py, line 24, in helper: ZeroDivisionError: division by zero \(at: return 1 / n\)"),
        ("text", "returned str, not a number"),
        ("nan", "returned nan"),
        ("absent", "has no function 'absent'"),
    ],
)
def test_what_goes_wrong_is_told_with_its_line(script: Path, name: str, said: str) -> None:
    with pytest.raises(zif.UsageError, match=said):
        zif.evaluate(floats(), f"{script}:{name}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f(:\n  pass", "line 1: SyntaxError"),
        ("import nothing_like_it", "line 1, in <module>: ModuleNotF"),
    ],
)
def test_a_file_that_does_not_load_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(zif.UsageError, match=said):
        zif.evaluate(floats(), f"{tmp_path / 'bad.py'}:f")


@pytest.mark.parametrize("spec", ["judge.py", "none.py:f", "judge.txt:f", "judge.py:not a name"])
def test_a_spec_that_names_nothing_is_refused(spec: str) -> None:
    with pytest.raises(zif.UsageError, match="--eval"):
        zif.evaluate(floats(), spec)


@pytest.mark.parametrize(
    ("text", "good", "bad"), [("0.9", 0.9, 0.89), (">=0.9", 1.0, 0.5), ("<=0.1", 0.1, 0.2), ("-3", 0.0, -4.0)]
)
def test_goals(text: str, good: float, bad: float) -> None:
    goal = zif.Goal.parse(text)
    assert goal.met(good)
    assert not goal.met(bad)


@pytest.mark.parametrize("text", ["", "much", "0.9x", "nan", ">0.9", "1e999"])
def test_what_is_no_goal_is_refused(text: str) -> None:
    with pytest.raises(zif.UsageError, match="goal"):
        zif.Goal.parse(text)


def test_a_builtin_has_no_file_to_point_to() -> None:
    def fail(_: Any) -> float:
        raise RuntimeError("on fire")

    with zif.load(floats()) as session, pytest.raises(zif.UsageError, match="on fire"):
        score(fail, session)
    with zif.load(floats()) as session, pytest.raises(zif.UsageError, match="failed"):
        score(len, session)


def test_what_a_backend_raises_is_no_mistake_of_the_script() -> None:
    def crashed(session: Any) -> float:
        raise zif.BackendCrashed("it died with SIGSEGV")

    with pytest.raises(zif.BackendCrashed, match="SIGSEGV") as told:
        zif.evaluate(floats(), crashed)
    assert told.value.__notes__ == ["in the evaluation 'crashed'"]
