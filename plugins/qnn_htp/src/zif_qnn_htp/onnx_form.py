"""An HTP artifact as an ONNX graph: the EPContext node of its context, and constants for what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from zif.plugin import OnnxForm, from_array

from zif_qnn_htp.segment import KNOWN, content, context_files, known_values, read_segment

if TYPE_CHECKING:
    from zif import Compiled


def onnx_form(compiled: Compiled) -> OnnxForm:
    """The wrapper with the binary that it names. Raises InvalidBundle for an artifact that is not whole."""
    segment = read_segment(compiled)
    model, files = onnx.ModelProto(ir_version=10), {}
    if segment.wrapper:
        wrapper, binary = context_files(compiled, segment)
        model = onnx.load_model_from_string(content(compiled, wrapper))
        files[binary] = compiled.files[binary]
    if KNOWN in segment.crc32:
        for name, array in known_values(content(compiled, KNOWN)).items():
            model.graph.initializer.append(from_array(array, name))
    return OnnxForm(model, files, compiled=True)
