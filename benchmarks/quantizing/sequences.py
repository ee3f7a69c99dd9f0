"""Small networks for text and sound: transformers, recurrent ones, convolutions over time."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from quantizing.builder import Net

TOKENS, WIDTH = 16, 48
X = {"x": (1, TOKENS, WIDTH)}
WAVE = {"x": (1, 8, 128)}


def encoder(seed: int) -> onnx.ModelProto:
    """BERT's form: norms behind the residuals."""
    net = Net(seed)
    x = "x"
    for _ in range(2):
        x = net.spelled_norm(net.add("Add", x, net.attention(x, TOKENS, WIDTH, 4)), WIDTH)
        y = net.dense(net.gelu(net.dense(x, WIDTH, 4 * WIDTH)), 4 * WIDTH, WIDTH)
        x = net.spelled_norm(net.add("Add", x, y), WIDTH)
    return net.done(X, {x: (1, TOKENS, WIDTH)})


def outliers(seed: int) -> onnx.ModelProto:
    """Norms before each part, and a residual stream in which two channels are 60 times as large as the others."""
    net = Net(seed)
    push = np.zeros(WIDTH, np.float32)
    push[net.chance.integers(0, WIDTH, 2)] = 60.0
    gammas = np.where(push > 0, 0.05, 1.0).astype(np.float32)
    x = net.add("Add", "x", net.const(push))
    for _ in range(2):
        x = net.add("Add", x, net.attention(net.spelled_norm(x, WIDTH, gammas), TOKENS, WIDTH, 4))
        y = net.gelu(net.dense(net.spelled_norm(x, WIDTH, gammas), WIDTH, 4 * WIDTH))
        x = net.add("Add", x, net.dense(y, 4 * WIDTH, WIDTH))
    return net.done(X, {net.dense(net.spelled_norm(x, WIDTH, gammas), WIDTH, 10): (1, TOKENS, 10)})


def loud_norms(seed: int) -> onnx.ModelProto:
    """Gammas that make a few channels of each norm's result large, as trained encoders have them."""
    net = Net(seed)
    x = "x"
    for _ in range(2):
        gammas = np.exp(0.3 * net.chance.standard_normal(WIDTH)).astype(np.float32)
        gammas[net.chance.integers(0, WIDTH, 2)] *= 20
        x = net.add("Add", x, net.attention(net.spelled_norm(x, WIDTH, gammas), TOKENS, WIDTH, 4))
        y = net.gelu(net.dense(net.spelled_norm(x, WIDTH, gammas), WIDTH, 4 * WIDTH))
        x = net.add("Add", x, net.dense(y, 4 * WIDTH, WIDTH))
    return net.done(X, {net.dense(net.spelled_norm(x, WIDTH), WIDTH, 10): (1, TOKENS, 10)})


def decoder(seed: int) -> onnx.ModelProto:
    """LLaMA's form: RMSNorm, SwiGLU, a causal mask of -10000."""
    net = Net(seed)
    x = "x"
    for _ in range(2):
        x = net.add("Add", x, net.attention(net.rms_norm(x, WIDTH), TOKENS, WIDTH, 4))
        y = net.rms_norm(x, WIDTH)
        y = net.add("Mul", net.silu(net.dense(y, WIDTH, 2 * WIDTH)), net.dense(y, WIDTH, 2 * WIDTH))
        x = net.add("Add", x, net.dense(y, 2 * WIDTH, WIDTH))
    return net.done(X, {net.dense(net.rms_norm(x, WIDTH), WIDTH, 20): (1, TOKENS, 20)})


def vit(seed: int) -> onnx.ModelProto:
    net = Net(seed)
    x = net.conv("x", 3, WIDTH, 8, strides=[8, 8], pads=[0, 0, 0, 0])
    x = net.add("Transpose", net.add("Reshape", x, net.ints(1, WIDTH, 16)), perm=[0, 2, 1])
    x = net.add("Add", x, net.random(1, 16, WIDTH, spread=0.5))
    for _ in range(2):
        x = net.add("Add", x, net.attention(net.spelled_norm(x, WIDTH), 16, WIDTH, 4))
        y = net.gelu(net.dense(net.spelled_norm(x, WIDTH), WIDTH, 4 * WIDTH))
        x = net.add("Add", x, net.dense(y, 4 * WIDTH, WIDTH))
    x = net.add("ReduceMean", net.spelled_norm(x, WIDTH), axes=[1], keepdims=0)
    return net.done({"x": (1, 3, 32, 32)}, {net.gemm(x, WIDTH, 10): (1, 10)})


