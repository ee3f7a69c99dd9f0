"""Weights in 4 and 8 bits on the host: computed in float as the model says, and with no zero point needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from zif_qnn_cpu.guards import guarded

CHANCE = np.random.default_rng(0)
X = CHANCE.standard_normal((4, 64)).astype(np.float32)
X[:, 0] = 300  # one large value, whose weights are 0: rounding the others to its scale would show
SCALES: dict[str, tuple[tuple[int, ...], dict[str, int]]] = {
    "per channel": ((32,), {"axis": 1}),
    "per row": ((64,), {"axis": 0}),
    "blocks": ((4, 32), {"axis": 0, "block_size": 16}),
    "blocks the other way": ((64, 2), {"axis": 1, "block_size": 16}),
    "per tensor": ((), {}),
}


def product(
    op_type: str, bits: int, shape: tuple[int, ...], attributes: dict[str, int], zero: bool = False, opset: int = 21
) -> onnx.ModelProto:
    """x times a weight in integers of 4 or 8 bits, with scales of a shape."""
    kind, most = {4: (TensorProto.INT4, 8), 8: (TensorProto.INT8, 128)}[bits]
    weight = CHANCE.integers(1 - most, most, (64, 32))
    weight[0] = 0
    scale = CHANCE.uniform(0.01, 0.1, shape).astype(np.float32)
    constants = [
        helper.make_tensor("w", kind, weight.shape, weight.ravel().tolist()),
        numpy_helper.from_array(scale, "s"),
    ]
    if zero:
        constants.append(helper.make_tensor("z", kind, shape, [0] * int(np.prod(shape))))
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s", "z"][: 2 + zero], ["d"], "weight", **attributes),
        helper.make_node(op_type, ["x", "d"], ["y"], "product"),
    ]
    return finished(nodes, X.shape, constants, opset)


def finished(
    nodes: list[onnx.NodeProto], shape: tuple[int, ...], constants: list[TensorProto], opset: int
) -> onnx.ModelProto:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in (("x", shape), ("y", None))]
    graph = helper.make_graph(nodes, "weights", ends[:1], ends[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def close(model: onnx.ModelProto, x: np.ndarray, **wishes: Any) -> bool:
    """Whether the host gives what ONNX Runtime does without optimizations, but for the last digits of float32."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    (want,) = onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, {"x": x})
    with zif.load(model, target="host", only=["qnn_cpu"], cache=False, **wishes) as session:
        have = session.run({"x": x})["y"]
    return bool(np.abs(have - want).max() <= 1e-4 * np.abs(want).max())


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("scales", SCALES)
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("op_type", ["MatMul", "Gemm"])
def test_products_are_computed_in_float(op_type: str, bits: int, scales: str, zero: bool) -> None:
    assert close(product(op_type, bits, *SCALES[scales], zero), X)


def test_who_asks_for_speed_gets_products_in_integers() -> None:
    """Where the processor has them; the same model is exact without."""
    model = product("MatMul", 4, *SCALES["blocks"])
    assert not close(model, X, config={"qnn_cpu": {"enable_fast_math": True}})


@pytest.mark.parametrize("opset", [13, 19, pytest.param(23, marks=pytest.mark.needs(opset=23))])
def test_of_every_version(opset: int) -> None:
    assert close(product("MatMul", 8, *SCALES["per channel"], opset=opset), X)


@pytest.mark.parametrize("exact", [False, True])
def test_a_kernel_and_a_table(exact: bool) -> None:
    """A convolution, and rows that are looked up, from weights without a zero point."""
    kernel, table = (CHANCE.integers(-127, 128, shape).astype(np.int8) for shape in ((8, 3, 3, 3), (50, 16)))
    scales = {"ks": (8,), "ts": (50,)}
    constants = [numpy_helper.from_array(value, name) for name, value in (("k", kernel), ("t", table))]
    constants += [
        numpy_helper.from_array(CHANCE.uniform(0.01, 0.1, shape).astype(np.float32), n) for n, shape in scales.items()
    ]
    constants.append(numpy_helper.from_array(np.array([3, 0, 49]), "rows"))
    nodes = [
        helper.make_node("DequantizeLinear", ["k", "ks"], ["kd"], "kernel", axis=0),
        helper.make_node("DequantizeLinear", ["t", "ts"], ["td"], "table", axis=0),
        helper.make_node("Conv", ["x", "kd"], ["c"], "conv"),
        helper.make_node("Gather", ["td", "rows"], ["g"], "gather"),
        helper.make_node("ReduceMean", ["g"], ["m"], "mean", keepdims=0),
        helper.make_node("Add", ["c", "m"], ["y"], "add"),
    ]
    x = CHANCE.standard_normal((1, 3, 8, 8)).astype(np.float32)
    assert close(finished(nodes, x.shape, constants, 18), x, config={"qnn_cpu": {"exact_int8": exact}})


def test_in_a_body() -> None:
    body = product("MatMul", 8, *SCALES["per channel"]).graph
    del body.input[:]
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["most"], "most", keepdims=0),
        helper.make_node("Greater", ["most", "limit"], ["large"], "large"),
        helper.make_node("If", ["large"], ["y"], "choice", then_branch=body, else_branch=body),
    ]
    assert close(finished(nodes, X.shape, [numpy_helper.from_array(np.float32(0), "limit")], 21), X)


def test_who_has_zero_points_or_unsigned_weights_is_left_as_it_is() -> None:
    plain = product("MatMul", 8, *SCALES["per channel"], zero=True).SerializeToString()
    assert guarded(plain) is plain
    unsigned = product("MatMul", 8, *SCALES["per channel"])
    unsigned.graph.initializer[0].data_type = TensorProto.UINT8
    del unsigned.graph.initializer[0].int32_data[:]
    unsigned.graph.initializer[0].raw_data = bytes(64 * 32)
    data = unsigned.SerializeToString()
    assert guarded(data) is data
