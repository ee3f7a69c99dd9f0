"""What callers hand over: a model in any of its forms, and whom to tell how far a long call is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import onnx

    from zif.model import Model

    #: A file, its content, the parsed model, or a model that is loaded already.
    Source: TypeAlias = str | Path | bytes | onnx.ModelProto | Model

#: Called with a sentence before each step that may take a while.
Progress = Callable[[str], None]
