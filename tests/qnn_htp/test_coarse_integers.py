"""16-bit operators that the compiler computes more coarsely than their integers, and a Softmax of close numbers.

They are right in other steps, in floats, or elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from qnn_htp.beside import CHIP, takes, worst
from zif.model import Model
from zif_qnn_htp.rewrites.in_floats import needs

CHANCE = np.random.default_rng(0)
VALUES = CHANCE.uniform(-1, 1, (1, 4, 8, 8)).astype(np.float32)


def quantized(
    op_type: str, reach: float, result: tuple[float, float], kind: Any = np.uint16, **attributes: Any
) -> onnx.ModelProto:
    """An operator between integers, of -reach … reach, into a range."""
    least, steps = int(np.iinfo(kind).min), int(np.iinfo(kind).max) - int(np.iinfo(kind).min)
    constants, nodes = [numpy_helper.from_array(np.full((4, 1, 1), 0.2, np.float32), "slope")], []
    for name, (low, high) in (("x", (-reach, reach)), ("y", result)):
        scale = (high - low) / steps
        constants.append(numpy_helper.from_array(np.float32(scale), f"{name}_s"))
        constants.append(numpy_helper.from_array(np.array(least + round(-low / scale), kind), f"{name}_z"))
        if name == "y":
            more = ["slope"] if op_type == "PRelu" else []
            nodes.append(helper.make_node(op_type, ["x_d", *more], ["y"], "core", **attributes))
        ends = [f"{name}_s", f"{name}_z"]
        nodes.append(helper.make_node("QuantizeLinear", [name, *ends], [f"{name}_i"], f"{name}_q"))
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}_i", *ends], [f"{name}_d"], f"{name}_dq"))
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, VALUES.shape) for name in ("x", "y_d")]
    graph = helper.make_graph(nodes, "coarse", infos[:1], infos[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    return model


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize(("kind", "least"), [(np.uint16, 75), (np.uint8, 38)])
@pytest.mark.parametrize("reach", [1e-5, 1e-3, 0.01, 0.05])
def test_a_softmax_of_numbers_close_together_is_right(reach: float, kind: Any, least: float) -> None:
    """It was at 15 dB, in 8 bits at 15 where its results are small and 21 where they are not."""
    model = quantized("Softmax", reach, (0.0, 0.3), kind, axis=-1)
    assert worst(model, {"x": VALUES * np.float32(reach)}, only=["qnn_htp"]) > least


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("reach", [0.01, 0.3, 3.0, 100.0, 20000.0])
@pytest.mark.parametrize(("op_type", "low"), [("Softplus", 0.0), ("Mish", -0.4)])
def test_softplus_is_as_good_as_floats(op_type: str, low: float, reach: float) -> None:
    """It was at 37 dB around 0, and at −3 from 1000 on."""
    high = float(np.log1p(np.exp(min(reach, 20.0)))) if reach < 20 else reach
    model = quantized(op_type, reach, (low, high))
    assert worst(model, {"x": VALUES * np.float32(reach)}, only=["qnn_htp"]) > 55


@pytest.mark.usefixtures("htp")
def test_a_tanh_of_small_results_is_as_good_as_floats() -> None:
    """In the one encoding that it is computed in, a few bits were left of them."""
    model = quantized("Tanh", 0.004, (-0.004, 0.004))
    assert worst(model, {"x": VALUES * np.float32(0.004)}, only=["qnn_htp"]) > 44


BEYOND = {"Elu": (0.01, 1e5), "Gelu": (1e-5, 1e5), "HardSwish": (1e6,), "PRelu": (1e-6, 2e5), "Sin": (0.001,)}
BEYOND |= {"Softplus": (1e5,), "Mish": (1e5,), "HardSigmoid": (1e6,)}


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize(("op_type", "reach"), [(kind, reach) for kind, ends in BEYOND.items() for reach in ends])
def test_what_leaves_fp16_is_computed_elsewhere(op_type: str, reach: float) -> None:
    """−10 to 36 dB before; where it fits, it stays."""
    low = {"Elu": -min(1.0, reach), "PRelu": -reach / 5, "Sin": -reach}.get(op_type, -min(0.4, reach / 2))
    high = {"HardSigmoid": 1.0}.get(op_type, reach)
    model = quantized(op_type, reach, (low if op_type not in ("Softplus", "HardSigmoid") else 0.0, high))
    said = zif.plan(model, target=CHIP).unit("core").verdicts["qnn_htp"]
    assert (said.supported, said.code) == (False, "fp16-range")
    assert op_type in said.reason
    assert "16 bits" in said.reason
    assert takes(quantized(op_type, 3.0, (-3.0, 3.0)))["core"]


@pytest.mark.usefixtures("htp")
def test_whole_numbers_are_made_of_all_16_bits() -> None:
    """What lies just below a whole number was that number."""
    model = quantized("Neg", 4.0, (-4.0, 4.0))
    model.graph.node.append(helper.make_node("Cast", ["y_d"], ["whole"], "cast", to=TensorProto.INT32))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("whole", TensorProto.INT32, VALUES.shape))
    feed = {"x": (np.round(VALUES * 3) + np.sign(VALUES) * np.float32(2e-4)).astype(np.float32)}
    assert worst(model, feed) > 200
    said = zif.plan(model, target=CHIP).unit("cast").verdicts["qnn_htp"]
    assert (said.supported, said.code) == (False, "fp16-range")


def test_a_chip_without_floats_has_no_right_softplus() -> None:
    """8 bits are right in integers, and stay."""
    wide = Model.load(quantized("Softplus", 3.0, (0.0, 4.0)))
    narrow = Model.load(quantized("Softplus", 3.0, (0.0, 4.0), np.uint8))
    assert [needs(wide, unit) for unit in wide.units if unit.id == "core"] == [True]
    assert [needs(narrow, unit) for unit in narrow.units if unit.id == "core"] == [False]
