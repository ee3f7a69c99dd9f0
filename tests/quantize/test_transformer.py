"""Transformers: LayerNormalization and Gelu from their parts, attention with a mask, and the whole on HTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from quantized_nets import run, sqnr
from zif_quantize import calibrate, prepare, quantize_model

TOKENS, WIDTH, HEADS = 16, 32, 2
BIG = -3.0e38
SAMPLES = [
    {
        "x": np.random.default_rng(seed).standard_normal((1, TOKENS, WIDTH)).astype(np.float32),
        "keep": (np.arange(TOKENS) < TOKENS - seed).astype(np.float32)[None, None, None],
    }
    for seed in range(6)
]


class _Builder:
    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.random = np.random.default_rng(0)

    def node(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        name = f"{op_type}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, inputs, [f"{name}_out"], name, **attributes))
        return f"{name}_out"

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def dense(self, x: str, inner: int, outer: int) -> str:
        weight = self.constant(self.random.standard_normal((inner, outer)) / np.sqrt(inner))
        return self.node("Add", self.node("MatMul", x, weight), self.constant(self.random.standard_normal(outer) / 4))

    def norm(self, x: str) -> str:
        """LayerNormalization as PyTorch's old exporter wrote it."""
        centred = self.node("Sub", x, self.node("ReduceMean", x, axes=[-1]))
        spread = self.node("ReduceMean", self.node("Pow", centred, self.constant(2.0)), axes=[-1])
        scaled = self.node("Div", centred, self.node("Sqrt", self.node("Add", spread, self.constant(1e-5))))
        gamma, beta = self.constant(1 + self.random.standard_normal(WIDTH) / 4), self.constant(np.zeros(WIDTH))
        return self.node("Add", self.node("Mul", scaled, gamma), beta)

    def gelu(self, x: str) -> str:
        inner = self.node("Erf", self.node("Div", x, self.constant(np.sqrt(2))))
        product = self.node("Mul", x, self.node("Add", inner, self.constant(1.0)))
        return self.node("Mul", product, self.constant(0.5))

    def heads(self, x: str, order: list[int]) -> str:
        shape = self.constant([1, TOKENS, HEADS, WIDTH // HEADS], np.int64)
        return self.node("Transpose", self.node("Reshape", x, shape), perm=order)

    def attention(self, x: str, mask: str) -> str:
        q, v = (self.heads(self.dense(x, WIDTH, WIDTH), [0, 2, 1, 3]) for _ in range(2))
        k = self.heads(self.dense(x, WIDTH, WIDTH), [0, 2, 3, 1])
        scores = self.node("Mul", self.node("MatMul", q, k), self.constant((WIDTH // HEADS) ** -0.5))
        shares = self.node("Softmax", self.node("Add", scores, mask), axis=-1)
        back = self.node("Transpose", self.node("MatMul", shares, v), perm=[0, 2, 1, 3])
        joined = self.node("Reshape", back, self.constant([1, TOKENS, WIDTH], np.int64))
        return self.dense(joined, WIDTH, WIDTH)


def transformer() -> onnx.ModelProto:
    """Two layers with everything written out in parts, opset 14; padded tokens are masked with the least float."""
    made = _Builder()
    mask = made.node("Mul", made.node("Sub", made.constant(1.0), "keep"), made.constant(BIG))
    x = "x"
    for _ in range(2):
        x = made.norm(made.node("Add", x, made.attention(x, mask)))
        x = made.norm(made.node("Add", x, made.dense(made.gelu(made.dense(x, WIDTH, 64)), 64, WIDTH)))
    ends = [("x", [1, TOKENS, WIDTH]), ("keep", [1, 1, 1, TOKENS]), (x, [1, TOKENS, WIDTH])]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in ends]
    graph = helper.make_graph(made.nodes, "transformer", values[:2], values[2:], made.weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


@pytest.fixture(scope="module")
def model() -> Iterator[Any]:
    return prepare(transformer())


def test_parts_are_fused_whatever_the_opset(model: Any) -> None:
    kinds = [unit.op_type for unit in model.units]
    assert kinds.count("LayerNormalization") == 4
    assert kinds.count("Gelu") == 2
    assert not {"Erf", "ReduceMean", "Pow"} & set(kinds)
    np.testing.assert_allclose(run(model.proto, SAMPLES[2]), run(transformer(), SAMPLES[2]), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("precision", "least"), [("w8a8", 22), ("w8a16", 30), ("w16a16", 45)])
def test_a_mask_does_not_stretch_the_range_of_the_scores(model: Any, precision: str, least: float) -> None:
    made = quantize_model(model, calibrate(model, SAMPLES), precision)
    for sample in SAMPLES[1:3]:
        assert sqnr(run(transformer(), sample), run(made, sample)) > least


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["w8a8", "w8a16", "w4a16", "w16a16"])
def test_the_whole_goes_to_htp(precision: str) -> None:
    pytest.importorskip("zif_qnn_htp", reason="Qualcomm's compiler is not installed")
    model = prepare(transformer(), target="snapdragon-8-gen-3")
    made = quantize_model(model, calibrate(model, SAMPLES), precision)
    plan = zif.plan(made, target="snapdragon-8-gen-3", exclude=("reference",))
    refused = [unit.name for unit in plan.units if unit.verdicts["qnn_htp"].supported is not True]
    assert not refused
    with zif.load(made, target="snapdragon-8-gen-3", exclude=("reference",), policy="power") as session:
        (got,) = session.run(SAMPLES[1]).values()
    assert sqnr(run(made, SAMPLES[1]), got) > 20
