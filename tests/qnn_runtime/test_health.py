from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from zif_qnn_runtime import health, host_kind, libraries, status, statuses
from zif_qnn_runtime.checks import checks


@pytest.fixture
def sdk_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An SDK of the user's that is there, and empty."""
    folders = libraries._SDK_FOLDERS.get((sys.platform, libraries.machine()))
    if folders is None:
        pytest.skip("no QNN SDK exists for this machine")
    folder = tmp_path / "lib" / folders[0]
    folder.mkdir(parents=True)
    monkeypatch.setenv(libraries.SDK_VARIABLE, str(tmp_path))
    return folder


def build(source: str, library: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None or sys.platform == "win32":
        pytest.skip("no C compiler")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)], input=source.encode(), check=True
    )


def test_htp_starts_and_lists_its_operators(htp: None) -> None:
    found = status("htp")
    assert (found.available, found.reason) == (True, "")
    assert {"Conv2d", "MatMul", "Softmax"} <= set(found.operators)
    assert found.build.startswith("v2.")
    assert found.kind == ("emulator" if libraries.machine() == "x86_64" else "hardware")


def test_every_library_has_an_answer() -> None:
    rows = {one.name: one for one in statuses()}
    assert set(rows) == set(libraries.LIBRARIES)
    assert all(one.available or one.reason for one in rows.values())


def test_gpu_without_adreno_says_what_it_looks_for(htp: None, monkeypatch: pytest.MonkeyPatch) -> None:
    if libraries.machine() != "x86_64":
        pytest.skip("only x86-64 is known to have no Adreno GPU")
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable))
    found = status("gpu")
    assert not found.available
    assert "OpenCL driver of an Adreno GPU" in found.reason
    assert "(missing: aoc, oqclc)" in found.reason
    assert found.reason.endswith("run on a Snapdragon with its GPU driver")


def test_broken_library_is_told_with_its_cure(sdk_folder: Path) -> None:
    (sdk_folder / libraries.file_name("QnnHtp")).write_bytes(b"junk")
    found = status("htp")
    assert not found.available
    assert "cannot be loaded" in found.reason
    assert "unset QNN_SDK_ROOT" in found.reason


def test_library_that_hangs_when_loaded_is_told(sdk_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "#include <unistd.h>\n__attribute__((constructor)) static void go(void) { sleep(3600); }"
    build(source, sdk_folder / "libQnnHtp.so")
    monkeypatch.setattr(health, "PATIENCE", 2)
    found = status("htp")
    assert not found.available
    assert "does not answer within 2 s" in found.reason


def test_library_that_crashes_when_loaded_leaves_this_process_alone(sdk_folder: Path) -> None:
    path = sdk_folder / libraries.file_name("QnnHtp")
    build("#include <stdlib.h>\n__attribute__((constructor)) void go(void) { abort(); }", path)
    found = status("htp")
    assert not found.available
    assert "takes the process down when it is loaded (signal 6)" in found.reason


def test_alien_library_is_recognised(sdk_folder: Path) -> None:
    build("int nothing;", sdk_folder / libraries.file_name("QnnHtp"))
    assert "not one of QNN's" in status("htp").reason


def test_replaced_library_is_asked_again(sdk_folder: Path) -> None:
    path = sdk_folder / libraries.file_name("QnnHtp")
    path.write_bytes(b"junk")
    first = status("htp").reason
    build("int nothing;", path)
    assert status("htp").reason != first


def test_arm_is_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert host_kind() == "hardware"


def test_arm_linux_without_a_dsp_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from zif_qnn_runtime import health

    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(health, "_DSP_DEVICES", ("no-such-device",))
    assert "no Hexagon NPU" in health._missing_device()
    monkeypatch.setattr(health, "_DSP_DEVICES", ("null",))
    assert health._missing_device() == ""


def test_asking_leaves_nothing_in_the_working_directory(
    htp: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The saver makes a folder where its process was started."""
    monkeypatch.chdir(tmp_path)
    assert status("saver", fresh=True).available
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_is_told_of_every_library(htp: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QNN_SDK_ROOT", "/nowhere")
    found = {one.name.partition(",")[0]: one for one in checks()}
    assert found["libQnnHtp.so"].state == found["libQnnIr.so"].state == "works"
    assert found["libQnnCpu.so"].state == "absent"
    assert {prefix for one in found.values() for prefix in one.variables} == {"QNN_", "ADSP_"}
    assert (found["Qualcomm's SDK"].state, "/nowhere" in found["Qualcomm's SDK"].text) == ("broken", True)


def test_what_works_is_known_beyond_the_process_and_what_does_not_is_tried_again(
    htp: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZIF_CACHE", str(tmp_path))
    tried = []

    def once(path: Path, *_: object) -> dict[str, object]:
        tried.append(path.name)
        return {"code": 0, "build": "b"} if "Ir" in path.name else {"error": "no driver"}

    monkeypatch.setattr(health, "_try", once)
    for _ in range(2):
        health._ask.cache_clear()  # as in another process
        assert status("ir").available
        assert not status("saver").available
    health._ask.cache_clear()
    assert len([name for name in tried if "Ir" in name]) == 1
    assert len([name for name in tried if "Saver" in name]) == 2
