"""Windows and scales that QNN places elsewhere than ONNX: refused where they are wrong, and only there."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from qnn_htp.as_user import CHIP
from zif.model import Model
from zif_qnn_htp.refusals.geometry import misplaced

IMAGE = (2, 3, 4, 5)


def model(op_type: str, constants: dict[str, np.ndarray], opset: int, inputs: list[str], **attributes: object) -> bytes:
    node = helper.make_node(op_type, inputs, ["y"], "n", **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, IMAGE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return bytes(made.SerializeToString())


def resize(scale: float, opset: int = 13, mode: str = "linear") -> bytes:
    return model("Resize", {"s": np.array([1, 1, scale, scale], np.float32)}, opset, ["x", "", "s"], mode=mode)


def average(ceil: int, *pads: int, kernel: int = 3, stride: int = 2, kind: str = "LpPool") -> bytes:
    """A mean of squares; a plain one in floats gets its padding written before it (`test_windows`)."""
    sizes = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": pads, "ceil_mode": ceil}
    return model(kind, {}, 19, ["x"], **sizes)


def convolution(kernel: int, *pads: int, dilation: int = 1) -> bytes:
    weight = np.random.default_rng(0).normal(size=(2, 3, kernel, kernel)).astype(np.float32)
    return model("Conv", {"w": weight}, 13, ["x", "w"], pads=pads, dilations=[dilation] * 2)


def transposed(*pads: int, more: int = 0, group: int = 1, stride: int = 3) -> bytes:
    weight = np.random.default_rng(0).normal(size=(3, 2, 3, 3)).astype(np.float32)
    sizes = {"pads": pads, "strides": [stride] * 2, "output_padding": [more] * 2, "group": group}
    return model("ConvTranspose", {"w": weight}, 13, ["x", "w"], **sizes)


WRONG = {
    "an output behind the last window": transposed(1, 1, 1, 1, more=2),
    "the same in groups": transposed(1, 1, 1, 1, more=2, group=3),
    "a scale that gives no whole size": resize(1.5),
    "half of an odd size": resize(0.5),
    "a last window that sticks out": average(1, 0, 0, 0, 0),
    "one that sticks out of the padding": average(1, 1, 1, 1, 1),
    "an average that is padded on one side": average(0, 0, 0, 1, 1, stride=1),
    "an average of even size over padding": average(0, 1, 1, 1, 1, kernel=2, stride=1),
    "an average that fills an odd rest up": model("LpPool", {}, 19, ["x"], kernel_shape=[2, 2], auto_pad="SAME_UPPER"),
    "a window in the padding": convolution(2, 2, 0, 0, 0),
    "one beside the image": convolution(2, 0, 2, 0, 0),
    "one in the padding of a single pixel": convolution(1, 1, 1, 1, 1),
}
RIGHT = {
    "an output as far as the last window": transposed(1, 1, 1, 1),
    "an average that is laid otherwise": average(1, 1, 1, 1, 1, kind="AveragePool"),
    "twice the size": resize(2.0),
    "a scale that gives whole sizes": resize(1.0),
    "windows that end inside": average(0, 0, 0, 0, 0),
    "an average over even padding": average(0, 1, 1, 1, 1, stride=1),
    "padding at the end": convolution(2, 0, 0, 1, 1),
    "padding less than the window": convolution(3, 2, 2, 2, 2),
    "dilated windows reach further": convolution(2, 2, 2, 2, 2, dilation=2),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_placed_elsewhere_is_refused(name: str) -> None:
    found = Model.load(WRONG[name])
    assert misplaced(found, found.units[0])


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.usefixtures("htp")
def test_its_neighbours_run_there_and_are_right(name: str) -> None:
    from onnx.reference import ReferenceEvaluator

    image = np.random.default_rng(1).normal(size=IMAGE).astype(np.float32)
    with zif.load(RIGHT[name], target=CHIP, pin={"*": "qnn_htp"}, cache=False) as session:
        made = session.run({"x": image})["y"]
    wanted = ReferenceEvaluator(onnx.load_from_string(RIGHT[name])).run(None, {"x": image})[0]
    np.testing.assert_allclose(made, wanted, atol=2e-2)


def test_an_old_roi_align_is_refused_and_a_new_one_is_not() -> None:
    for opset, wrong in ((10, True), (16, False)):
        rois = {"r": np.zeros((1, 4), np.float32), "b": np.zeros(1, np.int64)}
        found = Model.load(model("RoiAlign", rois, opset, ["x", "r", "b"]))
        assert bool(misplaced(found, found.units[0])) is wrong
