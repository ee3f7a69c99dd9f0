"""The shared architectures with random weights, quantized as a user would: real Q/DQ models of real structure."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.external_data_helper import uses_external_data

#: How the float model is prepared before it is quantized.
RECIPES = ("as exported", "GELU as Erf", "optimized first")


def recipes(source: Path) -> list[str]:
    """Those that make a difference to this model."""
    gelu = any(node.op_type == "Gelu" for node in onnx.load(source, load_external_data=False).graph.node)
    return [recipe for recipe in RECIPES if gelu or recipe != "GELU as Erf"]


def quantized(source: Path, recipe: str, folder: Path) -> Path:
    """A QDQ model of `source` (weights made up) in `folder`: every operator quantized, 8 bits, QNN's configuration."""
    from onnxruntime.quantization import QuantType, quantize
    from onnxruntime.quantization.execution_providers.qnn import get_qnn_qdq_config

    plain = folder / f"{source.stem}.onnx"
    logging.getLogger().setLevel(logging.ERROR)  # the quantizer gives advice that these recipes do not want
    model = filled(source)
    if recipe == "GELU as Erf":
        _gelu_as_erf(model.graph)
    onnx.save(model, plain)
    if recipe == "optimized first":
        plain = _optimized(plain)
    weight = QuantType.QInt8 if recipe == "optimized first" else QuantType.QUInt8
    result = folder / f"{source.stem}.qdq.onnx"
    config = get_qnn_qdq_config(plain, _Samples(plain), activation_type=QuantType.QUInt8, weight_type=weight)
    quantize(plain, result, config)
    return result


def filled(source: Path) -> onnx.ModelProto:
    """The model with weights: normal, scaled by fan-in; vectors (scales, variances) positive. The same at every run."""
    model = onnx.load(source, load_external_data=False)
    rng = np.random.default_rng(0)
    for tensor in _outside(model.graph):
        shape = tuple(tensor.dims)
        fan_in = max(int(np.prod(shape[1:])), 1)
        values = rng.standard_normal(shape) / np.sqrt(fan_in) if len(shape) > 1 else rng.uniform(0.5, 1.5, shape)
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32), tensor.name))
    return model


def _outside(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    constants = (attribute.t for node in graph.node for attribute in node.attribute if attribute.HasField("t"))
    yield from (tensor for tensor in (*graph.initializer, *constants) if uses_external_data(tensor))


def _gelu_as_erf(graph: onnx.GraphProto) -> None:
    """x / 2 · (1 + erf(x / √2)) in five nodes, as exporters wrote it before opset 20 had Gelu."""
    constants = {"gelu_half": 0.5, "gelu_one": 1.0, "gelu_root": 2**0.5}
    graph.initializer.extend(numpy_helper.from_array(np.float32(v), name) for name, v in constants.items())
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        if node.op_type != "Gelu":
            graph.node.append(node)
            continue
        x, y = node.input[0], node.output[0]
        steps = [("Div", [x, "gelu_root"]), ("Erf", [f"{y}_erf0"]), ("Add", [f"{y}_erf1", "gelu_one"])]
        steps += [("Mul", [x, f"{y}_erf2"]), ("Mul", [f"{y}_erf3", "gelu_half"])]
        for number, (op, inputs) in enumerate(steps):
            output = y if number == len(steps) - 1 else f"{y}_erf{number}"
            graph.node.append(helper.make_node(op, inputs, [output], f"{node.name}_erf{number}"))


def _optimized(path: Path) -> Path:
    """The model as ONNX Runtime saves it at its basic level."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path.with_suffix(".basic.onnx"))
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return path.with_suffix(".basic.onnx")


class _Samples:
    """Two random pictures: ranges do not change what is supported."""

    def __init__(self, path: Path) -> None:
        value = onnx.load(path, load_external_data=False).graph.input[0]
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        rng = np.random.default_rng(0)
        self._left: Iterator[dict[str, Any]] = iter(
            [{value.name: rng.standard_normal(shape).astype(np.float32)} for _ in range(2)]
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self._left, None)
