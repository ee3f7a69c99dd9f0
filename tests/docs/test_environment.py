"""Every environment variable that the source reads stands on the page, and the page names none that nobody reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")
SOURCES = [
    file
    for folder in ("core/src", "plugins", "benchmarks", "tools", "examples", "tests/zoo")
    for file in sorted((ROOT / folder).rglob("*.py"))
]
_OURS = re.compile(r"_?(ZIF|QNN|ORT)_[A-Z_]+")
#: A whole name: neither the begin of some, nor what something else with `environ` in it is asked for.
_NAME = re.compile(r"[A-Z_]+[A-Z]")


def read(file: Path) -> Iterator[str]:
    """Names that a file reads from, or sets in, an environment."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and "environ" in ast.unparse(node.func) and node.args:
            yield from _text(node.args[0])
        if isinstance(node, ast.Subscript) and "environ" in ast.unparse(node.value):
            yield from _text(node.slice)
        if isinstance(node, ast.Compare) and any("environ" in ast.unparse(one) for one in node.comparators):
            yield from _text(node.left)
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.fullmatch(r"_?ZIF_[A-Z_]+", node.value)
        ):
            yield node.value


def _text(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def test_every_variable_that_is_read_is_on_the_page() -> None:
    found = {name: str(file.relative_to(ROOT)) for file in SOURCES for name in read(file) if _NAME.fullmatch(name)}
    assert {"ZIF_CACHE", "ZIF_DATA", "ZIF_TARGETS", "ZIF_DEADLINE", "ZIF_MAX_ARRAY", "_ZIF_COMPLETE"} <= set(found)
    assert {name: file for name, file in found.items() if f"`{name}`" not in PAGE} == {}


def test_the_page_names_no_variable_that_nobody_reads() -> None:
    text = "\n".join(file.read_text(encoding="utf-8") for file in (*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))))
    named = {name for name in re.findall(r"`([A-Z_]{4,})`", PAGE) if _OURS.match(name)}
    assert len(named) > 15
    assert [name for name in named if name not in text] == []
