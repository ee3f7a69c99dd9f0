"""`zif quantize --accuracy-goal`: a model that meets the goal, every candidate in a file, or exit 1 and no model."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import zif
from transformer import sentences, transformer

JUDGE = """
import numpy as np

def largest(session):
    return float(abs(session.run({"x": np.load("data.npz")["x"][0]})["y"]).max())

def broken(session):
    return session.run({"q": 1})
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    onnx.save(transformer(), tmp_path / "net.onnx")
    np.savez(tmp_path / "data.npz", x=np.stack([sample["x"] for sample in sentences(12)]))
    (tmp_path / "judge.py").write_text(JUDGE)
    return tmp_path


def quantize(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zif", "quantize", "net.onnx", "-c", "data.npz", "-o", "q.onnx", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_model_the_encodings_and_every_candidate_are_written(folder: Path) -> None:
    goal = ("--accuracy-goal", "SQNR=24", "--method", "minmax", "--max-candidates", "50", "--json")
    done = quantize(folder, *goal)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["schema"], told["precision"], told["search"]["met"]) == ("zif.quantize/1", "mixed", True)
    chosen = told["search"]["chosen"]
    assert chosen["sqnr_db"] >= 24
    assert 0 < chosen["units"]["w8a16"] < 33
    rows = list(csv.DictReader((folder / "q.frontier.csv").open()))
    assert len(rows) == len(told["search"]["candidates"])
    units = {unit.id: unit.precision for unit in zif.Model.load(folder / "q.onnx").units}
    assert sum(units[name] == "int16" for name in chosen["levels"]) == chosen["units"]["w8a16"]
    assert (folder / "q.encodings.json").is_file()


def test_a_goal_out_of_reach_is_exit_1_and_no_model(folder: Path) -> None:
    goal = (
        "--accuracy-goal",
        "metric=1e6",
        "--eval",
        "judge.py:largest",
        "--method",
        "minmax",
        "--max-candidates",
        "3",
    )
    done = quantize(folder, *goal)
    assert done.returncode == 1, done.stderr
    assert "out of reach" in done.stdout
    assert "no model is written" in done.stderr
    assert not (folder / "q.onnx").exists()
    assert len((folder / "q.frontier.csv").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--accuracy-goal", "SQNR=high"], "write a number"),
        (["--accuracy-goal", "metric=0.9"], "needs the function"),
        (
            ["--accuracy-goal", "metric=1", "--eval", "judge.py:broken", "--method", "minmax"],
            "judge.py, line 8, in broken",
        ),
        (["--eval", "judge.py:largest"], "`zif eval` judges one model"),
        (["--accuracy-goal", "SQNR=30", "--precision", "w8a16"], "leave out --precision"),
        (["--accuracy-goal", "SQNR=30", "--cost", "latency", "--method", "minmax"], "take a target"),
        (["--accuracy-goal", "SQNR=30", "--sensitivity", "guess"], "target or reference"),
    ],
)
def test_wrong_input_is_one_paragraph(folder: Path, arguments: list[str], said: str) -> None:
    done = quantize(folder, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(folder.glob("q.*"))
