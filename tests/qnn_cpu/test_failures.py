"""Whose fault it is what ONNX Runtime refuses to open: attributes that a kernel does not take are the model's."""

from __future__ import annotations

import onnx
import pytest
import zif


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
