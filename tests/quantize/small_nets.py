"""Networks of a few nodes, made of names and weights, and encodings for their tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from zif.model.encodings.export import export
from zif_quantize.qdq import Encoding


def activations(*names: str, scale: float = 4 / 127) -> tuple[Encoding, ...]:
    return tuple(Encoding(name, "activation", "uint8", (float(np.float32(scale)),), (128,)) for name in names)


def weight(name: str, channels: int = 1, axis: int | None = None) -> Encoding:
    return Encoding(name, "param", "int8", (float(np.float32(2 / 127)),) * channels, (0,) * channels, axis)


def values(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, shape).astype(np.float32)


def net(
    nodes: Sequence[Any], ends: dict[str, Any], outs: dict[str, Any], weights: dict[str, Any], opset: int = 17
) -> onnx.ModelProto:
    kinds = {np.dtype(np.float16): TensorProto.FLOAT16, np.dtype(bool): TensorProto.BOOL}

    def value(name: str, dims: Any) -> Any:
        kind = kinds.get(np.dtype(dims[0]), TensorProto.FLOAT) if dims and isinstance(dims[0], type) else 1
        return helper.make_tensor_value_info(name, kind, [one for one in dims if isinstance(one, int)])

    graph = helper.make_graph(
        nodes,
        "net",
        [value(*one) for one in ends.items()],
        [value(*one) for one in outs.items()],
        [numpy_helper.from_array(one, name) for name, one in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    onnx.checker.check_model(made, full_check=True)
    return made


def carried(model: onnx.ModelProto) -> dict[str, Encoding]:
    return {one.name: one for one in export(model).entries}
