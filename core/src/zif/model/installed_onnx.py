"""What the installed onnx offers, and which version brings what it lacks: asked here and nowhere else.

zif runs with every onnx from 1.16 on. What a later one brings (an opset, an IR version, an element type) is missing
with an earlier one, and whoever meets that says so with the words of this module.
"""

from __future__ import annotations

from functools import cache

import onnx
from onnx.helper import VERSION_TABLE

from zif.model.dtypes import element_type, numpy_dtype

#: The newest opset of ONNX's own domain and the newest IR version that the installed onnx reads.
NEWEST_OPSET: int = onnx.defs.onnx_opset_version()
NEWEST_IR: int = onnx.IR_VERSION

#: Minor versions of onnx with the newest IR version and opset of each. The installed onnx has the same table up to
#: itself; these rows are what an older one cannot know of newer ones.
_RELEASES = (
    ("1.17", 10, 22),
    ("1.18", 11, 23),
    ("1.19", 12, 24),
    ("1.20", 13, 25),
    ("1.21", 13, 26),
    ("1.22", 13, 27),
    ("1.23", 14, 28),
)

#: The last element type, by its number in TensorProto.DataType, that each IR version has.
_TYPES = ((16, 3), (20, 9), (22, 10), (23, 11), (24, 12), (26, 13), (28, 14))
_UNRELEASED = _RELEASES[-1][1] + 1


def upgrade(*, opset: int = 0, ir_version: int = 0) -> str:
    """What to install to read this opset and IR version: "pip install 'onnx>=1.18'"."""
    fitting = (name for name, ir, most in _RELEASES if ir >= ir_version and most >= opset)
    name = next(fitting, None)
    return f"pip install 'onnx>={name}'" if name else "pip install --upgrade onnx"


@cache
def ir_of_opset(opset: int) -> int:
    """The IR version of the first onnx that had the opset; one beyond all that are known for a newer opset."""
    rows = [(row[2], row[1]) for row in VERSION_TABLE] + [(most, ir) for _, ir, most in _RELEASES]
    return min((ir for most, ir in rows if most >= opset), default=_UNRELEASED)


@cache
def ir_of_type(element: int) -> int:
    """The first IR version that has the element type; one beyond all that are known for a number beyond them."""
    return next((ir for last, ir in _TYPES if element <= last), _UNRELEASED)


@cache
def holds(dtype: str) -> bool:
    """Whether onnx's own evaluator and tools hold values of this dtype in arrays of it: "float32", "bfloat16", "int4".

    Before 1.19 they hold what numpy lacks in float32 or marked integers, and operators compute with those numbers.
    """
    try:
        return bool(onnx.helper.tensor_dtype_to_np_dtype(element_type(dtype)) == numpy_dtype(dtype))
    except KeyError:
        return False
