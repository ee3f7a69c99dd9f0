"""Small random networks of the operators that image models have, with their oddities: for what no one thought of.

Left out is what 16 bits of one scale cannot hold: comparisons and rounding, differences of values that are nearly
alike, exponentials and quotients, norms of what may be constant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

Shape = tuple[int, ...]


class _Net:
    """A network under construction: float values by name, with their shapes."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.shapes: dict[str, Shape] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, np.ndarray] = {}

    def any(self, *options: Any) -> Any:
        return options[self.random.integers(len(options))]

    def value(self, rank: int = 0) -> str:
        """A value to go on from, rather a late one."""
        fitting = [name for name, shape in self.shapes.items() if rank in (0, len(shape))]
        return self.any(*fitting[-3:])

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"k{len(self.weights)}"
        self.weights[name] = np.asarray(value, dtype)
        return name

    def normal(self, *shape: int, size: float = 1.0) -> str:
        """Random numbers; now and then those of before, when the shape is the same."""
        alike = [name for name, value in self.weights.items() if value.shape == shape and value.dtype == np.float32]
        if shape and alike and self.random.integers(4) == 0:
            return alike[-1]
        values = self.random.standard_normal(shape) * size
        if len(shape) > 1 and self.random.integers(6) == 0:
            values[0] = 0  # a dead channel
        return self.constant(values)

    def node(self, op_type: str, *inputs: str, shape: Shape, **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, inputs, [name], f"{op_type}_{name}", **attributes))
        self.shapes[name] = shape
        return name


