"""A small decoder whose weights are int4 in blocks: `com.microsoft.MatMulNBits`, as every exporter of language models
writes them, and the same decoder in float with the very numbers that its int4 weights stand for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Floats = NDArray[np.float32]
WIDTH, TOKENS, HEADS, WORDS = 128, 8, 4, 64


def packed(weight: Floats, block: int, zero_points: bool) -> tuple[dict[str, Any], Floats]:
    """The inputs B, scales and zero points of MatMulNBits for float32[K, N], and the weight that they stand for."""
    rows, columns = weight.shape
    blocks = weight.T.reshape(columns, rows // block, block)
    if zero_points:
        low, high = np.minimum(blocks.min(-1), 0), np.maximum(blocks.max(-1), 0)
        scale = ((high - low) / 15).astype(np.float32)
        zero = np.clip(np.round(-low / scale), 0, 15)
    else:
        scale = (np.abs(blocks).max(-1) / 7).astype(np.float32)
        zero = np.full(scale.shape, 8.0)
    steps = np.clip(np.round(blocks / scale[..., None] + zero[..., None]), 0, 15).astype(np.uint8)
    stood_for = ((steps - zero[..., None]) * scale[..., None]).reshape(columns, rows).T.astype(np.float32)
    inputs = {"b": _pairs(steps), "s": scale.reshape(-1)}
    if zero_points:
        inputs["z"] = _pairs(np.pad(zero.astype(np.uint8), ((0, 0), (0, zero.shape[1] % 2)))).reshape(-1)
    return inputs, stood_for


def _pairs(nibbles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return nibbles[..., 0::2] | (nibbles[..., 1::2] << 4)


class _Net:
    """Nodes and weights in the order in which they are added."""

    def __init__(self, block: int, zero_points: bool, in_float: bool) -> None:
        self.block, self.zero_points, self.in_float = block, zero_points, in_float
        self.source = np.random.default_rng(0)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def constant(self, name: str, value: Any) -> str:
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, kind: str, name: str, inputs: Sequence[str], **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [f"{name}.out"], name, **attributes))
        return f"{name}.out"

    def linear(self, source: str, name: str, rows: int, columns: int) -> str:
        weight = (self.source.standard_normal((rows, columns)) / np.sqrt(rows)).astype(np.float32)
        inputs, stood_for = packed(weight, self.block, self.zero_points)
        if self.in_float:
            return self.add("MatMul", name, [source, self.constant(f"{name}.w", stood_for)])
        names = [self.constant(f"{name}.{key}", value) for key, value in inputs.items()]
        sizes = {"K": rows, "N": columns, "bits": 4, "block_size": self.block}
        return self.add("MatMulNBits", name, [source, *names], domain="com.microsoft", **sizes)

    def normalized(self, source: str, name: str) -> str:
        gain = self.constant(f"{name}.gain", (1 + 0.1 * self.source.standard_normal(WIDTH)).astype(np.float32))
        mean = self.add("ReduceMean", f"{name}.mean", [self.add("Mul", f"{name}.square", [source, source]), "last"])
        root = self.add("Sqrt", f"{name}.root", [self.add("Add", f"{name}.sum", [mean, "epsilon"])])
        return self.add("Mul", name, [self.add("Div", f"{name}.quotient", [source, root]), gain])

    def attention(self, source: str, name: str) -> str:
        parts = {}
        for part, order in {"q": (0, 2, 1, 3), "k": (0, 2, 3, 1), "v": (0, 2, 1, 3)}.items():
            split = self.add(
                "Reshape", f"{name}.{part}r", [self.linear(source, f"{name}.{part}", WIDTH, WIDTH), "split"]
            )
            parts[part] = self.add("Transpose", f"{name}.{part}t", [split], perm=order)
        scores = self.add(
            "Mul", f"{name}.scaled", [self.add("MatMul", f"{name}.qk", [parts["q"], parts["k"]]), "scale"]
        )
        shares = self.add("Softmax", f"{name}.softmax", [self.add("Add", f"{name}.masked", [scores, "mask"])], axis=-1)
        mixed = self.add(
            "Transpose", f"{name}.back", [self.add("MatMul", f"{name}.av", [shares, parts["v"]])], perm=(0, 2, 1, 3)
        )
        return self.linear(self.add("Reshape", f"{name}.joined", [mixed, "join"]), f"{name}.o", WIDTH, WIDTH)

    def layer(self, source: str, name: str) -> str:
        attended = self.add(
            "Add", f"{name}.first", [source, self.attention(self.normalized(source, f"{name}.n1"), name)]
        )
        inner = self.normalized(attended, f"{name}.n2")
        up, gate = (self.linear(inner, f"{name}.{part}", WIDTH, 2 * WIDTH) for part in ("up", "gate"))
        swish = self.add("Mul", f"{name}.swish", [gate, self.add("Sigmoid", f"{name}.sigmoid", [gate])])
        down = self.linear(self.add("Mul", f"{name}.glu", [swish, up]), f"{name}.down", 2 * WIDTH, WIDTH)
        return self.add("Add", f"{name}.second", [attended, down])


def decoder(block: int, zero_points: bool, *, in_float: bool = False, layers: int = 2) -> onnx.ModelProto:
    """ids int64[1, 8] → embedding → layers of attention and gated MLP → logits float32[1, 8, 64]."""
    net = _Net(block, zero_points, in_float)
    net.constant("epsilon", np.float32(1e-5))
    net.constant("last", np.array([-1]))
    net.constant("scale", np.float32((WIDTH // HEADS) ** -0.5))
    net.constant("mask", np.triu(np.full((TOKENS, TOKENS), -1e4, np.float32), 1))
    net.constant("split", np.array([1, TOKENS, HEADS, WIDTH // HEADS]))
    net.constant("join", np.array([1, TOKENS, WIDTH]))
    table = net.constant("table", net.source.standard_normal((WORDS, WIDTH)).astype(np.float32))
    hidden = net.add("Gather", "embedding", [table, "ids"])
    for number in range(layers):
        hidden = net.layer(hidden, f"l{number}")
    logits = net.linear(net.normalized(hidden, "last_norm"), "head", WIDTH, WORDS)
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, [1, TOKENS])
    output = helper.make_tensor_value_info(logits, TensorProto.FLOAT, [1, TOKENS, WORDS])
    graph = helper.make_graph(net.nodes, "decoder", [ids], [output], net.weights)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)
