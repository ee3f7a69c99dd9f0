"""Models of a few nodes for the tests of costs: shapes only, weights without data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx
from onnx import TensorProto, helper
from zif.model import Model


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[int]],
    outputs: Sequence[str],
    weights: Mapping[str, Sequence[int]] | None = None,
    **types: int,
) -> Model:
    """A model whose initializers lie in a file that does not exist; `types` gives element types other than float."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, types.get(n, TensorProto.FLOAT), s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, types.get(n, TensorProto.FLOAT), None) for n in outputs],
        [weight(n, s, types.get(n, TensorProto.FLOAT)) for n, s in (weights or {}).items()],
    )
    return Model.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10))


def weight(name: str, shape: Sequence[int], kind: int = TensorProto.FLOAT) -> TensorProto:
    found = TensorProto(name=name, data_type=kind, dims=shape, data_location=TensorProto.EXTERNAL)
    found.external_data.add(key="location", value="nowhere.bin")
    return found


def node(op: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs.split(), [output], name=output, **attributes)


def conv(channels: int = 64, made: int = 64, size: int = 16, kernel: int = 1, groups: int = 1) -> Model:
    """One convolution that keeps the size of its input."""
    nodes = [node("Conv", "x w", "y", group=groups, pads=[kernel // 2] * 4)]
    return model(nodes, {"x": [1, channels, size, size]}, ["y"], {"w": [made, channels // groups, kernel, kernel]})
