"""An artifact as an ONNX graph: the model that it is, or what its distribution makes of it.

The group `zif.onnx_forms` names, by the word in `Compiled.format`, a function that gives an `OnnxForm` of an artifact:
nodes that stand for what was compiled, such as ONNX Runtime's EPContext, with the files that they name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import Factory, frozen

from zif.backends.blame import blaming
from zif.backends.extensions import onnx_form as brought
from zif.backends.onnx_artifact import read_onnx
from zif.errors import BackendBroken

if TYPE_CHECKING:
    import onnx

    from zif.records import Compiled


@frozen(eq=False)
class OnnxForm:
    """A segment as an ONNX model whose inputs and outputs are the segment's, and the files that its nodes name.

    compiled: whether its nodes stand for something that was compiled, and cannot run anywhere else.
    """

    model: onnx.ModelProto
    files: Mapping[str, bytes | Path] = Factory(dict)
    compiled: bool = False


def as_onnx(compiled: Compiled) -> OnnxForm | None:
    """An artifact as ONNX; None for a format that nobody brings a form of. Raises ZifError subclasses."""
    if compiled.format == "onnx":
        return OnnxForm(read_onnx(compiled))
    function = brought(compiled.format)
    if function is None:
        return None
    with blaming(f"the ONNX form of {compiled.format}", "being made"):
        made = function(compiled)
    if not isinstance(made, OnnxForm):
        raise BackendBroken(f"the ONNX form of {compiled.format} is {type(made).__name__}, not an OnnxForm")
    return made
