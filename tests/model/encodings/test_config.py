"""Encodings read from a quantized model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from small import classifier, save, value
from zif.model import Model
from zif.model.encodings.config import at_outputs, encodings


def quantized(tmp_path: Path) -> Path:
    """x → Q → DQ → Conv with per-channel int8 weights → Q → DQ → y"""
    constants = {
        "xs": np.float32(0.5),
        "xz": np.uint8(128),
        "ws": np.array([0.1, 0.2], np.float32),
        "wz": np.zeros(2, np.int8),
        "w": np.ones((2, 3, 1, 1), np.int8),
        "ys": np.float32(0.25),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "xs", "xz"], ["xf"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wf"], axis=0),
        helper.make_node("Conv", ["xf", "wf"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "ys"], ["cq"]),
        helper.make_node("DequantizeLinear", ["cq", "ys"], ["y"]),
    ]
    weights = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    ends = [value("x", [1, 3, 4, 4])], [value("y", [1, 2, 4, 4])]
    return save(tmp_path / "q.onnx", nodes, *ends, weights)


def test_scales_zero_points_types_and_axes(tmp_path: Path) -> None:
    found = encodings(Model.load(quantized(tmp_path)))
    assert found is not None
    assert found["activations"] == {
        "x": {"dtype": "uint8", "bitwidth": 8, "scale": [0.5], "zero_point": [128], "axis": None},
        "c": {"dtype": "uint8", "bitwidth": 8, "scale": [0.25], "zero_point": [0], "axis": None},
    }
    weight = found["weights"]["w"]
    np.testing.assert_allclose(weight.pop("scale"), [0.1, 0.2], rtol=1e-6)
    assert weight == {"dtype": "int8", "bitwidth": 8, "zero_point": [0, 0], "axis": 0}


def test_outputs_have_theirs_by_their_own_names(tmp_path: Path) -> None:
    model = onnx.load(quantized(tmp_path))
    graph = model.graph
    per_channel = helper.make_node("DequantizeLinear", ["cq", "ws", "wz8"], ["z"], axis=1)
    nodes = [
        helper.make_node("Transpose", ["y"], ["t"], perm=[0, 2, 3, 1]),
        helper.make_node("Relu", ["y"], ["r"]),
        per_channel,
        helper.make_node("Transpose", ["z"], ["zt"], perm=[0, 2, 3, 1]),
    ]
    graph.node.extend(nodes)
    graph.initializer.append(numpy_helper.from_array(np.zeros(2, np.uint8), "wz8"))
    graph.output.extend(
        value(name, shape, kind)
        for name, shape, kind in (
            ("cq", [1, 2, 4, 4], TensorProto.UINT8),
            ("t", [1, 4, 4, 2], TensorProto.FLOAT),
            ("r", [1, 2, 4, 4], TensorProto.FLOAT),
            ("z", [1, 2, 4, 4], TensorProto.FLOAT),
            ("zt", [1, 4, 4, 2], TensorProto.FLOAT),
        )
    )
    onnx.save(model, tmp_path / "more.onnx")
    found = at_outputs(Model.load(tmp_path / "more.onnx"))
    plain = {"dtype": "uint8", "bitwidth": 8, "scale": [0.25], "zero_point": [0], "axis": None}
    assert {name: found[name] for name in ("y", "cq", "t")} == {"y": plain, "cq": plain, "t": plain}
    assert found["z"]["axis"] == 1
    assert set(found) == {"y", "cq", "t", "z"}  # a Relu computes; an axis is another behind a Transpose


def test_a_float_model_has_none(tmp_path: Path) -> None:
    assert encodings(Model.load(classifier(tmp_path / "f.onnx"))) is None


def test_dynamic_quantization_has_no_encoding_beforehand(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    path = save(tmp_path / "d.onnx", nodes, [value("x", [4])], [value("y", [4], TensorProto.FLOAT)])
    assert encodings(Model.load(path)) is None
