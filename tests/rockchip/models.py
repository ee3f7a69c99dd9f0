"""Small models for the tests of `rknn`."""

from __future__ import annotations

import zif
from onnx import parser


def model(text: str, opset: int = 17) -> zif.Model:
    """A model from ONNX's text form, its graph alone."""
    return zif.Model.load(parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}]> {text}'))


CHAIN = """g (float[2,3] x) => (float[2,3] y) {
    a = Relu(x)
    b = Abs(a)
    c = Neg(b)
    y = Exp(c)
}"""
