"""What a command may take of time, when it is told, and of memory, by the files that it is handed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import onnx
import pytest
from small import classifier
from zif.cli import allowance, deadline
from zif.errors import UsageError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the system neither counts nor wakes so")

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / "light_vgg19.onnx"
ENDLESS = """<ir_version: 10, opset_import: ["": 20]> g (float[1, 4] x, bool k) => (float[1, 4] y) {
    y = Loop ("", k, x) <body = t (int64 i, bool c, float[1, 4] s) => (bool d, float[1, 4] a)
    { d = Identity(c) a = Relu(s) }> }"""
GREEDY = """<ir_version: 10, opset_import: ["": 20]> g (float[1] x, int64[2] s) => (float[N, M] y) {
    e = Expand(x, s) y = Add(e, e) }"""


def zif(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TMPDIR": str(cwd), "ZIF_CACHE": str(cwd / "cache"), **environment}
    return subprocess.run(
        [sys.executable, "-m", "zif", *words], capture_output=True, text=True, cwd=cwd, env=environment
    )


@pytest.mark.parametrize("more", [("--only", "qnn_cpu"), ("--only", "reference"), ("--only", "qnn_cpu", "--isolate")])
def test_a_run_without_end_ends_by_its_deadline(tmp_path: Path, more: tuple[str, ...]) -> None:
    """In native code that does not come back, in Python, and in a worker, which is gone afterwards."""
    onnx.save(onnx.parser.parse_model(ENDLESS), tmp_path / "m.onnx")
    ended = zif("run", "m.onnx", "--random", "1", "--json", "--deadline", "1", *more, cwd=tmp_path)
    assert ended.returncode == 1, ended
    document = json.loads(ended.stdout)
    assert document["error"] == "DeadlinePassed"
    assert "--deadline" in ended.stderr
    assert "Traceback" not in ended.stderr
    time.sleep(0.2)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("zif-")] == []


def test_what_ends_before_is_not_disturbed(tmp_path: Path) -> None:
    classifier(tmp_path / "m.onnx")
    ended = zif("--deadline=600", "plan", "m.onnx", "--only", "reference", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "left", "seconds"),
    [
        (["run", "--deadline", "5", "m"], ["run", "m"], 5.0),
        (["--deadline=0.5", "run"], ["run"], 0.5),
        (["run", "--", "--deadline", "5"], ["run", "--", "--deadline", "5"], None),
        (["run"], ["run"], None),
    ],
)
def test_the_option_stands_anywhere(words: list[str], left: list[str], seconds: float | None) -> None:
    assert deadline.taken(words) == (left, seconds)


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "soon", "1e300"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="positive number of seconds"):
        deadline.taken(["run", "--deadline", text])


@pytest.mark.parametrize("backend", ["qnn_cpu", "reference"])
def test_a_small_file_does_not_fill_the_memory(tmp_path: Path, backend: str) -> None:
    onnx.save(onnx.parser.parse_model(GREEDY), tmp_path / "m.onnx")
    (tmp_path / "s.json").write_text("[30000, 30000]")
    words = ("run", "m.onnx", "--random", "0", "-i", "s=s.json", "--only", backend, "--json")
    ended = zif(*words, cwd=tmp_path)
    assert ended.returncode == 1, ended
    told: dict[str, Any] = json.loads(ended.stdout)
    assert told["error"] == "OutOfMemory"
    assert "ZIF_MAX_MEMORY" in told["message"]


def test_what_large_files_may_take_grows_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.onnx").touch()
    with (tmp_path / "weights.bin").open("wb") as file:
        file.truncate(1 << 30)
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr("resource.setrlimit", lambda _, limits: asked.append(limits))
    allowance.bound(["run", str(tmp_path / "m.onnx")])
    allowance.bound(["run", "m@host,qnn_cpu"])
    allowance.bound(["quantize", str(tmp_path / "m.onnx"), "--eval", "own.py"])
    allowance.bound(["targets"])
    (tmp_path / "m.tflite").touch()
    allowance.bound(["run", str(tmp_path / "m.tflite")])
    assert [soft for soft, _ in asked] == [200 << 30, 1536 << 20]


@pytest.mark.parametrize(
    ("limit", "words"),
    [("-n 8", "not open more than 8 files"), ("-v 300000", "`ulimit -v` raises that"), ("-Sn 8", "")],
)
def test_what_no_command_can_work_with_is_said_at_once(tmp_path: Path, limit: str, words: str) -> None:
    classifier(tmp_path / "m.onnx")
    line = f"ulimit {limit}; exec {sys.executable} -m zif run m.onnx --random 0 --only qnn_cpu"
    ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == (1 if words else 0), ended
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.skipif(not LIGHT.exists(), reason="this onnx brings no model whose weights are computed")
def test_a_backend_that_ran_out_of_it_says_how_to_have_more(tmp_path: Path) -> None:
    """9 KiB that stand for 550 MiB of weights: more than the compiler may take, and no mystery why it takes no part."""
    ended = zif("plan", str(LIGHT), "-t", "snapdragon-8-gen-3", "--json", cwd=tmp_path, ZIF_MAX_MEMORY="1200M")
    assert ended.returncode == 0, ended
    why = {row["name"]: row["reason"] for row in json.loads(ended.stdout)["candidates"]}
    assert "ZIF_MAX_MEMORY" in why["qnn_htp"]
