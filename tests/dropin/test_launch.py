"""`python -m zif.ort`: applications as they are, and who gets which `onnxruntime` in one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from dropin.small_models import open_product, product

APP = """
import sys
import numpy as np
import onnxruntime as rt
session = rt.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
x = np.ones((3, 2), np.float32)
print(type(session).__module__, session.run(None, {"X": x})[0].tolist(), sys.argv[1:], __name__)
"""
OURS = "zif.runtime.dropin.inference"


def ort(folder: Path, *words: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    onnx.save(product(), folder / "product.onnx")
    (folder / "app.py").write_text(APP)
    command = [sys.executable, "-m", "zif.ort", *map(str, words)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("words", [("app.py",), ("-m", "app"), ("--policy", "power", "app.py")])
def test_a_script_or_module_runs_unchanged(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = ort(tmp_path, *words, "product.onnx", "--target", "none")
    assert done.stdout == (
        f"{OURS} {[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]} ['product.onnx', '--target', 'none'] __main__\n"
    )


def test_without_it_the_same_script_gets_the_real_one(tmp_path: Path) -> None:
    ort(tmp_path, "app.py", "product.onnx")
    done = subprocess.run([sys.executable, "app.py", "product.onnx"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.startswith("onnxruntime.capi.onnxruntime_inference_collection [[1.0, 2.0]")


def test_an_installed_command_runs_by_its_name(tmp_path: Path) -> None:
    info = tmp_path / "toy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[console_scripts]\ntoy-command = toy_command:main\n")
    (tmp_path / "toy_command.py").write_text(
        "def main():\n    import sys, onnxruntime\n    print(onnxruntime.__name__, sys.argv[1:])\n    return 5\n"
    )
    assert ort(tmp_path, "toy-command", "--flag", code=5).stdout == "zif.ort ['--flag']\n"


def test_what_is_wrong_is_said_before_the_application_starts(tmp_path: Path) -> None:
    assert "no file and no command" in ort(tmp_path, "nowhere", code=2).stderr
    assert "no-such-chip" in ort(tmp_path, "--target", "no-such-chip", "app.py", "product.onnx", code=2).stderr
    assert "usage" in ort(tmp_path, code=2).stderr


def test_the_end_of_the_application_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text("import sys, onnxruntime\nsys.exit(7)\n")
    (tmp_path / "fails.py").write_text("import onnxruntime\nraise ValueError('of the app')\n")
    assert ort(tmp_path, "ends.py", code=7).stderr == ""
    assert "ValueError: of the app" in ort(tmp_path, "fails.py", code=1).stderr


IMPORTS = """
import importlib, json, sys
import onnxruntime, onnxruntime.capi.onnxruntime_pybind11_state as native
import onnxruntime.quantization
from onnxruntime import InferenceSession, capi
from onnxruntime.capi import _pybind_state
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument
import zif_qnn_cpu.sessions

names = {
    "import": onnxruntime.__name__,
    "from": InferenceSession.__module__,
    "importlib": importlib.import_module("onnxruntime").__name__,
    "importlib below": importlib.import_module("onnxruntime.capi._pybind_state") is _pybind_state,
    "native": native.InvalidArgument is InvalidArgument,
    "the plugin's": zif_qnn_cpu.sessions.onnxruntime.InferenceSession.__module__,
    "tools": onnxruntime.quantization.__file__.endswith("onnxruntime/quantization/__init__.py"),
    "lazily": (lambda: __import__("onnxruntime").__name__)(),
}
print(json.dumps(names))
"""


def test_applications_get_zif_and_plugins_the_real_one(tmp_path: Path) -> None:
    (tmp_path / "imports.py").write_text(IMPORTS)
    assert json.loads(ort(tmp_path, "imports.py").stdout) == {
        "import": "zif.ort",
        "from": OURS,
        "importlib": "zif.ort",
        "importlib below": True,
        "native": True,
        "the plugin's": "onnxruntime.capi.onnxruntime_inference_collection",
        "tools": True,
        "lazily": "zif.ort",
    }


def test_a_library_that_a_plugin_uses_gets_the_real_one(tmp_path: Path) -> None:
    """The library is nobody's that is known; below it stands a plugin."""
    info = tmp_path / "toy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[zif.backends]\ntoy = toy_plugin\n")
    (tmp_path / "toy_plugin.py").write_text("def load():\n    import toy_engine\n    return toy_engine.rt\n")
    (tmp_path / "toy_engine.py").write_text("import onnxruntime as rt\n")
    (tmp_path / "of_app.py").write_text("import onnxruntime as rt\n")
    (tmp_path / "uses.py").write_text(
        "import toy_plugin, of_app\nprint(toy_plugin.load().__name__, of_app.rt.__name__)\n"
    )
    assert ort(tmp_path, "uses.py").stdout == "onnxruntime zif.ort\n"


def test_programs_that_the_application_starts_get_zif_and_their_own_sitecustomize(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("import builtins\nbuiltins.of_the_site = 'there'\n")
    (tmp_path / "parent.py").write_text(
        "import subprocess, sys\n"
        "code = 'import onnxruntime; print(onnxruntime.__name__, of_the_site)'\n"
        "print(subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout, end='')\n"
    )
    onnx.save(product(), tmp_path / "product.onnx")
    done = subprocess.run(
        [sys.executable, "-m", "zif.ort", "parent.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
    )
    assert done.stdout == "zif.ort there\n", done.stderr


SHAPES = """
import sys, json, warnings
import numpy as np
import onnxruntime as rt
warnings.simplefilter("ignore")
session = rt.InferenceSession("open.onnx", providers=["CPUExecutionProvider"])
made = [session.run(None, {"X": np.ones((n, 2), np.float32)})[0].shape for n in (1, 2, 3, 2)]
print(json.dumps([made, len(session._shaped.sessions) if session._shaped else 0]))
"""


@pytest.mark.parametrize(("words", "plans"), [((), 0), (("--shapes", "2"), 2), (("--shapes", "0"), 0)])
def test_shapes_that_are_seen_get_plans_of_their_own(tmp_path: Path, words: tuple[str, ...], plans: int) -> None:
    onnx.save(open_product(), tmp_path / "open.onnx")
    (tmp_path / "shapes.py").write_text(SHAPES)
    done = json.loads(ort(tmp_path, *words, "shapes.py").stdout)
    assert done == [[[1, 1], [2, 1], [3, 1], [2, 1]], plans]
