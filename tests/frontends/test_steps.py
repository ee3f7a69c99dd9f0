"""What tf2onnx writes of quantization: a bias has 32 bits, its zeros too, and 16 bits are refused."""

from __future__ import annotations

import pytest
import zif
from onnx import parser
from zif_tensorflow.export import _check_steps


def model(kind: str, operator: str) -> object:
    return parser.parse_model(f"""<ir_version: 8, opset_import: ["": 18]>
        g ({"float" if operator == "QuantizeLinear" else kind}[2] x) => (float[2] y)
        <float step = {{0.5}}, {kind} zero = {{0}}> {{ y = {operator}(x, step, zero) }}""")


@pytest.mark.parametrize(
    ("kind", "operator"),
    [("int8", "QuantizeLinear"), ("uint8", "DequantizeLinear"), ("int32", "DequantizeLinear")],
)
def test_what_onnx_has_is_taken(kind: str, operator: str) -> None:
    _check_steps(model(kind, operator), "net.tflite")


@pytest.mark.parametrize(
    ("kind", "operator"),
    [
        ("int16", "QuantizeLinear"),
        ("int16", "DequantizeLinear"),
        ("int64", "DequantizeLinear"),
        ("int32", "QuantizeLinear"),
    ],
)
def test_what_its_opsets_do_not_have_is_refused(kind: str, operator: str) -> None:
    with pytest.raises(zif.Unsupported, match="quantized to 16 bits"):
        _check_steps(model(kind, operator), "net.tflite")
