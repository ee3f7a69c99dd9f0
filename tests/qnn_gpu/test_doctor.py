"""`zif doctor` on machines that lack something: the right sentence each time, and never a crash."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnx
import pytest
from qnn_gpu.graphs import convolutions
from zif_qnn_gpu.report import LABEL
from zif_qnn_runtime import host_kind, libraries

pytestmark = pytest.mark.skipif(host_kind() == "hardware", reason="needs a machine without an Adreno GPU")


def command(*words: str, **environment: str) -> Any:
    """The document that `zif WORDS --json` prints in a fresh process."""
    kept = {key: value for key, value in os.environ.items() if key != libraries.SDK_VARIABLE}
    call = [sys.executable, "-m", "zif", *words, "--json"]
    done = subprocess.run(call, capture_output=True, text=True, env=kept | environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout)


def doctor(**environment: str) -> dict[str, dict[str, Any]]:
    """What it says of each backend, by name."""
    return {row["name"]: row for row in command("doctor", **environment)["backends"]}


@pytest.fixture
def no_wheel(tmp_path: Path) -> str:
    """A PYTHONPATH on which onnxruntime-qnn cannot be imported, in workers as well."""
    folder = tmp_path / "path" / "onnxruntime_qnn"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('not here')\n")
    return str(folder.parent)


@pytest.fixture
def sdk(tmp_path: Path) -> Path:
    """The library folder of an SDK that is there, and empty."""
    folders = libraries._SDK_FOLDERS.get((sys.platform, libraries.machine()))
    if folders is None:
        pytest.skip("no QNN SDK exists for this machine")
    folder = tmp_path / "lib" / folders[0]
    folder.mkdir(parents=True)
    return folder


def about(row: dict[str, Any]) -> str:
    return " ".join((row["reason"], *row["notes"]))


def test_without_adreno_it_says_what_is_looked_for_and_what_would_change_it(tmp_path: Path) -> None:
    row = doctor(PATH=str(Path(sys.executable).parent))["qnn_gpu"]
    assert (row["available"], row["kind"], row["label"]) == (True, "emulator", LABEL)
    if libraries.wheel_folder() is None:
        pytest.skip("onnxruntime-qnn is not installed")
    assert "OpenCL driver of an Adreno GPU" in about(row)
    if libraries.machine() == "x86_64":
        assert "aoc, oqclc" in about(row)
    assert "run on a Snapdragon with its GPU driver" in about(row)


def test_a_fake_sdk_root_is_told_of_and_passed_over() -> None:
    rows = doctor(QNN_SDK_ROOT="/no/such/sdk")
    for name in ("qnn_gpu", "qnn_htp"):
        assert "QNN_SDK_ROOT=/no/such/sdk is no QNN SDK for this machine" in about(rows[name]), name
    assert rows["qnn_cpu"]["available"]


def test_a_broken_library_is_named_with_its_cure(sdk: Path) -> None:
    for stem in ("QnnGpu", "QnnHtp", "QnnCpu"):
        (sdk / libraries.file_name(stem)).write_bytes(b"no library at all")
    rows = doctor(QNN_SDK_ROOT=str(sdk.parents[1]))
    assert rows["qnn_gpu"]["available"]  # the emulator does not need it
    for name in ("qnn_gpu", "qnn_htp"):
        assert "cannot be loaded" in about(rows[name])
        assert "unset QNN_SDK_ROOT to use the wheel's library" in about(rows[name])
    assert not rows["qnn_htp"]["available"]


def test_a_library_that_crashes_takes_nobody_down(sdk: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None or sys.platform == "win32":
        pytest.skip("no C compiler")
    source = "#include <stdlib.h>\n__attribute__((constructor)) void go(void) { abort(); }"
    path = sdk / libraries.file_name("QnnGpu")
    build = [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", str(path)]
    subprocess.run(build, input=source.encode(), check=True)
    rows = doctor(QNN_SDK_ROOT=str(sdk.parents[1]))
    assert "takes the process down when it is loaded (signal 6)" in about(rows["qnn_gpu"])
    assert rows["qnn_gpu"]["available"]
    assert "QnnHtp.so does not exist; using the library of the wheel" in about(rows["qnn_htp"])


def test_without_any_library_it_names_the_command(no_wheel: str) -> None:
    rows = doctor(PYTHONPATH=no_wheel)
    assert rows["qnn_gpu"]["available"], about(rows["qnn_gpu"])
    assert not rows["qnn_htp"]["available"]
    if libraries.wheel_exists_for_this_machine():
        for name in ("qnn_gpu", "qnn_htp"):
            assert libraries.INSTALL in about(rows[name])


def test_without_any_library_a_plan_for_a_gpu_goes_by_the_table(tmp_path: Path, no_wheel: str) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(convolutions(), path)
    words = ("plan", str(path), "--target", "snapdragon-8-elite", "--only", "qnn_gpu")
    plan = command(*words, PYTHONPATH=no_wheel)
    assert {segment["backend"] for segment in plan["segments"]} == {"qnn_gpu"}
    assert {unit["verdicts"]["qnn_gpu"]["basis"] for unit in plan["units"]} == {"declared"}
