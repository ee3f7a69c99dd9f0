"""onnxruntime's quantization tools: imported when they are needed, and kept from talking."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
from collections.abc import Iterator
from typing import Any

from zif.errors import UsageError


def tools(module: str = "") -> Any:
    """A module of `onnxruntime.quantization`. Raises UsageError when onnxruntime or a part of it is missing."""
    name = f"onnxruntime.quantization.{module}" if module else "onnxruntime.quantization"
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(
            f"quantizing needs onnxruntime with its quantization tools ({error}): pip install 'zif[quantize]'"
        ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what the tools print and log below errors to themselves: advice for their own caller, not for ours."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.ERROR))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
