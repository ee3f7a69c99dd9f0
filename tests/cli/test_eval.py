"""`zif eval`: the number, the gate, and a script's mistake as one paragraph."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from evaluation.nets import floats

SCRIPT = """
def half(session):
    print("scored")
    return 0.5

def broken(session):
    return session.nothing
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("eval")
    onnx.save(floats(), made / "net.onnx")
    (made / "judge.py").write_text(SCRIPT)
    return made


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zif", "eval", "net.onnx", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("goal", "code"), [("0.5", 0), ("0.6", 1), ("<=0.4", 1), ("<=0.5", 0)])
def test_the_goal_decides_the_exit_code(folder: Path, goal: str, code: int) -> None:
    done = run(folder, "--eval", "judge.py:half", "--goal", goal, "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["value"], told["met"]) == (code, 0.5, not code)
    assert "scored" in done.stderr


def test_without_a_goal_it_only_tells(folder: Path) -> None:
    done = run(folder, "--eval", "judge.py:half")
    assert done.returncode == 0
    assert "0.5  net.onnx on host" in done.stdout
    assert "goal" not in done.stdout


def test_a_goal_that_is_empty_is_no_gate_that_passes(folder: Path) -> None:
    done = run(folder, "--eval", "judge.py:half", "--goal", "")
    assert done.returncode == 2
    assert "write a number" in done.stderr


def test_a_goal_that_is_met_is_told(folder: Path) -> None:
    assert "the goal is met: at least 0.4" in run(folder, "--eval", "judge.py:half", "--goal", "0.4").stdout


def test_a_mistake_in_the_script_is_one_paragraph(folder: Path) -> None:
    done = run(folder, "--eval", "judge.py:broken")
    assert done.returncode == 2
    assert "judge.py, line 7, in broken: AttributeError" in done.stderr
    assert "Traceback" not in done.stderr
