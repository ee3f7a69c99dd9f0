"""The thirty things that the README lists, each done as a newcomer would: in the folder that its example makes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from docs.pages import Line, table_lines
from docs.typed import unknown
from zif_qnn_runtime import status

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
TASKS = [
    (int(number), what, line, page)
    for number, what, line, page in table_lines(README, r"^\| (\d+) \| (.+?) \| `(.+?)` \| .*\]\((.+?)\) \|$")
]
#: Quick ones: they only read and plan. The others compile, emulate or measure.
QUICK = {2, 3, 6, 11, 12, 14, 15, 16, 23, 28, 29}
#: What a task needs that another one makes.
AFTER = {19: 18}


def test_there_are_thirty_each_with_a_page_that_is_there() -> None:
    assert [number for number, *_ in TASKS] == list(range(1, 31))
    for _, _, line, page in TASKS:
        assert (ROOT / page.split("#")[0]).is_file(), page
        assert unknown(Line(line, frozenset({0}))) == [], line
    assert len(README.read_text().splitlines()) <= 120
    tables = re.findall(r"^\|[-| ]+\|$", README.read_text(), re.MULTILINE)
    assert len(tables) == 1, "one table is enough"


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the example makes; tasks build upon each other's files in it, as a newcomer's would."""
    folder = tmp_path_factory.mktemp("newcomer")
    _done(folder, f"{sys.executable} {ROOT / 'examples' / 'newcomer.py'} .")
    return folder


def _done(folder: Path, line: str) -> str:
    env = os.environ | {"ZIF_CACHE": str(folder / "cache"), "ZIF_DATA": str(folder / "own"), "COLUMNS": "160"}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    done = subprocess.run(["bash", "-c", line], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize(
    ("number", "line"),
    [
        pytest.param(number, line, id=f"{number}", marks=() if number in QUICK else pytest.mark.slow)
        for number, _, line, _ in TASKS
    ],
)
def test_a_newcomer_does_it(ground: Path, number: int, line: str) -> None:
    if not status("htp").available and ("snapdragon" in line or "sa8295p" in line):
        pytest.skip(status("htp").reason)
    for other in (AFTER[number],) if number in AFTER else ():
        if not (ground / "model.zif").exists():
            _done(ground, TASKS[other - 1][2])
    if number == 18:
        shutil.rmtree(ground / "model.zif", ignore_errors=True)
    if number == 12 and not (ground / "new.json").exists():
        _done(ground, TASKS[10][2])
    if number == 24:  # the example has made one, for those who come later
        (ground / "quantized.onnx").unlink(missing_ok=True)
    assert _done(ground, line) or ">" in line
    made = {
        4: "plan.html",
        11: "new.json",
        15: "out/scores.npy",
        18: "model.zif/context_binaries",
        24: "quantized.onnx",
    }
    made |= {25: "q.onnx", 29: "zif-my-npu/pyproject.toml"}
    if number in made:
        assert (ground / made[number]).exists()
