"""PyTorch for zif: exported programs, TorchScript and modules as ONNX, held against PyTorch itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zif import hookimpl
from zif.plugin import Imported, Recognized, Request


@hookimpl
def recognize(source: Any) -> Recognized | None:
    """By magic bytes, members and the names in pickles; nothing of the source is run, and torch is not imported."""
    from zif_torch.sources import recognized

    return recognized(source)


@hookimpl
def convert(source: Any, request: Request, folder: Path) -> Imported:
    """With PyTorch's exporters."""
    from zif_torch.export import exported

    return exported(source, request, folder)


@hookimpl
def run(source: Any, request: Request, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """By PyTorch, in the mode of inference."""
    from zif_torch.export import computed

    return computed(source, request, inputs)
