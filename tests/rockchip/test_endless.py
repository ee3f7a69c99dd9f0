"""A compiler that applies a rule to its own product for ever: told by the names that it prints, and ended."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest
from zif_rockchip.job import Job
from zif_rockchip.toolkit_process import Bench, ToolkitDied, runs_away


@pytest.mark.parametrize("word", ["-rs", "_ffn_fuse", "-x2"])
def test_names_that_grow_are_seen(word: str) -> None:
    assert runs_away(f"D  remove_invalid_reshape: remove node = ['zift20{word * 400}']\n")


@pytest.mark.parametrize(
    "text",
    [
        "-" * 3000,
        "D   0   ConvRelu  FLOAT16 NPU (1,16,8,8) 1743/9216/9216 8 Conv:c\n" * 200,
        "layer" + "_block_0" * 40,
        "\n".join(f"D  fuse: node_{n}_fused" for n in range(500)),
        "W _____________________ " * 100,
    ],
)
def test_what_is_only_long_is_not(text: str) -> None:
    assert not runs_away(text)


def test_a_build_that_runs_away_is_ended(tmp_path: Path) -> None:
    """A stand-in for the toolkit's process: it prints such names, and never answers."""
    ours, theirs = Pipe()
    code = "import time, sys; open(sys.argv[1], 'w').write('-rs' * 500_000); time.sleep(3600)"
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "toolkit.log")])
    made: Any = Bench.__new__(Bench)
    made._lock, made._line, made._pid, made.folder = threading.Lock(), ours, process.pid, tmp_path
    with pytest.raises(ToolkitDied, match="without end") as caught:
        made.build(Job(tmp_path / "asked.onnx", "rk3588"))
    assert caught.value.endless
    assert process.wait() == -9
    assert theirs.recv()[0] == "build"
    assert os.path.getsize(tmp_path / "toolkit.log") == 1_500_000
