"""A graph that grows node by node, with random weights as a trained network's are spread."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Dims = tuple[int, ...]


class Net:
    """Nodes and weights so far; every method gives the name of its result."""

    def __init__(self, seed: int, opset: int = 17) -> None:
        self.chance = np.random.default_rng(seed)
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        name = f"n{len(self.nodes)}_{kind}"
        names = [f"{name}.{place}" for place in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name, **attributes))
        return names[0] if outputs == 1 else names

    def const(self, value: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def ints(self, *values: int) -> str:
        return self.const(np.array(values, np.int64))

    def number(self, value: float) -> str:
        return self.const(np.float32(value))

    def random(self, *shape: int, spread: float = 1.0, around: float = 0.0) -> str:
        return self.const((around + spread * self.chance.standard_normal(shape)).astype(np.float32))

    def conv(self, x: str, inner: int, outer: int, size: int = 3, uneven: float = 0.3, **attributes: Any) -> str:
        """A convolution with "same" pads; `uneven`: how far its channels lie apart, as sigma of the logarithm."""
        rank = attributes.pop("rank", 2)
        group = attributes.get("group", 1)
        dims = (outer, inner // group, *(size,) * rank)
        fan = np.prod(dims[1:])
        per = np.exp(uneven * self.chance.standard_normal((outer,) + (1,) * (rank + 1)))
        weight = self.chance.standard_normal(dims) * per * np.sqrt(2 / fan)
        reach = attributes.get("dilations", [1])[0] * (size - 1)
        attributes.setdefault("pads", [reach // 2] * rank + [reach - reach // 2] * rank)
        constants = self.const(weight.astype(np.float32)), self.random(outer, spread=0.1)
        return str(self.add("Conv", x, *constants, kernel_shape=[size] * rank, **attributes))

    def norm(self, x: str, width: int) -> str:
        """BatchNormalization as training leaves it."""
        scale = self.random(width, around=1, spread=0.3)
        shift = self.random(width, spread=0.3)
        mean = self.random(width, spread=0.3)
        spread = self.const(np.exp(0.4 * self.chance.standard_normal(width)).astype(np.float32))
        return str(self.add("BatchNormalization", x, scale, shift, mean, spread))

    def dense(self, x: str, inner: int, outer: int, gain: float = 1.0) -> str:
        product = self.add("MatMul", x, self.random(inner, outer, spread=gain * inner**-0.5))
        return str(self.add("Add", product, self.random(outer, spread=0.1)))

    def gemm(self, x: str, inner: int, outer: int) -> str:
        weight = self.random(outer, inner, spread=inner**-0.5)
        return str(self.add("Gemm", x, weight, self.random(outer, spread=0.1), transB=1))

    def silu(self, x: str) -> str:
        return str(self.add("Mul", x, self.add("Sigmoid", x)))

    def gelu(self, x: str) -> str:
        """As exporters spell it, with Erf."""
        erf = self.add("Erf", self.add("Div", x, self.number(2**0.5)))
        return str(self.add("Mul", self.add("Mul", x, self.add("Add", erf, self.number(1.0))), self.number(0.5)))

    def spelled_norm(self, x: str, width: int, gammas: Any = None) -> str:
        """LayerNormalization in parts."""
        mean = self.add("ReduceMean", x, axes=[-1])
        apart = self.add("Sub", x, mean)
        square = self.add("ReduceMean", self.add("Pow", apart, self.number(2.0)), axes=[-1])
        even = self.add("Div", apart, self.add("Sqrt", self.add("Add", square, self.number(1e-5))))
        gamma = self.const(gammas) if gammas is not None else self.random(width, around=1, spread=0.2)
        return str(self.add("Add", self.add("Mul", even, gamma), self.random(width, spread=0.1)))

    def rms_norm(self, x: str, width: int, gammas: Any = None) -> str:
        square = self.add("ReduceMean", self.add("Pow", x, self.number(2.0)), axes=[-1])
        part = self.add("Div", self.number(1.0), self.add("Sqrt", self.add("Add", square, self.number(1e-6))))
        gamma = self.const(gammas) if gammas is not None else self.random(width, around=1, spread=0.2)
        return str(self.add("Mul", self.add("Mul", x, part), gamma))

    def attention(self, x: str, tokens: int, width: int, heads: int) -> str:
        each = width // heads
        projections = [self.dense(x, width, width, 1.2) for _ in range(3)]
        apart = self.ints(1, tokens, heads, each)
        orders = ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])
        q, k, v = (
            self.add("Transpose", self.add("Reshape", part, apart), perm=order)
            for part, order in zip(projections, orders, strict=True)
        )
        scores = self.add("Mul", self.add("MatMul", q, k), self.number(each**-0.5))
        mixed = self.add("MatMul", self.add("Softmax", scores, axis=-1), v)
        back = self.add("Reshape", self.add("Transpose", mixed, perm=[0, 2, 1, 3]), self.ints(1, tokens, width))
        return self.dense(back, width, width)

    def done(
        self, inputs: dict[str, Dims], outputs: dict[str, Dims], kinds: dict[str, int] | None = None
    ) -> onnx.ModelProto:
        """The model; outputs by the name of a result."""
        kind = kinds or {}
        ends = [helper.make_tensor_value_info(n, kind.get(n, TensorProto.FLOAT), d) for n, d in inputs.items()]
        outs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, d) for n, d in outputs.items()]
        graph = helper.make_graph(self.nodes, "net", ends, outs, self.weights)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=9)
        onnx.checker.check_model(made, full_check=True)
        return made
