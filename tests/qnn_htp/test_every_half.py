"""Every finite number that fp16 has, through each operator of one input: nothing is wrong for a few of them only.

The node tests use some dozen values; this is how it was found that exp(-100) was -131008 and (-0.0)² was -4.
"""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from qnn_htp.as_user import CHIP

pytestmark = pytest.mark.usefixtures("htp")
HALVES = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
HALVES = HALVES[np.isfinite(HALVES)].astype(np.float32)
TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}
QUICK = ["Exp", "Softplus", "Atan", "Sigmoid", "Tanh", "Sqrt"]
SLOW = ["Abs", "Ceil", "Elu", "Floor", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Neg", "Reciprocal"]
SLOW += ["Relu", "Round", "Selu", "Sign", "ThresholdedRelu"]
POWERS = [-6.0, -2.0, -1.0, -0.5, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.5, 8.0]


def model(op_type: str, inputs: list[str], constants: dict[str, float], opset: int = 20, **attributes: float) -> bytes:
    node = helper.make_node(op_type, inputs, ["y"], "n", **attributes)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, HALVES.shape) for name in "xy"]
    held = [numpy_helper.from_array(np.array([value], np.float32), name) for name, value in constants.items()]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    return bytes(made.SerializeToString())


def check(data: bytes, near: float = 4e-3, chip: str = CHIP) -> None:
    """Against float32, wherever the answer is one that fp16 can hold."""
    from onnx.reference import ReferenceEvaluator

    with zif.load(data, target=chip, pin={"*": "qnn_htp"}, cache=False) as session:
        made = session.run({"x": HALVES})["y"].astype(np.float64)
    with np.errstate(all="ignore"):
        wanted = ReferenceEvaluator(onnx.load_from_string(data)).run(None, {"x": HALVES})[0].astype(np.float64)
    held = np.isfinite(wanted) & (np.abs(wanted) < 60000)
    wrong = held & ~(np.abs(made - wanted) <= near * (1 + np.abs(wanted)))
    shown = list(zip(HALVES[wrong], made[wrong], wanted[wrong], strict=True))[:5]
    assert not wrong.any(), f"{wrong.sum()} of {held.sum()}, such as (x, made, wanted) {shown}"


@pytest.mark.parametrize("op_type", [*QUICK, *(pytest.param(op, marks=pytest.mark.slow) for op in SLOW)])
def test_an_operator_of_one_input(op_type: str) -> None:
    check(model(op_type, ["x"], {}), 4e-3)


@pytest.mark.parametrize("power", [2.0, *(pytest.param(p, marks=pytest.mark.slow) for p in POWERS if p != 2)])
def test_a_power(power: float) -> None:
    check(model("Pow", ["x", "p"], {"p": power}))


@pytest.mark.slow
@pytest.mark.parametrize("base", [0.5, 2.0, 10.0, math.e])
def test_a_power_of_a_constant(base: float) -> None:
    check(model("Pow", ["b", "x"], {"b": base}))


@pytest.mark.parametrize("opset", [7, pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.parametrize("bounds", [{"min": 0.0, "max": 6.0}, {"min": -1.0}, {"max": 3.0}, {}])
def test_bounds_that_are_attributes(opset: int, bounds: dict[str, float]) -> None:
    """As in networks of 2018 with ReLU6, whose bounds were ignored."""
    check(model("Clip", ["x"], {}, opset, **bounds))


@pytest.mark.slow
@pytest.mark.parametrize("op_type", ["Exp", "Softplus"])
@pytest.mark.parametrize("chip", ["snapdragon-8-gen-1", "snapdragon-8-gen-2", "snapdragon-8-elite"])
def test_other_generations(op_type: str, chip: str) -> None:
    check(model(op_type, ["x"], {}), 2e-2, chip)
