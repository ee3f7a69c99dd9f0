"""The front door for authors: what stands there, that the page says so, and that no plugin comes in another way."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import zif
from zif import plugin

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path for path in ROOT.glob("plugins/*/src/*") if (path / "__init__.py").is_file()]
SOURCES.append(ROOT / "examples" / "zif-openvino" / "src" / "zif_openvino")


@pytest.mark.parametrize("package", SOURCES, ids=lambda path: path.name)
def test_a_plugin_imports_the_public_doors_only(package: Path) -> None:
    wrong = []
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [name.name for name in node.names] if isinstance(node, ast.Import) else []
            deep = [name for name in names if name.split(".")[0] == "zif" and name not in ("zif", "zif.plugin")]
            wrong += [f"{file.relative_to(ROOT)}:{node.lineno} imports {name}" for name in deep]
            if isinstance(node, ast.ImportFrom) and node.module == "zif":
                wrong += [f"{file}: zif.{name.name}" for name in node.names if name.name not in zif.__all__]
    assert wrong == []


@pytest.mark.parametrize("package", SOURCES, ids=lambda path: path.name)
def test_plugins_do_not_import_each_other(package: Path) -> None:
    """But for the library that Qualcomm's three share, which is no plugin."""
    others = {path.name for path in SOURCES} - {package.name, "zif_qnn_runtime"}
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in others, f"{file}:{node.lineno}"


def test_every_name_is_there() -> None:
    assert sorted(plugin.__all__) == sorted(name for rows in plugin.SECTIONS.values() for name, *_ in rows)
    for name in set(plugin.__all__) - plugin.TYPING:
        assert getattr(plugin, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        plugin.nonsense  # noqa: B018


def test_typing_knows_every_name_from_where_it_is() -> None:
    stub = ast.parse((ROOT / "core" / "src" / "zif" / "plugin.pyi").read_text(encoding="utf-8"))
    imports = [(node.module, name) for node in stub.body if isinstance(node, ast.ImportFrom) for name in node.names]
    typed = {name.asname: (module, name.name) for module, name in imports}
    rows = {name: (home, attribute) for table in plugin.SECTIONS.values() for name, home, attribute, _ in table}
    assert typed == rows
    (listed,) = [node.value for node in stub.body if isinstance(node, ast.Assign)]
    assert sorted(ast.literal_eval(listed)) == plugin.__all__


def test_the_page_lists_what_the_module_has() -> None:
    page = (ROOT / "docs" / "plugin-api.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE))
    assert rows == {name: text for table in plugin.SECTIONS.values() for name, _, _, text in table}
    public = page.split("## `zif`")[1].split("##")[0]
    assert re.findall(r"`(\w+)`", public) == zif.__all__


def test_the_door_costs_nothing_until_it_is_used() -> None:
    code = "import sys, zif.plugin; print(sorted(name for name in sys.modules if name.split('.')[0] == 'zif'))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "['zif', 'zif.plugin']"
