"""Decision 0003: no package hands on a name that is one of its modules and means something else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(
    file.parent for pattern in ("core/src", "plugins/*/src") for file in ROOT.glob(f"{pattern}/**/__init__.py")
)


def dotted(folder: Path) -> str:
    """The package's name."""
    return ".".join(folder.parts[folder.parts.index("src") + 1 :])


def modules(folder: Path) -> set[str]:
    """What can be imported from the folder as a module."""
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__"}
    return files | {path.name for path in folder.iterdir() if (path / "__init__.py").exists()}


def handed_on(folder: Path) -> Iterator[str]:
    """The names that the package binds or lists, also lazily, and that are not the modules themselves."""
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]  # if TYPE_CHECKING
    for node in (*tree.body, *(inner for block in blocks for inner in block.body)):
        if isinstance(node, ast.ImportFrom) and node.module != dotted(folder):
            yield from (name.asname or name.name for name in node.names)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
            yield from listed(node.value)


def listed(value: ast.expr) -> Iterator[str]:
    """The texts in tuples, lists and sets of a table; the keys of a mapping say where a name lives."""
    for node in ast.walk(value):
        if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            yield from (
                item.value for item in node.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)
            )


@pytest.mark.parametrize("folder", PACKAGES, ids=dotted)
def test_no_name_of_a_package_is_one_of_its_modules_and_something_else(folder: Path) -> None:
    assert not modules(folder) & set(handed_on(folder))


def test_a_function_called_like_its_module_is_seen(tmp_path: Path) -> None:
    folder = tmp_path / "src" / "toy"
    folder.mkdir(parents=True)
    (folder / "solve.py").touch()
    for text in ("from toy.solve import solve", "def solve(): ...", '_HOMES = {"toy.solve": ("solve",)}'):
        (folder / "__init__.py").write_text(text)
        assert modules(folder) & set(handed_on(folder)) == {"solve"}
    for text in ("from toy import solve", "def other():\n    from toy.solve import solve"):
        (folder / "__init__.py").write_text(text)
        assert not modules(folder) & set(handed_on(folder))
