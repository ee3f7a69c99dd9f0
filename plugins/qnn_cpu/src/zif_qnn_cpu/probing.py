"""Asking ONNX Runtime about one unit: can it make a session of it?

The kernel registry does not decide everything. An operator without a kernel may be one that ONNX Runtime replaces by
the function in its schema (HardSwish, Swish, LinearAttention …), or that its optimizer turns into another.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import onnx
import onnxruntime
from onnx import helper
from zif import Verdict
from zif.errors import InvalidModel
from zif.model.subgraphs import bodies

from zif_qnn_cpu.kernels import ENGINE, PROVIDER

if TYPE_CHECKING:
    from zif import Model, Unit

#: Initializers up to this many elements are given to the engine by value: shapes and axes often must be known.
SMALL = 64


def probed(model: Model, unit: Unit) -> Verdict:
    """The engine's answer on one unit of `model`, its larger weights left out."""
    try:
        question = _question(model, unit)
    except InvalidModel as error:  # a value of unknown type, or a small weight whose file is missing
        return Verdict(None, "probed", "probe-failed", f"{ENGINE} cannot be asked: {error}")
    problem = _ask(question)
    if problem:
        return Verdict(False, "probed", "probe-failed", f"{ENGINE} was asked and refused: {problem}")
    return Verdict(True, "probed", "ok", f"{ENGINE} has no kernel of this name and type, was asked, and takes it")


def _question(model: Model, unit: Unit) -> bytes:
    """The unit as a model of its own, its values renamed so that equal units make equal questions."""
    asked = onnx.ModelProto()
    asked.CopyFrom(model.slice([unit.id], "unit").proto)
    graph = asked.graph
    initializers = list(graph.initializer)
    del graph.initializer[:]
    fed = {value.name for value in graph.input}
    for tensor in initializers:
        info = model.tensors[tensor.name]
        if (info.elements or 0) <= SMALL:
            graph.initializer.append(onnx.numpy_helper.from_array(model.array(tensor.name), tensor.name))
        elif tensor.name not in fed:
            graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    if not any(bodies(node) for node in graph.node):
        _rename(graph)
    return bytes(asked.SerializeToString(deterministic=True))


def _rename(graph: onnx.GraphProto) -> None:
    names: dict[str, str] = {"": ""}
    for number, node in enumerate(graph.node):
        node.name = f"n{number}"
        for values in (node.input, node.output):
            values[:] = [names.setdefault(value, f"v{len(names)}") for value in values]
    for holder in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        holder.name = names.setdefault(holder.name, f"v{len(names)}")


@lru_cache(maxsize=4096)
def _ask(question: bytes) -> str:
    """What ONNX Runtime objects to; "" when it makes a session."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # a refusal is an answer here, nothing to log
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        onnxruntime.InferenceSession(question, options, providers=[PROVIDER], enable_fallback=0)
    except Exception as error:  # ONNX Runtime's errors have no common base class
        return str(error).strip().splitlines()[0].partition(" : ")[2] or type(error).__name__
    return ""
