"""Engines report to nobody: a run leaves nothing of theirs in the home or the temporary folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from small import classifier

ENGINES = ("zif_qnn_cpu", "zif_qnn_gpu", "zif_qnn_runtime", "zif_quantize")


def environment(folder: Path) -> dict[str, str]:
    """A home and a temporary folder of its own, and nothing said of telemetry."""
    kept = {key: text for key, text in os.environ.items() if not key.startswith(("XDG_", "ZIF_", "ORT_"))}
    places = {"HOME": folder / "home", "TMPDIR": folder / "tmp"}
    for place in places.values():
        place.mkdir()
    return kept | {key: str(place) for key, place in places.items()} | {"ZIF_DEADLINE": "60"}


def test_a_run_leaves_nothing_of_the_engine_s(tmp_path: Path) -> None:
    pytest.importorskip("zif_qnn_cpu")
    model = classifier(tmp_path / "net.onnx")
    assert onnx.load(model).graph.node
    words = [sys.executable, "-m", "zif", "run", str(model), "--random", "0", "--only", "qnn_cpu", "--no-cache"]
    done = subprocess.run(words, env=environment(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    left = [path.relative_to(tmp_path).as_posix() for name in ("home", "tmp") for path in (tmp_path / name).rglob("*")]
    assert [name for name in left if "onnx" in name.lower() or name.startswith("tmp/")] == []


@pytest.mark.parametrize("name", ENGINES)
def test_it_is_said_before_the_engine_is_imported(tmp_path: Path, name: str) -> None:
    pytest.importorskip(name)
    code = f"import os, sys, {name}; print(os.environ.get('ORT_DISABLE_TELEMETRY'), 'onnxruntime' in sys.modules)"
    surroundings = environment(tmp_path)
    assert subprocess.check_output([sys.executable, "-c", code], env=surroundings, text=True).split() == ["1", "False"]
    wanted = subprocess.check_output(
        [sys.executable, "-c", code], env=surroundings | {"ORT_DISABLE_TELEMETRY": "0"}, text=True
    )
    assert wanted.split()[0] == "0"
