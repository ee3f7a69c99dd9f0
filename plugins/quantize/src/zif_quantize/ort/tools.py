"""onnxruntime's quantization tools and its CPU provider: imported when they are needed, and kept from talking."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from zif import InvalidModel, NotWritten, StageFailed, UsageError

from zif_quantize.ort.libraries import session_options

#: How ONNX Runtime names the node that failed; before it stand numbers and names of its error codes.
_FAILED = re.compile(r"running (\S+) node\. Name:'([^']*)' Status Message: (.*)", re.DOTALL)
_CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")


def tools(module: str = "") -> Any:
    """A module of `onnxruntime.quantization`. Raises UsageError when onnxruntime or a part of it is missing."""
    name = f"onnxruntime.quantization.{module}" if module else "onnxruntime.quantization"
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(
            f"quantizing needs onnxruntime with its quantization tools ({error}): "
            "pip install --force-reinstall onnxruntime"
        ) from error


@contextlib.contextmanager
def on_disk(what: str, folder: Path) -> Iterator[None]:
    """Raise NotWritten where the block cannot write to a folder of the temporary one: no fault of the model."""
    try:
        yield
    except OSError as error:
        raise NotWritten(
            f"{what} cannot be written to {folder.parent}: {error.strerror or error}. Free some space, or name another"
            " folder in TMPDIR"
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


class CpuSession:
    """A model on ONNX Runtime's CPU provider, node by node without optimizations, that logs nothing.

    model: a file or its content. Raises InvalidModel when ONNX Runtime refuses it.
    """

    def __init__(self, model: str | bytes) -> None:
        tools()
        import onnxruntime

        options = session_options()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            made = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"], enable_fallback=0)
        except Exception as error:  # onnxruntime's errors have no common base class
            raise InvalidModel(f"ONNX Runtime refuses the model: {error}") from error
        self._session = made
        self.get_inputs, self.get_outputs = made.get_inputs, made.get_outputs

    def run(self, names: Sequence[str] | None, inputs: Mapping[str, Any]) -> list[Any]:
        """The outputs of these names, or all. Raises StageFailed with what ONNX Runtime said of which node."""
        try:
            outputs: list[Any] = self._session.run(names, dict(inputs))
        except Exception as error:
            raise StageFailed(_said(error)) from error
        return outputs


def _said(error: Exception) -> str:
    """What ONNX Runtime said of which node, without its codes."""
    text = _CODE.sub("", str(error)).strip()
    match = _FAILED.search(text)
    return f"{match[1]} node {match[2]!r}: {match[3].strip()}" if match else text
