"""Whose fault it is what ONNX Runtime refuses to open: attributes that a kernel does not take are the model's."""

from __future__ import annotations

import onnx
import pytest
import zif
from onnxruntime.capi import onnxruntime_pybind11_state as native
from zif.plugin import EngineRefused
from zif_qnn_cpu.failures import of_opening, of_running


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ("LRN<size = 0>(x)", "size_ > 0 does not hold"),
        ('MaxPool<kernel_shape = [2, 2], auto_pad = "link">(x)', "Unknown AutoPadType"),
    ],
)
def test_attributes_that_a_kernel_refuses_are_the_models(node: str, words: str) -> None:
    text = f'<ir_version: 8, opset_import: ["": 17]> g (float[1, 2, 4, 4] x) => (float[] y) {{ y = {node} }}'
    model = onnx.parser.parse_model(text)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    with pytest.raises(zif.InvalidModel, match=f"invalid: .*{words}"):
        zif.load(model, only=["qnn_cpu"], cache=False)


def test_an_attribute_that_a_kernel_misses_is_the_models() -> None:
    """ONNX lets it be missing, and the engine does not."""
    text = '<ir_version: 10, opset_import: ["": 20]> g (string[1] x) => (bool[1] y) { y = RegexFullMatch(x) }'
    with pytest.raises(zif.InvalidModel, match="'pattern'"):
        zif.load(onnx.parser.parse_model(text), only=["qnn_cpu"], cache=False)


def test_what_the_engine_says_is_no_bug_of_ours_and_what_it_trips_over_is() -> None:
    raised = native.Fail("[ONNXRuntimeError] : 1 : FAIL : something that nobody has seen before\nand more")
    for asked in (of_opening, of_running):
        said = asked(raised)
        assert isinstance(said, EngineRefused), asked
        assert said.exit_code == 1
        assert str(said).endswith("something that nobody has seen before")
        assert asked(KeyError("x")) is None
