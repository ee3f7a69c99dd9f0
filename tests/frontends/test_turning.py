"""Outputs become NCHW without a Transpose that stays by accident, and the model computes what it did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import parser
from zif_tensorflow.turning import outputs_as_nchw

#: By name: how the outputs come from the NHWC input `x`, and how many Transposes are left.
_WHERE = {
    "a network's end": ("c = Relu(n) o = Transpose<perm=[0,2,3,1]>(c)", 1),
    "what computes place by place": ("t = Transpose<perm=[0,2,3,1]>(n) s = Sigmoid(t) o = Cast<to=1>(s)", 1),
    "steps of one scale": (
        "t = Transpose<perm=[0,2,3,1]>(n) q = QuantizeLinear(t, step) o = DequantizeLinear(q, step)",
        1,
    ),
    "steps per channel": (
        "t = Transpose<perm=[0,2,3,1]>(n) q = QuantizeLinear<axis=3>(t, steps) o = DequantizeLinear<axis=-1>(q, steps)",
        1,
    ),
    "along an axis": ("t = Transpose<perm=[0,2,3,1]>(n) s = Softmax(t) o = LogSoftmax<axis=1>(s)", 1),
    "no Transpose": ("o = Softmax<axis=3>(x)", 2),
    "the input itself": ("o = Transpose<perm=[0,2,3,1]>(n)", 1),
    "another reader of the output": ("t = Relu(n) o = Transpose<perm=[0,2,3,1]>(t) flat = ReduceSum<keepdims=0>(o)", 2),
    "another reader on the way": (
        "t = Transpose<perm=[0,2,3,1]>(n) s = Exp(t) o = Neg(s) flat = ReduceSum<keepdims=0>(s)",
        3,
    ),
    "another reader of the Transpose": (
        "r = Abs(n) t = Transpose<perm=[0,2,3,1]>(r) o = Neg(t) flat = ReduceSum<keepdims=0>(t)",
        2,
    ),
    "another order": ("t = Transpose<perm=[0,3,2,1]>(n) u = Transpose<perm=[0,2,1,3]>(t) o = Neg(u)", 4),
}


def network(lines: str, places: Path) -> Path:
    """Saved: x as NCHW in `n`, the lines, and outputs `o` and, where there is one, `flat`."""
    more = ", float flat" if "flat" in lines else ""
    text = f"""<ir_version: 8, opset_import: ["": 17]>
        g (float[N,4,6,3] x) => (float[N,4,6,3] o{more})
        <float step = {{0.01}}, float[3] steps = {{0.01, 0.02, 0.03}}>
        {{ n = Transpose<perm=[0,3,1,2]>(x) {lines} }}"""
    onnx.save(parser.parse_model(text), places / "model.onnx")
    return places / "model.onnx"


def computed(path: Path, x: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, {"x": x}), strict=True))


@pytest.mark.parametrize("where", _WHERE)
def test_an_output_turns(where: str, tmp_path: Path) -> None:
    lines, left = _WHERE[where]
    path = network(lines, tmp_path)
    x = np.random.default_rng(0).standard_normal((2, 4, 6, 3)).astype(np.float32)
    before = computed(path, x)
    assert outputs_as_nchw(path) == ("o",)
    after = computed(path, x)
    np.testing.assert_allclose(after["o"], before["o"].transpose(0, 3, 1, 2), rtol=1e-6)
    if "flat" in before:
        np.testing.assert_allclose(after["flat"], before["flat"], rtol=1e-5)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node].count("Transpose") == left
    dims = model.graph.output[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in dims] == ["N", 3, 4, 6]
