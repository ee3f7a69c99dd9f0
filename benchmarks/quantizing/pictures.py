"""Small networks for pictures, of the kinds that are deployed: random weights, the forms of their exporters."""

from __future__ import annotations

import onnx

from quantizing.builder import Net

X = {"x": (1, 3, 32, 32)}


def vgg(seed: int) -> onnx.ModelProto:
    net = Net(seed, 13)
    x, width = "x", 3
    for outer in (16, 32, 32):
        x = net.add("Relu", net.conv(x, width, outer))
        x, width = net.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), outer
    x = net.add("Relu", net.gemm(net.add("Flatten", x), 512, 64))
    return net.done(X, {net.gemm(x, 64, 10): (1, 10)})


def resnet(seed: int) -> onnx.ModelProto:
    net = Net(seed)
    x = net.add("Relu", net.norm(net.conv("x", 3, 24), 24))
    for _ in range(4):
        y = net.add("Relu", net.norm(net.conv(x, 24, 24), 24))
        x = net.add("Relu", net.add("Add", net.norm(net.conv(y, 24, 24), 24), x))
    return net.done(X, {net.gemm(net.add("Flatten", net.add("GlobalAveragePool", x)), 24, 10): (1, 10)})


def mobilenet(seed: int) -> onnx.ModelProto:
    """Depthwise convolutions whose channels lie far apart, Clip to 6."""
    net = Net(seed)
    low, high = net.number(0.0), net.number(6.0)
    x = net.add("Clip", net.norm(net.conv("x", 3, 16), 16), low, high)
    for stride in (1, 2, 1):
        y = net.add("Clip", net.norm(net.conv(x, 16, 64, 1), 64), low, high)
        y = net.norm(net.conv(y, 64, 64, group=64, strides=[stride] * 2, uneven=1.0), 64)
        y = net.norm(net.conv(net.add("Clip", y, low, high), 64, 16, 1), 16)
        x = net.add("Add", x, y) if stride == 1 else y
    return net.done(X, {net.gemm(net.add("Flatten", net.add("GlobalAveragePool", x)), 16, 10): (1, 10)})