def conv(net: _Net) -> None:
    x = net.value(4)
    _, channels, height, width = net.shapes[x]
    groups = net.any(1, channels)
    made = groups * net.any(1, 2, 3)
    size = net.any(1, 3) if min(height, width) > 2 else 1
    weight = net.normal(made, channels // groups, size, size, size=(size * size * channels / groups) ** -0.5)
    bias = [net.normal(made)] if net.any(True, False) else []
    pad = net.any(0, size // 2)
    out = (1, made, height + 2 * pad - size + 1, width + 2 * pad - size + 1)
    net.node("Conv", x, weight, *bias, shape=out, group=groups, pads=[pad] * 4)


def transposed(net: _Net) -> None:
    x = net.value(4)
    _, channels, height, width = net.shapes[x]
    groups, each = net.any(1, channels), net.any(1, 2)
    bias = [net.normal(groups * each)] if net.any(True, False) else []
    out = (1, groups * each, 2 * height, 2 * width)
    weight = net.normal(channels, each, 2, 2, size=(channels / groups) ** -0.5)
    net.node("ConvTranspose", x, weight, *bias, shape=out, group=groups, strides=[2, 2])


def gemm(net: _Net) -> None:
    x = net.value(2)
    rows, inner = net.shapes[x]
    across, turned = net.any(0, 1), net.any(0, 1)
    rows, inner = (inner, rows) if across else (rows, inner)
    columns = net.any(1, 3, 5)
    weight = net.normal(*((columns, inner) if turned else (inner, columns)), size=inner**-0.5)
    shapes = [(), (1,), (columns,), (1, columns), (rows, 1), (rows, columns)]
    bias = [net.normal(*net.any(*shapes))] if net.any(True, False) else []
    factors = {"alpha": net.any(1.0, 0.5, 3.0), "beta": net.any(1.0, 2.0, 0.0)}
    net.node("Gemm", x, weight, *bias, shape=(rows, columns), transA=across, transB=turned, **factors)


def matmul(net: _Net) -> None:
    x = net.value()
    *outer, inner = net.shapes[x]
    columns = net.any(2, 4)
    net.node("MatMul", x, net.normal(inner, columns, size=inner**-0.5), shape=(*outer, columns))


def normalization(net: _Net) -> None:
    x = net.value(4)
    channels = net.shapes[x][1]
    spread = net.constant(np.exp(net.random.standard_normal(channels)))
    numbers = [net.normal(channels) for _ in range(3)]
    net.node("BatchNormalization", x, *numbers, spread, shape=net.shapes[x])


def activation(net: _Net) -> None:
    x = net.value()
    kind = net.any("Relu", "Sigmoid", "Tanh", "LeakyRelu", "Elu", "HardSwish", "HardSigmoid", "Softplus", "Identity")
    net.node(kind, x, shape=net.shapes[x])


def clip(net: _Net) -> None:
    x = net.value()
    low, high = net.any((0.0, 6.0), (0.25, 1.0), (-1.0, -0.25), (-0.5, None), (None, 0.5), (None, None))
    ends = ["" if end is None else net.constant(end) for end in (low, high)]
    net.node("Clip", x, *ends, shape=net.shapes[x])


def prelu(net: _Net) -> None:
    x = net.value(4)
    net.node("PRelu", x, net.normal(*net.any((1,), (net.shapes[x][1], 1, 1))), shape=net.shapes[x])


def softmax(net: _Net) -> None:
    x = net.value()
    net.node("Softmax", x, shape=net.shapes[x], axis=net.any(*range(len(net.shapes[x]))))


def with_constant(net: _Net) -> None:
    x = net.value()
    shape = net.shapes[x]
    other = net.any((), (1,), shape[-1:], shape)
    inputs = [x, net.normal(*other)]
    net.node(
        net.any("Add", "Mul", "Sub", "Max", "Min"), *(inputs[::-1] if net.any(True, False) else inputs), shape=shape
    )


def of_two(net: _Net) -> None:
    x = net.value()
    alike = [name for name, shape in net.shapes.items() if shape == net.shapes[x]]
    net.node(net.any("Mul", "Max", "Min"), x, net.any(*alike), shape=net.shapes[x])


def gated(net: _Net) -> None:
    x = net.value()
    net.node("Mul", x, net.node("Sigmoid", x, shape=net.shapes[x]), shape=net.shapes[x])


def concat(net: _Net) -> None:
    x = net.value(4)
    scaled = net.node("Mul", x, net.constant(net.any(0.1, 3.0)), shape=net.shapes[x])
    _, channels, *rest = net.shapes[x]
    net.node("Concat", *net.any((x, scaled), (scaled, x), (x, x)), shape=(1, 2 * channels, *rest), axis=1)


def split(net: _Net) -> None:
    x = net.value(4)
    _, channels, *rest = net.shapes[x]
    if channels % 2 == 0:
        names = [f"v{len(net.nodes)}", f"v{len(net.nodes)}b"]
        net.nodes.append(helper.make_node("Split", [x], names, f"Split_{names[0]}", axis=1, num_outputs=2))
        net.shapes.update(dict.fromkeys(names, (1, channels // 2, *rest)))


def moved(net: _Net) -> None:
    x = net.value(4)
    _, channels, height, width = net.shapes[x]
    kind = net.any("Flatten", "Transpose", "Slice", "Gather")
    if kind == "Flatten":
        net.node("Flatten", x, shape=(1, channels * height * width))
    elif kind == "Transpose":
        net.node("Transpose", x, shape=(1, channels, width, height), perm=[0, 1, 3, 2])
    elif kind == "Slice":
        ends = [net.constant([end], np.int64) for end in (0, 1, 1)]
        net.node("Slice", x, *ends, shape=(1, 1, height, width))
    else:
        picked = net.constant([channels - 1, 0], np.int64)
        net.node("Gather", x, picked, shape=(1, 2, height, width), axis=1)


def padded(net: _Net) -> None:
    x = net.value(4)
    _, channels, height, width = net.shapes[x]
    number = net.any(0.0, 1.0, -4.0)
    pads = net.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    net.node("Pad", x, pads, net.constant(number), shape=(1, channels, height + 2, width + 2))


def pooled(net: _Net) -> None:
    x = net.value(4)
    _, channels, height, width = net.shapes[x]
    kind = net.any("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax")
    if kind.startswith("Global"):
        net.node(kind, x, shape=(1, channels, 1, 1))
    elif kind.startswith("Reduce"):
        net.node(kind, x, net.constant([2, 3], np.int64), shape=(1, channels))
        net.nodes[-1].attribute.append(helper.make_attribute("keepdims", 0))
    elif min(height, width) > 1:
        net.node(kind, x, shape=(1, channels, height - 1, width - 1), kernel_shape=[2, 2])


def resized(net: _Net) -> None:
    x = net.value(4)
    _, channels, height, width = net.shapes[x]
    factors = net.constant([1, 1, 2, 2])
    net.node("Resize", x, "", factors, shape=(1, channels, 2 * height, 2 * width), mode=net.any("nearest", "linear"))


STEPS: tuple[Callable[[_Net], None], ...] = (
    *(conv, conv, transposed, gemm, gemm, matmul, normalization, activation, activation, clip, clip, prelu, softmax),
    *(with_constant, of_two, gated, concat, split, moved, padded, pooled, resized),
)


@st.composite
def networks(draw: st.DrawFn, most: int = 8) -> onnx.ModelProto:
    """A network of two inputs, an image and rows, and some of its values as outputs, the last among them.

    A seed and a number of steps make it: fewer steps are the beginning of the same.
    """
    net = _Net(draw(st.sampled_from(range(2**20))))  # integers() would come back to the same few
    net.shapes.update(rows=(2, 6), image=(1, 3, 6, 6))
    for _ in range(draw(st.sampled_from(range(1, most + 1)))):
        net.any(*STEPS)(net)
    if not net.nodes:
        activation(net)
    made = [name for node in net.nodes for name in node.output]
    outputs = dict.fromkeys([made[-1], *(name for name in made if net.random.integers(4) == 0)])
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        net.nodes,
        "random",
        [value(name, TensorProto.FLOAT, net.shapes[name]) for name in ("rows", "image")],
        [value(name, TensorProto.FLOAT, net.shapes[name]) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in net.weights.items()],
    )
    opset = helper.make_opsetid("", net.any(18, 21))
    return helper.make_model(graph, opset_imports=[opset], ir_version=9)
