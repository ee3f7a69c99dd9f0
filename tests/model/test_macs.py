"""Multiply-accumulates: by hand, and against what torchvision publishes for its models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from model.graphs import model
from onnx import numpy_helper
from zif.model import load


def count(text: str, shapes: dict[str, tuple[int, ...]], imports: str = "", opset: int = 17, packed: str = "") -> int:
    """MACs of a graph whose free names are initializers of the given shapes; those in `packed` are of bytes."""
    proto = model(text, imports=imports, opset=opset)
    for name, shape in shapes.items():
        weights = np.zeros(shape, np.uint8 if name in packed else np.float32)
        proto.graph.initializer.append(numpy_helper.from_array(weights, name))
    return sum(unit.macs for unit in load(proto).units)


@pytest.mark.parametrize(
    ("text", "shapes", "macs"),
    [
        ("(float[2,3,8,8] x) => (float[] y) { y = Conv<strides=[2,2]>(x, w) }", {"w": (5, 3, 3, 3)}, 2 * 5 * 9 * 27),
        ("(float[1,6,8] x) => (float[] y) { y = Conv<group=3>(x, w) }", {"w": (6, 2, 3)}, 6 * 6 * 2 * 3),
        ("(float[1,3,4,4] x) => (float[] y) { y = ConvTranspose(x, w) }", {"w": (3, 5, 2, 2)}, 3 * 16 * 5 * 4),
        ("(float[2,4] x) => (float[] y) { y = Gemm(x, w) }", {"w": (4, 3)}, 24),
        ("(float[4,2] x) => (float[] y) { y = Gemm<transA=1, transB=1>(x, w) }", {"w": (3, 4)}, 24),
        ("(float[7,1,2,4] x) => (float[] y) { y = MatMul(x, w) }", {"w": (5, 4, 3)}, 7 * 5 * 2 * 4 * 3),
        ("(float[4] x) => (float[] y) { y = MatMul(x, w) }", {"w": (4, 3)}, 12),
        ("(float[2,4] x) => (float[] y) { y = MatMul(x, w) }", {"w": (4,)}, 8),
        ("(float[2,4] x) => (float[] y) { y = MatMul(x, w) }", {"w": (6, 4, 3)}, 6 * 2 * 4 * 3),
        ('(float[2,4] x) => (float[] y) { y = Einsum<equation="ij,jk->ik">(x, w) }', {"w": (4, 3)}, 24),
        ('(float[9,2,4] x) => (float[] y) { y = Einsum<equation="...ij,jk">(x, w) }', {"w": (4, 3)}, 9 * 24),
        ('(float[4,4] x) => (float[] y) { y = Einsum<equation="ij->ji">(x) }', {}, 0),
        (
            '(float[5,2,3] x) => (float[] y) { y, h, c = LSTM<hidden_size=7, direction="bidirectional">(x, w, r) }',
            {"w": (2, 28, 3), "r": (2, 28, 7)},
            5 * 2 * 2 * 4 * 7 * (3 + 7),
        ),
        (
            "(float[5,2,3] x) => (float[] y) { y, h = GRU<hidden_size=7>(x, w, r) }",
            {"w": (1, 21, 3), "r": (1, 21, 7)},
            5 * 2 * 3 * 7 * 10,
        ),
        ("(float[2,3] x) => (float[] y) { y = Softmax(x) }", {}, 0),
        ("(float[2,3] x) => (float[] y) { y = Transpose(x) }", {}, 0),
    ],
)
def test_by_hand(text: str, shapes: dict[str, tuple[int, ...]], macs: int) -> None:
    assert count("g " + text, shapes) == macs


@pytest.mark.needs(opset=23)
def test_attention() -> None:
    four = "g (float[2,6,5,8] q, float[2,3,7,8] k, float[2,3,7,4] v) => (float[] y) { y = Attention(q, k, v) }"
    assert count(four, {}, opset=23) == 2 * 6 * 5 * 7 * (8 + 4)
    three = """g (float[2,5,48] q, float[2,7,24] k, float[2,7,12] v) => (float[] y) {
        y = Attention<q_num_heads=6, kv_num_heads=3>(q, k, v) }"""
    assert count(three, {}, opset=23) == 2 * 6 * 5 * 7 * (8 + 4)


def test_integer_and_packed_products() -> None:
    text = "g (uint8[2, 4] x) => (int32[2, 3] y) { y = MatMulInteger(x, w) }"
    proto = model(text)
    proto.graph.initializer.append(numpy_helper.from_array(np.zeros((4, 3), np.uint8), "w"))
    assert load(proto).units[0].macs == 24
    packed = """g (float[2,64] x) => (float[2,3] y) {
        y = com.microsoft.MatMulNBits<N=3, K=64, bits=4, block_size=32>(x, b, s) }"""
    assert count(packed, {"b": (3, 2, 16), "s": (6,)}, imports='"com.microsoft": 1', packed="b") == 2 * 64 * 3


def test_a_node_of_unknown_shapes_counts_nothing() -> None:
    assert count("g (float[] x) => (float[] y) { y = MatMul(x, x) }", {}) == 0


PUBLISHED = {
    **{
        "resnet18": 1.81,
        "resnet50": 4.09,
        "mobilenet_v2": 0.30,
        "convnext_tiny": 4.46,
        "swin_tiny": 4.49,
        "vit": 17.56,
    },
    **{"densenet121": 2.83, "efficientnet_b0": 0.39, "resnet_2plus1d": 40.52, "resnet_3d": 40.70, "googlenet": 1.50},
    **{"regnet": 3.18, "wideresnet50": 11.40, "mobilenet_v3_large": 0.22, "swin_base": 15.43, "resnext50": 4.23},
}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_figures(name: str, shared: Path) -> None:
    """Billions of multiply-accumulates, from torchvision's table of weights."""
    total = sum(unit.macs for unit in load(shared / "data/graphs" / f"{name}.onnx").units)
    assert round(total / 1e9, 2) == PUBLISHED[name]


def test_a_classic_in_onnx_itself() -> None:
    light = Path(onnx.__file__).parent / "backend/test/data/light/light_vgg19.onnx"
    assert round(sum(unit.macs for unit in load(light).units) / 1e9, 1) == 19.6
