"""Models as other quantizers leave them, in forms that the compiler took and computed into noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import NodeProto, TensorProto, helper, numpy_helper
from qnn_htp.beside import CHIP, decibels, right

CHANCE = np.random.default_rng(0)
SHAPE = (1, 6, 8, 8)
FEED = {"x": CHANCE.standard_normal(SHAPE).astype(np.float32)}


class Net:
    """A model as it is put together, its values quantized to one type."""

    def __init__(self, kind: Any) -> None:
        self.kind, self.nodes, self.constants = kind, list[NodeProto](), list[onnx.TensorProto]()

    def constant(self, name: str, value: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def pair(self, name: str, reach: float, kind: Any = None, weight: Any = None) -> str:
        """Quantize a value around zero, and back; of a weight only back."""
        info = np.iinfo(kind or self.kind)
        scale = np.float32(2 * reach / (int(info.max) - int(info.min)))
        zero = np.array((int(info.min) + int(info.max) + 1) // 2, info.dtype)
        ends = [self.constant(f"{name}_s", scale), self.constant(f"{name}_z", zero)]
        if weight is None:
            self.nodes.append(helper.make_node("QuantizeLinear", [name, *ends], [f"{name}_i"], f"{name}_q"))
        else:
            values = np.clip(np.round(weight / scale) + int(zero), info.min, info.max).astype(info.dtype)
            self.constant(f"{name}_i", values)
        self.nodes.append(helper.make_node("DequantizeLinear", [f"{name}_i", *ends], [f"{name}_d"], f"{name}_dq"))
        return f"{name}_d"

    def add(self, op_type: str, *inputs: str, output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op_type, inputs, [output], output, **attributes))
        return output

    def model(self, output: str) -> onnx.ModelProto:
        infos = [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)]
        ends = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
        graph = helper.make_graph(self.nodes, "elsewhere", infos, ends, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def agreement(model: onnx.ModelProto) -> float:
    """In dB, with all of it on the HTP."""
    with zif.load(model, target=CHIP, only=["qnn_htp"], cache=False, verify="off") as session:
        outputs = session.run(FEED)
    return min(decibels(value, outputs[name]) for name, value in right(model, FEED).items())


def convolution(op_type: str, kind: Any, weight: Any, bias: np.ndarray) -> onnx.ModelProto:
    """As `quantize_static` has it with QuantizeBias=False."""
    net = Net(kind)
    size = (6, 5, 3, 3) if op_type == "ConvTranspose" else (5, 6, 3, 3)
    values = CHANCE.standard_normal(size).astype(np.float32) / 5
    read = [net.pair("x", 4), net.pair("w", 1, weight, values), net.constant("b", bias)]
    return net.model(net.pair(net.add(op_type, *read, output="y"), 12))


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize(("kind", "least"), [(np.uint8, 35), (np.int8, 35), (np.uint16, 45)])
@pytest.mark.parametrize("weight", [np.uint8, np.int8])
@pytest.mark.parametrize("op_type", ["Conv", "ConvTranspose"])
def test_a_bias_in_floats_is_added(op_type: str, weight: Any, kind: Any, least: float) -> None:
    """It was noise, at −9 to −12 dB."""
    assert agreement(convolution(op_type, kind, weight, CHANCE.standard_normal(5).astype(np.float32) * 2)) > least


@pytest.mark.usefixtures("htp")
def test_a_bias_that_fits_no_integers_is_refused() -> None:
    model = convolution("Conv", np.uint16, np.int8, np.full(5, 1e6, np.float32))
    said = zif.plan(model, target=CHIP).unit("y").verdicts["qnn_htp"]
    assert (said.supported, said.code) == (False, "observed-wrong")
    assert "32 bits" in said.reason


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("kind", [np.int8, np.uint8])
@pytest.mark.parametrize("op_type", ["Mul", "MatMul"])
def test_a_symmetric_softmax_is_right(op_type: str, kind: Any) -> None:
    """As `quantize_static` has it with ActivationSymmetric: of int8 it was at −14 dB."""
    net = Net(kind)
    value = net.pair("x", 4)
    soft = net.pair(net.add("Softmax", value, output="s", axis=-1), 1)
    assert agreement(net.model(net.pair(net.add(op_type, soft, value, output="y"), 4))) > 25
