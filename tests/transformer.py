"""A small transformer encoder with the trait that makes real ones hard to quantize: a few channels much larger.

Trained language models carry such outlier channels through the residual stream (Dettmers et al., LLM.int8(), 2022), so
that 8 bits over the whole range leave little for the other channels. Here they are planted; everything else is random.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HEADS, CLASSES = 4, 10
#: The channels that are large.
OUTLIERS = (5, 29)


class _Net:
    def __init__(self, seed: int, tokens: int, width: int) -> None:
        self.tokens, self.width = tokens, width
        self.source = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, name: str, *shape: int, around: float = 0.0, spread: float = 1.0) -> str:
        array = around + spread * self.source.standard_normal(shape)
        self.weights.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    def constant(self, name: str, value: Any) -> str:
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, kind: str, name: str, inputs: Sequence[str], **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [f"{name}.out"], name, **attributes))
        return f"{name}.out"

    def dense(self, name: str, x: str, inner: int, outer: int) -> str:
        product = self.add("MatMul", name, [x, self.weight(f"{name}.w", inner, outer, spread=inner**-0.5)])
        return self.add("Add", f"{name}.plus", [product, self.weight(f"{name}.b", outer, spread=0.1)])

    def norm(self, name: str, x: str) -> str:
        gamma = self.weight(f"{name}.gamma", self.width, around=1.0, spread=0.1)
        return self.add("LayerNormalization", name, [x, gamma, self.weight(f"{name}.beta", self.width, spread=0.1)])

    def heads(self, name: str, x: str, order: Sequence[int]) -> str:
        apart = self.add("Reshape", f"{name}.apart", [x, "apart"])
        return self.add("Transpose", f"{name}.turned", [apart], perm=list(order))

    def attention(self, name: str, x: str) -> str:
        q, k, v = (self.dense(f"{name}.{part}", x, self.width, self.width) for part in "qkv")
        turned = self.heads(f"{name}.q", q, (0, 2, 1, 3)), self.heads(f"{name}.k", k, (0, 2, 3, 1))
        scaled = self.add("Mul", f"{name}.scaled", [self.add("MatMul", f"{name}.scores", turned), "scale"])
        seen = self.add("Softmax", f"{name}.seen", [scaled], axis=-1)
        mixed = self.add("MatMul", f"{name}.mixed", [seen, self.heads(f"{name}.v", v, (0, 2, 1, 3))])
        back = self.add("Transpose", f"{name}.back", [mixed], perm=[0, 2, 1, 3])
        return self.dense(
            f"{name}.o", self.add("Reshape", f"{name}.together", [back, "together"]), self.width, self.width
        )

    def block(self, name: str, x: str) -> str:
        attended = self.attention(f"{name}.att", self.norm(f"{name}.ln1", x))
        x = self.add("Add", f"{name}.res1", [x, attended])
        wide = self.dense(f"{name}.up", self.norm(f"{name}.ln2", x), self.width, 4 * self.width)
        narrow = self.dense(f"{name}.down", self.add("Gelu", f"{name}.gelu", [wide]), 4 * self.width, self.width)
        return self.add("Add", f"{name}.res2", [x, narrow])


def transformer(blocks: int = 2, tokens: int = 16, width: int = 48, seed: int = 0) -> onnx.ModelProto:
    """x [1, tokens, width] → pre-norm blocks → mean over tokens → y [1, 10]."""
    net = _Net(seed, tokens, width)
    net.constant("apart", np.array([1, tokens, HEADS, width // HEADS], np.int64))
    net.constant("together", np.array([1, tokens, width], np.int64))
    net.constant("scale", np.float32((width // HEADS) ** -0.5))
    x = "x"
    for number in range(blocks):
        x = net.block(f"b{number}", x)
    mean = net.add(
        "ReduceMean", "mean", [net.norm("last", x), net.constant("axis", np.array([1], np.int64))], keepdims=0
    )
    net.dense("head", mean, width, CLASSES)
    net.nodes[-1].output[0] = "y"
    graph = helper.make_graph(
        net.nodes,
        "transformer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, tokens, width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, CLASSES])],
        net.weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def sentences(count: int, tokens: int = 16, width: int = 48, seed: int = 1) -> list[dict[str, np.ndarray[Any, Any]]]:
    """Inputs with the outlier channels."""
    source = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        x = source.standard_normal((1, tokens, width)).astype(np.float32)
        x[..., OUTLIERS] *= 20
        made.append({"x": x})
    return made
