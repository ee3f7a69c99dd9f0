"""Asking ONNX Runtime about one unit: can it make a session of it?

The kernel registry does not decide everything. An operator without a kernel may be one that ONNX Runtime replaces by
the function in its schema (HardSwish, Swish, LinearAttention …), or that its optimizer turns into another.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING

import onnx
import onnxruntime
from onnx import helper
from zif import InvalidModel, Verdict
from zif.plugin import bodies, from_array

from zif_qnn_cpu.engine import ENGINE, PROVIDER
from zif_qnn_cpu.guards import guard
from zif_qnn_cpu.options import Options
from zif_qnn_cpu.sessions import register, session_options

if TYPE_CHECKING:
    from pathlib import Path

    from zif import Model, Unit

#: Initializers up to this many elements are given to the engine by value: shapes and axes often must be known.
SMALL = 64

#: What was answered before, in this process.
_answers: dict[Hashable, Verdict] = {}


def probed(model: Model, unit: Unit) -> Verdict:
    """The engine's answer on one unit of `model`, its larger weights left out."""
    key = _key(model, unit)
    verdict = _answers.get(key) if key is not None else None
    if verdict is None:
        verdict = _probed(model, unit)
        if key is not None:
            _answers[key] = verdict
    return verdict


def _probed(model: Model, unit: Unit) -> Verdict:
    try:
        problem = _ask(_question(model, unit), model.custom_ops)
    except InvalidModel as error:  # a value of unknown type, or a small weight whose file is missing
        return Verdict(None, "probed", "probe-failed", f"{ENGINE} cannot be asked: {error}")
    if problem:
        return Verdict(False, "probed", "probe-failed", f"{ENGINE} was asked and refused: {problem}")
    return Verdict(True, "probed", "ok", f"{ENGINE} was asked and takes it")


def _key(model: Model, unit: Unit) -> Hashable | None:
    """Equal for units to which the engine must answer alike; None for a unit of several nodes or with small weights."""
    if len(unit.nodes) > 1 or any((model.tensors[name].elements or 0) <= SMALL for name in unit.weights):
        return None
    node = model.proto.graph.node[unit.nodes[0]]
    if bodies(node):
        return None
    values = tuple((info.type, info.shape) if info else None for info in map(model.tensors.get, _values(node)))
    attributes = tuple(attribute.SerializeToString() for attribute in node.attribute)
    version = model.opsets.get(unit.domain)
    return unit.op_type, unit.domain, version, model.custom_ops, attributes, values


def _values(node: onnx.NodeProto) -> Iterator[str]:
    return itertools.chain(node.input, node.output)


def _question(model: Model, unit: Unit) -> bytes:
    """The unit as a model of its own."""
    asked = onnx.ModelProto()
    asked.CopyFrom(model.slice([unit.id], "unit").proto)
    graph = asked.graph
    initializers = list(graph.initializer)
    del graph.initializer[:]
    fed = {value.name for value in graph.input}
    for tensor in initializers:
        info = model.tensors[tensor.name]
        if (info.elements or 0) <= SMALL:
            graph.initializer.append(from_array(model.array(tensor.name), tensor.name))
        elif tensor.name not in fed:
            graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    guard(asked)  # the engine computes constants when it opens a model
    return bytes(asked.SerializeToString())


def _ask(question: bytes, custom_ops: Sequence[Path]) -> str:
    """What ONNX Runtime objects to; "" when it makes a session."""
    options = session_options(Options(num_threads=1), shared=False, level="all")  # those of a real session
    register(options, custom_ops)
    try:
        onnxruntime.InferenceSession(question, options, providers=[PROVIDER], enable_fallback=0)
    except Exception as error:  # ONNX Runtime's errors have no common base class
        return str(error).strip().splitlines()[0].partition(" : ")[2] or type(error).__name__
    return ""
