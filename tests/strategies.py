"""hypothesis strategies: small random models that ONNX Runtime runs, inputs for them, and convex partitions of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from zif.model import Model

Arrays = dict[str, np.ndarray[Any, Any]]
_UNARY = ("Relu", "Neg", "Tanh", "Sigmoid", "Identity", "Abs")
_BINARY = ("Add", "Mul", "Sub", "Max")


class _Graph:
    """A graph under construction: 2-D float values by name, with their shapes."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.shapes: dict[str, tuple[int, int]] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def pick(self) -> str:
        return self.draw(st.sampled_from(sorted(self.shapes)))

    def weight(self, shape: tuple[int, int]) -> str:
        name = f"w{len(self.initializers)}"
        seed = np.random.default_rng(len(self.initializers))
        self.initializers.append(numpy_helper.from_array(seed.standard_normal(shape).astype(np.float32), name))
        return name

    def partner(self, shape: tuple[int, int]) -> str:
        """A second operand of this shape: another value when there is one, else a weight."""
        fitting = sorted(name for name, other in self.shapes.items() if other == shape)
        return self.draw(st.sampled_from([*fitting, ""])) or self.weight(shape)

    def emit(self, op_type: str, inputs: Sequence[str], shapes: Sequence[tuple[int, int]], **attributes: Any) -> None:
        outputs = [f"v{len(self.nodes)}_{place}" for place in range(len(shapes))]
        name = self.draw(st.sampled_from(["", f"n{len(self.nodes)}"]))
        self.nodes.append(helper.make_node(op_type, inputs, outputs, name=name, **attributes))
        self.shapes.update(zip(outputs, shapes, strict=True))

    def grow(self) -> None:
        kinds = ("unary", "binary", "binary", "matmul", "concat", "split", "transpose", "branch")
        getattr(self, self.draw(st.sampled_from(kinds)))(self.pick())

    def unary(self, x: str) -> None:
        self.emit(self.draw(st.sampled_from(_UNARY)), [x], [self.shapes[x]])

    def binary(self, x: str) -> None:
        self.emit(self.draw(st.sampled_from(_BINARY)), [x, self.partner(self.shapes[x])], [self.shapes[x]])

    def matmul(self, x: str) -> None:
        rows, inner = self.shapes[x]
        columns = self.draw(st.integers(1, 4))
        self.emit("MatMul", [x, self.partner((inner, columns))], [(rows, columns)])

    def concat(self, x: str) -> None:
        rows, columns = self.shapes[x]
        if columns <= 16:
            self.emit("Concat", [x, self.partner((rows, columns))], [(rows, 2 * columns)], axis=1)

    def split(self, x: str) -> None:
        rows, columns = self.shapes[x]
        if columns % 2 == 0:
            self.emit("Split", [x], [(rows, columns // 2)] * 2, axis=1)

    def transpose(self, x: str) -> None:
        rows, columns = self.shapes[x]
        self.emit("Transpose", [x], [(columns, rows)], perm=[1, 0])

    def branch(self, x: str) -> None:
        """A branch that reads values (and perhaps a weight) of the graph around it."""
        shape = self.shapes[x]
        other = self.partner(shape)
        value = helper.make_tensor_value_info("t", TensorProto.FLOAT, shape)
        then = helper.make_graph([helper.make_node("Mul", [x, other], ["t"])], "then", [], [value])
        value = helper.make_tensor_value_info("e", TensorProto.FLOAT, shape)
        otherwise = helper.make_graph([helper.make_node("Sub", [other, x], ["e"])], "else", [], [value])
        self.emit("If", ["flag"], [shape], then_branch=then, else_branch=otherwise)


@st.composite
def models(draw: st.DrawFn, max_nodes: int = 12, dynamic: bool | None = None) -> onnx.ModelProto:
    """A valid model: fan-out, captures, several outputs of one node, unnamed nodes, dead ends.

    Inputs are float matrices `x0`, `x1`, … and the bool `flag`; with `dynamic` their rows are symbolic: "d3" where
    there are to be 3.
    """
    graph = _Graph(draw)
    symbolic = draw(st.booleans()) if dynamic is None else dynamic
    inputs = [helper.make_tensor_value_info("flag", TensorProto.BOOL, [])]
    for place in range(draw(st.integers(1, 3))):
        shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
        dims = [f"d{shape[0]}" if symbolic else shape[0], shape[1]]
        inputs.append(helper.make_tensor_value_info(f"x{place}", TensorProto.FLOAT, dims))
        graph.shapes[f"x{place}"] = shape
    for _ in range(draw(st.integers(1, max_nodes))):
        graph.grow()
    if not graph.nodes:
        graph.unary("x0")
    made = [name for node in graph.nodes for name in node.output]
    chosen = [*draw(st.lists(st.sampled_from(made), min_size=1, max_size=3, unique=True)), made[-1]]
    outputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, None]) for n in dict.fromkeys(chosen)]
    proto = helper.make_graph(graph.nodes, "random", inputs, outputs, graph.initializers)
    return helper.make_model(proto, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def feeds(model: onnx.ModelProto, seed: int = 0) -> Arrays:
    """Random inputs for a model of `models`."""
    random = np.random.default_rng(seed)
    arrays: Arrays = {}
    for value in model.graph.input:
        shape = [dim.dim_value or int(dim.dim_param[1:]) for dim in value.type.tensor_type.shape.dim]
        if value.type.tensor_type.elem_type == TensorProto.BOOL:
            arrays[value.name] = np.array(bool(seed % 2))
        else:
            arrays[value.name] = random.standard_normal(shape).astype(np.float32)
    return arrays


@st.composite
def partitions(draw: st.DrawFn, model: Model, most: int = 4) -> list[list[str]]:
    """The units of a model in convex pieces, in an order in which the pieces can run."""
    piece: dict[str, int] = {}
    for unit in model.units:
        before = (model.units[model.producers[name]].id for name in unit.inputs if name in model.producers)
        least = max((piece[name] for name in before), default=0)
        piece[unit.id] = draw(st.integers(least, most - 1))
    pieces = [[unit.id for unit in model.units if piece[unit.id] == number] for number in range(most)]
    return [members for members in pieces if members]


def run_whole(proto: onnx.ModelProto, inputs: Mapping[str, Any]) -> Arrays:
    """Outputs by name, computed by ONNX Runtime without optimizations."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    known = {value.name for value in session.get_inputs()}
    return dict(zip(names, session.run(names, {k: v for k, v in inputs.items() if k in known}), strict=True))


def run_pieces(pieces: Sequence[Model], inputs: Mapping[str, Any], outputs: Sequence[str]) -> Arrays:
    """Run slices one after another, each on what those before it gave; the outputs by name."""
    values = dict(inputs)
    for piece in pieces:
        values.update(run_whole(piece.proto, {value.name: values[value.name] for value in piece.inputs}))
    return {name: values[name] for name in outputs}
