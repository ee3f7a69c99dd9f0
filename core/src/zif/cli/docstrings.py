"""The help of commands that others bring, read from their code: `zif --help` imports nothing of theirs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from zif.errors import ZifError
from zif.files.text import read_text


def help_of(value: str) -> str:
    """What the code of "module:name" says of it: a function's docstring, or the help of `typer.Typer(help=...)`.

    "" where that is not written there.
    """
    module, _, name = value.partition("[")[0].partition(":")
    try:
        path = _file(module.strip().split("."))
        tree = ast.parse(read_text(path, ZifError)) if path else ast.Module([], [])
    except (ImportError, ValueError, SyntaxError, ZifError):
        return ""
    return next(_said(tree, name.strip()), "")


def _file(names: list[str]) -> Path | None:
    """The file of a module, found without importing the packages around it."""
    spec = find_spec(names[0])
    if spec is None or len(names) == 1:
        return Path(spec.origin) if spec is not None and spec.origin else None
    for folder in spec.submodule_search_locations or ():
        inner = Path(folder, *names[1:])
        for path in (inner.with_suffix(".py"), inner / "__init__.py"):
            if path.is_file():
                return path
    return None


def _said(tree: ast.Module, name: str) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
            yield ast.get_docstring(node) or ""
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Call):
            targets: list[Any] = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                yield from (_text(keyword.value) for keyword in node.value.keywords if keyword.arg == "help")


def _text(node: ast.expr) -> str:
    value = node.value if isinstance(node, ast.Constant) else ""
    return value if isinstance(value, str) else ""
