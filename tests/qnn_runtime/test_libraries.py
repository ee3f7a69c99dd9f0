from __future__ import annotations

import importlib.util
import platform
import sys
from pathlib import Path

import pytest
from zif_qnn_runtime import find, libraries, toolchain


def sdk(root: Path, *files: str) -> Path:
    folders = libraries._SDK_FOLDERS.get((sys.platform, libraries.machine()))
    if folders is None:
        pytest.skip("no QNN SDK exists for this machine")
    folder = root / "lib" / folders[0]
    folder.mkdir(parents=True)
    for file in files:
        (folder / libraries.file_name(file)).write_bytes(b"junk")
    return folder


def without_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime_qnn" else real(name))


def test_wheel_library_is_found_without_a_note(htp: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(libraries.SDK_VARIABLE, raising=False)
    library = find("htp")
    assert library.path is not None
    assert library.path.is_file()
    assert (library.origin, library.reason, library.notes) == ("wheel", "", ())


def test_sdk_wins_over_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = sdk(tmp_path, "QnnHtp")
    monkeypatch.setenv(libraries.SDK_VARIABLE, str(tmp_path))
    library = find("htp")
    assert library.path == folder / libraries.file_name("QnnHtp")
    assert library.origin == "sdk"


def test_sdk_that_lacks_the_library_is_said_and_the_wheel_used(
    htp: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sdk(tmp_path)
    monkeypatch.setenv(libraries.SDK_VARIABLE, str(tmp_path))
    library = find("htp")
    assert library.origin == "wheel"
    assert str(folder) in library.notes[0]
    assert "does not exist" in library.notes[0]


def test_fake_sdk_root_is_said(htp: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(libraries.SDK_VARIABLE, "/no/such/sdk")
    library = find("htp")
    assert library.origin == "wheel"
    assert "QNN_SDK_ROOT=/no/such/sdk is no QNN SDK for this machine" in library.notes[0]


def test_library_outside_the_wheel_names_the_variable(htp: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(libraries.SDK_VARIABLE, raising=False)
    library = find("cpu")
    if library.path is not None:
        pytest.skip("this wheel has libQnnCpu")
    assert "set QNN_SDK_ROOT to a Qualcomm QNN SDK" in library.reason


def test_absent_wheel_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(libraries.SDK_VARIABLE, raising=False)
    without_wheel(monkeypatch)
    if not libraries.wheel_exists_for_this_machine():
        pytest.skip("the wheel does not exist for this machine")
    assert find("htp").reason == f"onnxruntime-qnn is not installed: {libraries.INSTALL}"
    assert libraries.ep_library().path is None


def test_machine_without_a_wheel_says_where_it_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(libraries.SDK_VARIABLE, raising=False)
    without_wheel(monkeypatch)
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    reason = find("htp").reason
    assert "Linux (x86-64 and aarch64) and Windows" in reason
    assert "riscv64" in reason


def test_toolchain_names_three_versions(htp: None) -> None:
    words = toolchain()
    assert words.startswith("onnxruntime 1.")
    assert ", qnn-ep 2." in words
    assert ", QNN 2." in words


def test_toolchain_without_anything_says_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(libraries.SDK_VARIABLE, raising=False)
    without_wheel(monkeypatch)
    assert toolchain().endswith("QNN none")


def test_version_of_a_file_without_one_is_unknown(tmp_path: Path) -> None:
    from zif_qnn_runtime import qnn_version

    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "junk").write_bytes(b"v2.51.0 but no build number")
    assert [qnn_version(tmp_path / name) for name in ("empty", "junk", "missing")] == ["unknown"] * 3
