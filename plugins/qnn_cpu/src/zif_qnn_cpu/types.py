"""What ONNX Runtime infers of operators that onnx does not have: its contrib operators, and those of a user's library.

A model is loaded and never initialized: that checks and infers, and needs no kernel, so operators for other devices are
known, too. It takes some 0.2 ms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import onnxruntime
from onnx import TensorProto, TypeProto, helper
from onnxruntime.capi import onnxruntime_pybind11_state as native

from zif_qnn_cpu.sessions import register

#: What the values are called that hold the dimensions of an output.
_DIMS = "/dims"
_TYPE = re.compile(r"(seq|optional)?\(?tensor\((\w+)\)\)?")
_NUMBERS = {word.lower(): number for word, number in TensorProto.DataType.items()}


def output_types(model: onnx.ModelProto, libraries: Sequence[Path] = ()) -> dict[str, TypeProto]:
    """The types of the outputs of a model, by name, as far as the engine infers them.

    Raises what the engine raises for an operator that it does not have, or inputs that the operator does not take.
    """
    asked = onnx.ModelProto()
    asked.CopyFrom(model)
    if not any(entry.domain in ("", "ai.onnx") for entry in asked.opset_import):
        asked.opset_import.append(helper.make_opsetid("", 17))
    names = [value.name for value in asked.graph.output]
    for name in names:  # the engine gives the same for a scalar and for what it knows no rank of: Shape tells
        asked.graph.node.append(helper.make_node("Shape", [name], [name + _DIMS]))
        asked.graph.output.append(helper.make_empty_tensor_value_info(name + _DIMS))
    try:
        said = _inferred(asked, libraries)
    except Exception:  # a sequence has no Shape
        del asked.graph.node[len(model.graph.node) :], asked.graph.output[len(names) :]
        said = _inferred(asked, libraries)
    return {name: kind for name in names if (kind := _type(*said[name], said.get(name + _DIMS))) is not None}


def _inferred(model: onnx.ModelProto, libraries: Sequence[Path]) -> Mapping[str, tuple[str, list[int | str | None]]]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    register(options, libraries)
    session = native.InferenceSession(options, model.SerializeToString(), False, False)
    return {output.name: (output.type, output.shape) for output in session.outputs_meta}


def _type(
    text: str, shape: Sequence[int | str | None], dims: tuple[str, list[int | str | None]] | None
) -> TypeProto | None:
    match = _TYPE.fullmatch(text)
    if match is None or match[2] not in _NUMBERS:
        return None
    rank = dims[1][0] if dims is not None else None
    known = shape if shape or rank == 0 else None
    kind = helper.make_tensor_type_proto(_NUMBERS[match[2]], known)
    if match[1] == "seq":
        return helper.make_sequence_type_proto(kind)
    return helper.make_optional_type_proto(kind) if match[1] else kind
