"""Names say what a thing is: words that fit anything, such as `one` for an element, are none."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("core/src", "plugins", "tools", "benchmarks", "examples")
#: Fields of records are left out: some stand in documents that others read.
EMPTY_WORDS = {"one", "found", "given", "parts"}


def _bound(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Variables, parameters, functions and methods, with their lines."""
    fields = {id(field.target) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for field in _fields(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in fields:
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name


def _fields(node: ast.ClassDef) -> Iterator[ast.AnnAssign]:
    return (statement for statement in node.body if isinstance(statement, ast.AnnAssign))


def _empty(text: str) -> list[str]:
    return [f"{line}: {name}" for line, name in _bound(ast.parse(text)) if name.strip("_") in EMPTY_WORDS]


@pytest.mark.parametrize("folder", FOLDERS)
def test_names_say_what_the_thing_is(folder: str) -> None:
    files = [path for path in sorted((ROOT / folder).rglob("*.py")) if ".venv" not in path.parts]
    assert files
    named = [f"{path.relative_to(ROOT)}" for path in files if path.stem in EMPTY_WORDS]
    assert not named + [f"{path.relative_to(ROOT)}:{place}" for path in files for place in _empty(path.read_text())]


def test_an_empty_word_is_seen_wherever_it_is_bound() -> None:
    text = "def given(one, *, found=1):\n    parts = [_one for _one in one]\n"
    assert sorted(_empty(text)) == ["1: found", "1: given", "1: one", "2: _one", "2: parts"]
    assert not _empty("class Row:\n    parts: int\n\n\nfrom hypothesis import given\n")