def _squeezed(net: Net, x: str, width: int, gate: str) -> str:
    """Squeeze and excite."""
    y = net.add("Relu", net.conv(net.add("GlobalAveragePool", x), width, width // 4, 1))
    return str(net.add("Mul", x, net.add(gate, net.conv(y, width // 4, width, 1))))


def mobilenet_v3(seed: int) -> onnx.ModelProto:
    net = Net(seed)
    x = net.add("HardSwish", net.norm(net.conv("x", 3, 16, strides=[2, 2]), 16))
    for _ in range(3):
        y = net.add("HardSwish", net.norm(net.conv(x, 16, 48, 1), 48))
        y = net.add("HardSwish", net.norm(net.conv(y, 48, 48, 5, group=48, uneven=0.8), 48))
        y = _squeezed(net, y, 48, "HardSigmoid")
        x = net.add("Add", x, net.norm(net.conv(y, 48, 16, 1), 16))
    return net.done(X, {net.gemm(net.add("Flatten", net.add("GlobalAveragePool", x)), 16, 10): (1, 10)})


def efficientnet(seed: int) -> onnx.ModelProto:
    net = Net(seed)
    x = net.silu(net.norm(net.conv("x", 3, 16, strides=[2, 2]), 16))
    for _ in range(3):
        y = net.silu(net.norm(net.conv(x, 16, 64, 1), 64))
        y = net.silu(net.norm(net.conv(y, 64, 64, group=64, uneven=0.8), 64))
        x = net.add("Add", x, net.norm(net.conv(_squeezed(net, y, 64, "Sigmoid"), 64, 16, 1), 16))
    return net.done(X, {net.gemm(net.add("Flatten", net.add("GlobalAveragePool", x)), 16, 10): (1, 10)})


def unet(seed: int) -> onnx.ModelProto:
    net = Net(seed)
    skips, x, width = [], "x", 3
    for outer in (12, 24):
        x = net.add("Relu", net.conv(x, width, outer))
        skips.append((x, outer))
        x, width = net.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), outer
    x = net.add("LeakyRelu", net.conv(x, 24, 48), alpha=0.1)
    width = 48
    for skip, outer in reversed(skips):
        weight = net.random(width, outer, 2, 2, spread=width**-0.5)
        x = net.add("ConvTranspose", x, weight, net.random(outer, spread=0.1), kernel_shape=[2, 2], strides=[2, 2])
        x = net.add("Relu", net.conv(net.add("Concat", x, skip, axis=1), 2 * outer, outer))
        width = outer
    return net.done(X, {net.add("Sigmoid", net.conv(x, width, 2, 1)): (1, 2, 32, 32)})


def detector(seed: int) -> onnx.ModelProto:
    """A pyramid with two levels: boxes in pixels, scores between 0 and 1."""
    net = Net(seed)
    x = net.silu(net.norm(net.conv("x", 3, 16, strides=[2, 2]), 16))
    fine = net.silu(net.norm(net.conv(x, 16, 32, strides=[2, 2]), 32))
    coarse = net.silu(net.norm(net.conv(fine, 32, 32, strides=[2, 2]), 32))
    up = net.add("Resize", coarse, "", net.const(_four(1, 1, 2, 2)), mode="nearest", nearest_mode="floor",
                 coordinate_transformation_mode="asymmetric")  # fmt: skip
    fine = net.silu(net.conv(net.add("Concat", up, fine, axis=1), 64, 32))
    rows = []
    for level, cells, stride in ((fine, 64, 4.0), (coarse, 16, 8.0)):
        boxes = net.add("Reshape", net.conv(level, 32, 4, 1), net.ints(1, 4, cells))
        scores = net.add("Reshape", net.add("Sigmoid", net.conv(level, 32, 5, 1)), net.ints(1, 5, cells))
        rows.append(
            (net.add("Mul", net.add("Exp", net.add("Mul", boxes, net.number(0.3))), net.number(stride)), scores)
        )
    boxes, scores = (net.add("Concat", *columns, axis=2) for columns in zip(*rows, strict=True))
    return net.done(X, {net.add("Concat", boxes, scores, axis=1): (1, 9, 80), scores: (1, 5, 80)})


def _four(*values: float) -> object:
    import numpy as np

    return np.array(values, np.float32)


def faces(seed: int) -> onnx.ModelProto:
    """PRelu, as in MTCNN; probabilities and boxes."""
    net = Net(seed, 13)
    x, width = "x", 3
    for outer in (10, 16, 32):
        x = net.conv(x, width, outer, 3, pads=[0, 0, 0, 0])
        x, width = net.add("PRelu", x, net.random(outer, 1, 1, spread=0.2, around=0.2)), outer
    x = net.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    return net.done(
        X, {net.add("Softmax", net.conv(x, 32, 2, 1), axis=1): (1, 2, 13, 13), net.conv(x, 32, 4, 1): (1, 4, 13, 13)}
    )


def styled(seed: int) -> onnx.ModelProto:
    """InstanceNormalization and Tanh, as in style transfer."""
    net = Net(seed)
    x, width = "x", 3
    for outer in (16, 16, 16):
        y = net.conv(x, width, outer)
        y = net.add("InstanceNormalization", y, net.random(outer, around=1, spread=0.3), net.random(outer, spread=0.2))
        x, width = net.add("Relu", y), outer
    return net.done(X, {net.add("Tanh", net.conv(x, 16, 3)): (1, 3, 32, 32)})


def shuffled(seed: int) -> onnx.ModelProto:
    """Groups and a channel shuffle, as in ShuffleNet."""
    net = Net(seed)
    x = net.add("Relu", net.norm(net.conv("x", 3, 24, strides=[2, 2]), 24))
    for _ in range(3):
        a, b = net.add("Split", x, net.ints(12, 12), outputs=2, axis=1)
        b = net.add("Relu", net.norm(net.conv(b, 12, 12, 1), 12))
        b = net.norm(net.conv(b, 12, 12, group=12, uneven=0.8), 12)
        b = net.add("Relu", net.norm(net.conv(b, 12, 12, 1), 12))
        x = net.add("Reshape", net.add("Concat", a, b, axis=1), net.ints(1, 2, 12, 16, 16))
        x = net.add("Reshape", net.add("Transpose", x, perm=[0, 2, 1, 3, 4]), net.ints(1, 24, 16, 16))
    return net.done(X, {net.gemm(net.add("Flatten", net.add("GlobalAveragePool", x)), 24, 10): (1, 10)})


def sharper(seed: int) -> onnx.ModelProto:
    """Super-resolution: pixels from channels, a picture added to its own enlargement."""
    net = Net(seed)
    x = net.add("Relu", net.conv("x", 3, 24))
    y = x
    for _ in range(3):
        y = net.add("Add", y, net.conv(net.add("Relu", net.conv(y, 24, 24)), 24, 24, uneven=0.5))
    y = net.add("DepthToSpace", net.conv(net.add("Add", x, y), 24, 12), blocksize=2, mode="DCR")
    up = net.add("Resize", "x", "", net.const(_four(1, 1, 2, 2)), mode="nearest", nearest_mode="floor",
                 coordinate_transformation_mode="asymmetric")  # fmt: skip
    return net.done(X, {net.add("Add", y, up): (1, 3, 64, 64)})


def convnext(seed: int) -> onnx.ModelProto:
    net = Net(seed)
    x = net.conv("x", 3, 32, 4, strides=[4, 4], pads=[0, 0, 0, 0])
    for _ in range(3):
        y = net.add("Transpose", net.conv(x, 32, 32, 7, group=32), perm=[0, 2, 3, 1])
        y = net.spelled_norm(y, 32)
        y = net.dense(net.gelu(net.dense(y, 32, 128)), 128, 32)
        y = net.add("Mul", y, net.random(32, around=0.3, spread=0.2))
        x = net.add("Add", x, net.add("Transpose", y, perm=[0, 3, 1, 2]))
    pooled = net.add("Flatten", net.add("GlobalAveragePool", x))
    return net.done(X, {net.gemm(net.spelled_norm(pooled, 32), 32, 10): (1, 10)})


PICTURES = (
    vgg, resnet, mobilenet, mobilenet_v3, efficientnet, unet, detector, faces, styled, shuffled, sharper, convnext
)  # fmt: skip
