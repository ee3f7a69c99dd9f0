"""An HTP artifact as an ONNX graph: the EPContext node of its context, and constants for what is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import onnx
from zif.plugin import OnnxForm, from_array

from zif_qnn_htp.fit import memory_of
from zif_qnn_htp.rewrites.narrowing import narrowed, widen_outputs
from zif_qnn_htp.segment import KNOWN, Segment, content, context_files, known_values, read_segment

if TYPE_CHECKING:
    from zif import Compiled

_TYPES = {onnx.TensorProto.INT32: "tensor(int32)"}
#: Words of `v2:<backend>:<QNN>:<API>:<Hexagon>:<chip>:<memory>:<driver>`.
_WORDS, _ARCH, _MEMORY = 8, 4, 6


def onnx_form(compiled: Compiled) -> OnnxForm:
    """The wrapper with the binaries that it names. Raises InvalidBundle for an artifact that is not whole."""
    segment = read_segment(compiled)
    model = onnx.ModelProto(ir_version=10)
    files: dict[str, bytes | Path] = {}
    if segment.wrapper:
        wrapper, *binaries = context_files(compiled, segment)
        model = onnx.load_model_from_string(content(compiled, wrapper))
        files = {binary: compiled.files[binary] for binary in binaries}
        _say_chip(model, segment, memory_of(compiled))
        types = [(value.name, _TYPES.get(value.type.tensor_type.elem_type, "")) for value in model.graph.output]
        widen_outputs(model.graph, narrowed(types, compiled.outputs))
    if KNOWN in segment.crc32:
        for name, array in known_values(content(compiled, KNOWN)).items():
            model.graph.initializer.append(from_array(array, name))
    return OnnxForm(model, files, compiled=True)


def _say_chip(model: onnx.ModelProto, segment: Segment, memory: int | None) -> None:
    """Name the Hexagon and its memory in what ONNX Runtime judges by: compiled on a PC for a chip, both are 0 there.

    It would refuse the binary on every newer Hexagon, its own chip's included.
    """
    for prop in model.metadata_props:
        words = prop.value.split(":")
        if prop.key.startswith("ep_compatibility_info.") and len(words) == _WORDS and words[0] == "v2":
            words[_ARCH] = str(segment.htp_arch or 0) if words[_ARCH] == "0" else words[_ARCH]
            words[_MEMORY] = str(memory or 0) if words[_MEMORY] == "0" else words[_MEMORY]
            prop.value = ":".join(words)
