"""numpy dtypes of ONNX's element types, those of ml_dtypes included."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@cache
def numpy_dtype(name: str) -> np.dtype[Any]:
    """The dtype that arrays of this element type have: "float32", "bfloat16", "int4"; "string" is object.

    Raises KeyError for a name that is no element type.
    """
    import ml_dtypes
    import numpy as np

    if name == "string":
        return np.dtype(object)
    try:
        return np.dtype(getattr(ml_dtypes, name, name))
    except TypeError:
        raise KeyError(name) from None