def mixer(seed: int) -> onnx.ModelProto:
    net = Net(seed)
    x = "x"
    for _ in range(3):
        y = net.add("Transpose", net.spelled_norm(x, WIDTH), perm=[0, 2, 1])
        y = net.dense(net.gelu(net.dense(y, TOKENS, 32)), 32, TOKENS)
        x = net.add("Add", x, net.add("Transpose", y, perm=[0, 2, 1]))
        y = net.gelu(net.dense(net.spelled_norm(x, WIDTH), WIDTH, 96))
        x = net.add("Add", x, net.dense(y, 96, WIDTH))
    return net.done(X, {net.dense(x, WIDTH, 10): (1, TOKENS, 10)})


def _recurrent(seed: int, kind: str, gates: int) -> onnx.ModelProto:
    net = Net(seed)
    x = net.add("Transpose", net.add("Relu", net.dense("x", WIDTH, 32)), perm=[1, 0, 2])
    weights = [net.random(1, gates * 32, 32, spread=0.25) for _ in range(2)]
    y = net.add(kind, x, *weights, net.random(1, 2 * gates * 32, spread=0.1), outputs=1, hidden_size=32)
    y = net.add("Transpose", net.add("Squeeze", y, net.ints(1)), perm=[1, 0, 2])
    y = net.dense(net.add("Relu", net.dense(y, 32, 32)), 32, 10)
    return net.done(X, {net.add("Softmax", y, axis=-1): (1, TOKENS, 10)})


def lstm(seed: int) -> onnx.ModelProto:
    return _recurrent(seed, "LSTM", 4)


def gru(seed: int) -> onnx.ModelProto:
    return _recurrent(seed, "GRU", 3)


def over_time(seed: int) -> onnx.ModelProto:
    """Dilated convolutions over time with gates, as in WaveNet."""
    net = Net(seed)
    x, total = net.conv("x", 8, 24, 3, rank=1), ""
    for dilation in (1, 2, 4):
        a, b = (net.conv(x, 24, 24, 3, rank=1, dilations=[dilation]) for _ in range(2))
        y = net.conv(net.add("Mul", net.add("Tanh", a), net.add("Sigmoid", b)), 24, 24, 1, rank=1)
        x, total = net.add("Add", x, y), net.add("Add", total, y) if total else y
    return net.done(WAVE, {net.conv(net.add("Relu", total), 24, 6, 1, rank=1): (1, 6, 128)})


def spectrum(seed: int) -> onnx.ModelProto:
    """Energies and their logarithm, then convolutions."""
    net = Net(seed)
    a, b = (net.conv("x", 8, 24, 9, rank=1) for _ in range(2))
    energy = net.add("Add", net.add("Mul", a, a), net.add("Mul", b, b))
    x = net.add("Log", net.add("Add", energy, net.number(1e-4)))
    x = net.add("Relu", net.conv(x, 24, 24, 3, rank=1))
    x = net.add("ReduceMean", net.conv(x, 24, 24, 3, rank=1), axes=[2], keepdims=0)
    return net.done(WAVE, {net.gemm(x, 24, 8): (1, 8)})


def embedding(seed: int) -> onnx.ModelProto:
    """Sentences as vectors of length 1."""
    net = Net(seed)
    table = net.random(64, WIDTH)
    x = net.add("Add", net.add("Gather", table, "x"), net.random(1, TOKENS, WIDTH, spread=0.3))
    x = net.spelled_norm(x, WIDTH)
    x = net.spelled_norm(net.add("Add", x, net.attention(x, TOKENS, WIDTH, 4)), WIDTH)
    y = net.dense(net.gelu(net.dense(x, WIDTH, 96)), 96, WIDTH)
    x = net.spelled_norm(net.add("Add", x, y), WIDTH)
    x = net.add("ReduceMean", x, axes=[1], keepdims=0)
    long = net.add("ReduceL2", x, axes=[-1], keepdims=1)
    return net.done({"x": (1, TOKENS)}, {net.add("Div", x, long): (1, WIDTH)}, {"x": TensorProto.INT64})


SEQUENCES = (encoder, outliers, loud_norms, decoder, vit, mixer, lstm, gru, over_time, spectrum, embedding)
