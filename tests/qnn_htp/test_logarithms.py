"""Logarithms of numbers below fp16's: found with what makes the numbers, and right all the same."""

from __future__ import annotations

import numpy as np
import pytest
import zif
from onnx import parser
from qnn_htp.as_user import CHIP
from zif.model import Model
from zif_qnn_htp.rewrites.logarithms import of_tiny

SPECTRUM = (
    '<ir_version: 8, opset_import: ["": 17]> g (float[4, 8] x) => (float[4, 8] y) <float e = {%s}>'
    " { r = Relu(x) s = Mul(r, r) t = Transpose(s) u = Add(t, e) l = Log(u) b = Transpose(l) y = Neg(b) }"
)


def operators(guard: str) -> set[str]:
    model = Model.load(parser.parse_model(SPECTRUM % guard))
    return {model.unit(unit).op_type for unit in of_tiny(model)}


def test_the_logarithm_goes_with_what_makes_its_numbers_and_no_further() -> None:
    assert operators("1e-10") == {"Log", "Add", "Transpose", "Mul"}


@pytest.mark.parametrize("guard", ["1e-3", "0", "1"])
def test_a_guard_that_fp16_has_changes_nothing(guard: str) -> None:
    assert operators(guard) == set()


@pytest.mark.usefixtures("htp")
def test_a_spectrum_with_silence_in_it_is_right() -> None:
    x = np.full((4, 8), 3e-5, np.float32)
    x[0] = 1
    with zif.load(parser.parse_model(SPECTRUM % "1e-10"), target=CHIP, cache=False) as session:
        y = session.run({"x": x})["y"]
    np.testing.assert_allclose(y, -np.log(x * x + 1e-10), rtol=1e-2, atol=1e-2)
