"""Running on a board: the calls that rknn-toolkit-lite2 gets, by a stand-in with its API. No board was ever here."""

from __future__ import annotations

import sys
import types
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zif
from zif_rockchip import loading, toolkit
from zif_rockchip.options import RknnOptions
from zif_rockchip.segment import BINARY, SEGMENT, Segment

CALLS: list[tuple[str, Any]] = []


class RKNNLite:
    """The API that its documentation has: what is called, and with what."""

    NPU_CORE_AUTO, NPU_CORE_0, NPU_CORE_0_1_2 = 0, 1, 7
    answers = {"load_rknn": 0, "init_runtime": 0}

    def __init__(self, verbose: bool = False) -> None:
        CALLS.append(("new", verbose))

    def load_rknn(self, path: str) -> int:
        CALLS.append(("load_rknn", Path(path).read_bytes()))
        return self.answers["load_rknn"]

    def init_runtime(self, core_mask: int | None = None) -> int:
        CALLS.append(("init_runtime", core_mask))
        return self.answers["init_runtime"]

    def inference(self, inputs: list[Any], data_format: list[str] | None = None) -> list[Any]:
        CALLS.append(("inference", data_format))
        inputs[0] *= 2  # what is handed over is its own
        return [inputs[0].astype(np.float32)]

    def release(self) -> None:
        CALLS.append(("release", None))


@pytest.fixture(autouse=True)
def _board(monkeypatch: pytest.MonkeyPatch) -> None:
    CALLS.clear()
    api = types.ModuleType("rknnlite.api")
    api.RKNNLite = RKNNLite  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rknnlite", types.ModuleType("rknnlite"))
    monkeypatch.setitem(sys.modules, "rknnlite.api", api)
    monkeypatch.setattr(loading, "installed", lambda: toolkit.Installed("", "2.5.0"))


def compiled(platform: str = "rk3588", data: bytes = b"RKNN") -> zif.Compiled:
    segment = Segment("2.5.0", platform, ("x",), ("y",), 3, False, False, False, {BINARY: zlib.crc32(b"RKNN")})
    info = zif.TensorInfo("x", "tensor(float16)", (2,)), zif.TensorInfo("y", "tensor(float16)", (2,))
    return zif.Compiled("rknn", {BINARY: data, SEGMENT: segment.to_json()}, SEGMENT, info[:1], info[1:])


def test_a_run_on_a_board() -> None:
    executable = loading.load(compiled(), RknnOptions(core_mask="0_1_2"))
    x = np.array([1, 2], np.float16)
    made = executable.run({"x": x})
    assert made["y"].dtype == np.float16
    assert made["y"].tolist() == [2, 4]
    assert x.tolist() == [1, 2]
    executable.close()
    executable.close()
    assert CALLS == [
        ("new", False),
        ("load_rknn", b"RKNN"),
        ("init_runtime", 7),
        ("inference", ["nchw"]),
        ("release", None),
    ]
    with pytest.raises(zif.UsageError, match="closed"):
        executable.run({"x": x})


def test_a_chip_with_one_core_gets_no_mask() -> None:
    loading.load(compiled("rk3568"), RknnOptions()).close()
    assert ("init_runtime", None) in CALLS


def test_a_runtime_that_does_not_start_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RKNNLite.answers, "init_runtime", -1)
    with pytest.raises(zif.BackendUnavailable, match=r"init_runtime answered -1.*rk3588.*librknnrt"):
        loading.load(compiled(), RknnOptions())
    assert CALLS[-1] == ("release", None)


def test_a_damaged_file_never_reaches_the_runtime() -> None:
    with pytest.raises(zif.InvalidBundle, match=r"model\.rknn is damaged"):
        loading.load(compiled(data=b"RKNX"), RknnOptions())
    assert CALLS == []
