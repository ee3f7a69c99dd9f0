"""A function out of a user's Python file, and errors that point to the line of it where it went wrong."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zif.errors import UsageError


def function(spec: str) -> Callable[..., Any]:
    """The function that "FILE.py:NAME" names; the file is run, with its folder first on the import path.

    Raises UsageError: no such file or function, or the file raises, with its line.
    """
    file, colon, name = spec.rpartition(":")
    path = Path(file)
    if not (colon and name.isidentifier() and path.suffix == ".py"):
        raise UsageError(f"--eval {spec}: write FILE.py:FUNCTION, such as accuracy.py:top1")
    if not path.is_file():
        raise UsageError(f"--eval {spec}: there is no file {path}")
    value = getattr(_run(path), name, None)
    if not callable(value):
        raise UsageError(f"--eval {spec}: {path} has no function {name!r}")
    made: Callable[..., Any] = value
    return made


def _run(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"zif_eval_{path.stem}", path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look their module up
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"{path} cannot be loaded: {where(error, path)}") from error
    finally:
        sys.path.remove(folder)
    return module


def where(error: BaseException, path: Path) -> str:
    """What was raised and, when it went through `path`, the last line of that file on the way."""
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {what}"
    wanted = path.resolve()
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).resolve() == wanted]
    if not frames:
        return what
    last = frames[-1]
    return f"{path.name}, line {last.lineno}, in {last.name}: {what} (at: {last.line})"
