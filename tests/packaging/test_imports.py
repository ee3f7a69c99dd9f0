"""`import zif` is light, and core neither imports nor names a backend."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("numpy", "onnx", "scipy", "onnxruntime", "rich", "typer", "pluggy", "jinja2")


def modules_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("code", ["import zif", "import zif; zif.ZifError", "import zif; dir(zif)"])
def test_importing_zif_imports_nothing_heavy(code: str) -> None:
    assert modules_after(code).isdisjoint(HEAVY)


def test_listing_backends_imports_no_plugin_and_no_numpy() -> None:
    loaded = modules_after("import zif; assert zif.installed()")
    assert not [name for name in loaded if name.startswith("zif_")]
    assert loaded.isdisjoint(("numpy", "onnx", "onnxruntime", "scipy"))


def test_core_imports_no_plugin() -> None:
    pattern = re.compile(r"^\s*(from|import)\s+zif_\w+", re.MULTILINE)
    wrong = [path.name for path in (ROOT / "core/src").rglob("*.py") if pattern.search(path.read_text())]
    assert wrong == []


def test_plugins_import_each_other_only_by_way_of_the_runtime() -> None:
    for plugin in (ROOT / "plugins").iterdir():
        own = {path.name for path in (plugin / "src").glob("zif_*")} | {"zif_qnn_runtime"}
        for path in (plugin / "src").rglob("*.py"):
            found = re.findall(r"^\s*(?:from|import)\s+(zif_\w+)", path.read_text(), re.MULTILINE)
            assert set(found) <= own, path
