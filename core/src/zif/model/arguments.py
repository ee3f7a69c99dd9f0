"""What callers hand over: a model in any of its forms, and whom to tell how far a long call is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

if TYPE_CHECKING:
    import onnx

    from zif.model import Model

    #: A file, its content, the parsed model, or a model that is loaded already.
    Source: TypeAlias = str | Path | bytes | onnx.ModelProto | Model

#: Called with a sentence before each step that may take a while.
Progress = Callable[[str], None]


def is_model(source: Any) -> TypeGuard[Model]:
    """Whether it is a `Model`; nothing is imported to learn that it is none."""
    kind = getattr(sys.modules.get("zif.model.model"), "Model", None)
    return kind is not None and isinstance(source, kind)
