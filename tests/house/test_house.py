"""The plan of the house: rooms import downwards only, none stands in a circle, and a newcomer can hold them all."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(path for path in ROOT.glob("*/src/*") if path.is_dir() and "egg" not in path.name)
PACKAGES += sorted(path for path in ROOT.glob("plugins/*/src/*") if path.is_dir() and "egg" not in path.name)


@pytest.fixture(scope="module")
def house() -> ModuleType:
    spec = importlib.util.spec_from_file_location("house", ROOT / "tools" / "house.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rooms_import_downwards_only(house: ModuleType) -> None:
    assert house.against() == []
    assert len(house.arrows()) > 50  # the reader of imports reads something


def test_an_import_against_the_order_is_seen(house: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "ORDER", tuple(reversed(house.ORDER)))
    assert any("cli imports" in line for line in house.against())


def test_lazy_and_typing_imports_count(house: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from zif.cli import app\n"
        "def call():\n    import zif.runtime.verbs\n    from zif import report\n"
    )
    assert [name for name, _ in house.imports(file)] == ["zif.cli.app", "zif.runtime.verbs", "zif.report"]


def test_a_room_is_read_as_the_house_is(house: ModuleType) -> None:
    drawn = house.inside(house.CORE / "runtime")
    heights = house.floors(drawn, sorted({name for pair in drawn for name in pair}))
    assert "core/src/zif/runtime/verbs.py" in drawn["verbs", "planners"][0]
    assert heights["verbs"] > heights["planners"] > heights["session"] > heights["timeline"] == 1


def test_the_house_stays_small(house: ModuleType) -> None:
    kept = (path for path in house.CORE.iterdir() if path.name != "__pycache__")
    folders = [path for path in kept if any(path.rglob("*.py")) or any(path.rglob("*.json"))]
    modules = list(house.CORE.glob("*.py"))
    assert len(folders) <= 14, sorted(path.name for path in folders)
    assert len(modules) <= 8, sorted(path.name for path in modules)
    assert max(house.floors(house.arrows()).values()) <= 10  # the door for foreign files is one of its own


def test_the_order_names_every_room(house: ModuleType) -> None:
    rooms = {house.room(file) for file in house.CORE.rglob("*.py")}
    assert rooms - set(house.ORDER) <= set(house.DOORS)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_nothing_stands_in_a_circle_inside_a_room(package: Path) -> None:
    """Files and folders side by side import each other in one direction, at every depth."""
    folders = [package, *(path.parent for path in package.rglob("__init__.py") if path.parent != package)]
    assert [circle for folder in folders for circle in circles(_siblings(package, folder))] == []


def test_a_circle_is_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize("file", sorted(ROOT.glob("core/src/zif/*/__init__.py")), ids=lambda path: path.parent.name)
def test_each_room_says_what_it_is_for(file: Path) -> None:
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    assert text.split("\n\n")[0].rstrip().endswith((".", "below."))
    assert "What may come in:" in text


def _siblings(package: Path, folder: Path) -> dict[str, set[str]]:
    """For each file or folder in `folder`, the others there that it imports."""
    prefix = ".".join(folder.relative_to(package.parent).parts)
    children = {path.stem if path.suffix == ".py" else path.name for path in folder.iterdir()} - {"__init__"}
    drawn: dict[str, set[str]] = {}
    for file in folder.rglob("*.py"):
        mine = file.relative_to(folder).parts[0].removesuffix(".py")
        if mine == "__init__":
            continue
        for module in _imported(file):
            name = module.removeprefix(f"{prefix}.").split(".")[0] if module.startswith(f"{prefix}.") else ""
            if name in children and name != mine:
                drawn.setdefault(mine, set()).add(name)
    return drawn


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def circles(drawn: dict[str, set[str]]) -> list[list[str]]:
    """The groups of names that reach each other, by plain reachability: the graphs here are small."""

    def reach(name: str) -> set[str]:
        reached: set[str] = set()
        waiting = [name]
        while waiting:
            for other in drawn.get(waiting.pop(), set()) - reached:
                reached.add(other)
                waiting.append(other)
        return reached

    within = {name: reach(name) for name in drawn}
    groups = {tuple(sorted(other for other in within[name] if name in within.get(other, set()))) for name in drawn}
    return sorted(list(group) for group in groups if group)


def test_the_picture_is_drawn_from_the_imports(house: ModuleType) -> None:
    """`python tools/house.py` draws it again."""
    assert house.picture() == house.PICTURE.read_text(encoding="utf-8")
    assert re.search(r"docs/house\.svg|house\.svg", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))


def test_commands_import_no_other_command() -> None:
    commands = ROOT / "core" / "src" / "zif" / "cli" / "commands"
    text = "\n".join(file.read_text(encoding="utf-8") for file in commands.glob("*.py"))
    assert "zif.cli.options" in text
    assert "zif.cli.commands" not in text
