"""Python code that a source names: where it is, what it imports as it is written, and what stands under its name."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from zif.errors import InvalidModel, UsageError
from zif.files.text import read_text
from zif.runtime.frontends.common import first_line, label_of
from zif.runtime.frontends.contract import Named, Origin


def file_of(source: Named) -> Path | None:
    """The file of the code; None for a module that is not there or has none. Nothing is imported but outer packages."""
    if source.where.endswith(".py"):
        return Path(source.where)
    try:
        spec = importlib.util.find_spec(source.where)
    except (ImportError, ValueError, AttributeError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None


def imports_any(source: Named, packages: Collection[str]) -> bool:
    """Whether the code imports one of these packages, as it is written. Raises InvalidModel for what is no Python."""
    path = file_of(source)
    if path is None:
        return False
    try:
        tree = ast.parse(read_text(path, InvalidModel))
    except SyntaxError as error:
        raise InvalidModel(f"{path}, line {error.lineno}: {error.msg}. Mend it, and try again.") from error
    nodes = list(ast.walk(tree))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return any(name.partition(".")[0] in packages for name in names)


def object_of(source: Named) -> Any:
    """What stands under the name: the code is run, in this process.

    Raises InvalidModel for code that fails, UsageError for a name that it does not have.
    """
    module = _imported(source)
    value: Any = module
    for part in source.name.split("."):
        if not hasattr(value, part):
            names = sorted(
                name for name, member in vars(module).items() if callable(member) and not name.startswith("_")
            )
            have = ", ".join(names[:10]) or "nothing that can be called"
            raise UsageError(f"{source.where} has no {source.name!r}; it has {have}")
        value = getattr(value, part)
    return value


def _imported(source: Named) -> Any:
    path = file_of(source)
    try:
        if not source.where.endswith(".py") or path is None:
            sys.path.insert(0, "")
            return importlib.import_module(source.where)
        sys.path.insert(0, str(path.absolute().parent))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise ImportError("it is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        return module
    except (Exception, SystemExit) as error:
        raise InvalidModel(f"{source.where} cannot be imported: {_why(error)}. Mend it, and try again.") from error


def made_by(source: Origin, make: Callable[[], Any]) -> Any:
    """What code of the user's makes, which may fail or call for the end of the process. Raises InvalidModel."""
    try:
        return make()
    except (Exception, SystemExit) as error:
        raise InvalidModel(f"{label_of(source)} makes no model: {_why(error)}. Mend it, and try again.") from error


def _why(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it calls for the end of the process (exit {error.code})"
    return f"{type(error).__name__}: {first_line(error)}"
