"""Sessions in the lives that host processes have: forked, spawned, embedded, ended while a run is on its way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from dropin.small_models import product

START = """
import os, sys, threading, time
import numpy as np
X = np.arange(1, 7, dtype=np.float32).reshape(3, 2)
"""


def run(folder: Path, code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A Python of its own on a file with this code, `product.onnx` beside it."""
    onnx.save(product(), folder / "product.onnx")
    (folder / "app.py").write_text(START + code)
    command = [sys.executable, *words, str(folder / "app.py")]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_forked_child_runs_the_parents_session(tmp_path: Path, threads: int) -> None:
    code = f"""
import zif.ort as onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = {threads}
session = onnxruntime.InferenceSession("product.onnx", options)
session.run(None, {{"X": X}})
pids = []
for n in range(2):
    pid = os.fork()
    if not pid:
        right = (session.run(None, {{"X": X * n}})[0] == X * X * n).all()
        over = threading.Event()
        session.run_async(None, {{"X": X}}, lambda *_: over.set())
        os._exit(0 if right and over.wait(60) else 1)
    pids.append(pid)
print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids])
print((session.run(None, {{"X": X}})[0] == X * X).all())
"""
    assert said(run(tmp_path, code)) == ["[0, 0]", "True"]


def test_a_spawned_child_of_an_application_gets_zif_too(tmp_path: Path) -> None:
    code = """
import multiprocessing
import onnxruntime

def work(n):
    session = onnxruntime.InferenceSession("product.onnx")
    return type(session).__module__, float(session.run(None, {"X": X * n})[0].sum())

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(pool.map(work, [1, 2]))
"""
    answer = "[('zif.runtime.dropin.inference', 91.0), ('zif.runtime.dropin.inference', 182.0)]"
    assert said(run(tmp_path, code, "-m", "zif.ort")) == [answer]


def test_a_host_that_embeds_python_has_no_main_module(tmp_path: Path) -> None:
    code = """
del sys.modules["__main__"]
import zif
with zif.load("product.onnx", isolate=True, cache=False) as session:
    print((session.run({"X": X})["Y"] == X * X).all(), (session.run_async({"X": X}).result(60)["Y"] == X * X).all())
import zif.ort
print(zif.ort.InferenceSession("product.onnx").run(None, {"X": X})[0].sum())
"""
    assert said(run(tmp_path, code)) == ["True True", "91.0"]


def test_the_interpreter_ends_with_runs_on_their_way(tmp_path: Path) -> None:
    """Those that wait are made or not; the process ends by itself, without a word on stderr."""
    code = """
import zif
session = zif.load("product.onnx", isolate=len(sys.argv) > 1, cache=False)
runs = [session.run_async({"X": X}, deadline=60) for _ in range(10)]
print(len(runs))
"""
    done = run(tmp_path, code)
    assert said(done) == ["10"]
    assert done.stderr == ""


def test_the_interpreter_ends_while_a_worker_computes(tmp_path: Path) -> None:
    code = """
import zif
session = zif.load("product.onnx", isolate=True, cache=False)
for _ in range(10):
    session.run_async({"X": X})
print("end")
"""
    done = run(tmp_path, code)
    assert said(done) == ["end"]
    assert done.stderr == ""


def test_a_spawned_child_that_loads_for_itself(tmp_path: Path) -> None:
    code = """
import multiprocessing
import zif

def work(n):
    with zif.load("product.onnx", cache=False) as session:
        return float(session.run({"X": X * n})["Y"].sum())

if __name__ == "__main__":
    with zif.load("product.onnx", cache=False), multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(work, [1, 2]))
"""
    assert said(run(tmp_path, code)) == ["[91.0, 182.0]"]
