"""A model on the emulator of the HTP beside ONNX Runtime's CPU without optimizations, on one set of inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import zif
from onnx import NodeProto, helper, numpy_helper

CHIP = "snapdragon-8-gen-3"


def made(
    nodes: Sequence[NodeProto],
    feed: Mapping[str, np.ndarray],
    outputs: Sequence[str],
    weights: Mapping[str, Any] | None = None,
    opset: int = 18,
    kind: int = onnx.TensorProto.FLOAT,
) -> onnx.ModelProto:
    """A model whose inputs are as these values, and whose outputs are all of one type."""
    types = {name: helper.np_dtype_to_tensor_dtype(value.dtype) for name, value in feed.items()}
    ends = [helper.make_tensor_value_info(name, types[name], value.shape) for name, value in feed.items()]
    shown = [helper.make_tensor_value_info(name, kind, None) for name in outputs]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in (weights or {}).items()]
    graph = helper.make_graph(list(nodes), "beside", ends, shown, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def right(model: onnx.ModelProto, feed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What ONNX Runtime's CPU computes operator by operator."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feed)), strict=True))


def decibels(good: np.ndarray, bad: np.ndarray) -> float:
    """The ratio of what is right to what is off, in dB; 300 where nothing is."""
    wanted = good.astype(np.float64)
    noise = float(((wanted - bad.astype(np.float64)) ** 2).sum())
    return 10 * float(np.log10(float((wanted**2).sum()) / noise)) if noise else 300.0


def worst(model: onnx.ModelProto, feed: Mapping[str, np.ndarray], **wishes: Any) -> float:
    """The least ratio of an output, in dB, wherever zif lets the model's units run."""
    good = right(model, feed)
    with zif.load(model, target=CHIP, cache=False, verify="off", **wishes) as session:
        made = session.run(feed)
    return min(decibels(good[name], made[name]) for name in good)


def takes(model: onnx.ModelProto) -> dict[str, bool]:
    """Whether the HTP takes each unit, by its name."""
    plan = zif.plan(model, target=CHIP)
    return {unit.name: unit.verdicts["qnn_htp"].supported is True for unit in plan.units}


#: Every unit on the HTP.
PINNED = {"pin": {"*": "qnn_htp"}}
