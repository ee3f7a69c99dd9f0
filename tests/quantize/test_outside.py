"""Models that somebody else quantized get the forms that a backend wants, and keep the encodings that they have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from typer.testing import CliRunner
from zif.cli.app import application
from zif.model.encodings.export import export

WIDTH = 16


def perceptron() -> onnx.ModelProto:
    """LayerNormalization, and a Gelu as exporters spell it."""
    rng = np.random.default_rng(0)
    rows = [("LayerNormalization", ["x", "gamma", "beta"], "n"), ("MatMul", ["n", "w"], "m"), ("Add", ["m", "b"], "h")]
    rows += [("Div", ["h", "root"], "d"), ("Erf", ["d"], "e"), ("Add", ["e", "one"], "a"), ("Mul", ["h", "a"], "t")]
    rows += [("Mul", ["t", "half"], "g"), ("MatMul", ["g", "v"], "y")]
    nodes = [helper.make_node(kind, reads, [gives], f"{gives}_node") for kind, reads, gives in rows]
    numbers = {"root": 2**0.5, "one": 1.0, "half": 0.5}
    held = {name: np.float32(value) for name, value in numbers.items()}
    held |= {name: rng.standard_normal((WIDTH, WIDTH)).astype(np.float32) / 4 for name in "wv"}
    held |= {"gamma": rng.uniform(0.5, 1.5, WIDTH), "beta": rng.standard_normal(WIDTH), "b": rng.standard_normal(WIDTH)}
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 8, WIDTH]) for name in "xy"]
    weights = [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in held.items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self) -> None:
        chances = map(np.random.default_rng, range(4))
        self.samples = iter([{"x": chance.standard_normal((2, 8, WIDTH)).astype(np.float32)} for chance in chances])

    def get_next(self) -> dict[str, Any] | None:
        return next(self.samples, None)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """What onnxruntime's one call makes of it: nothing put together, a signed gamma."""
    onnx.save(perceptron(), tmp_path / "float.onnx")
    quant_pre_process(tmp_path / "float.onnx", tmp_path / "ready.onnx")
    made = tmp_path / "outside.onnx"
    kinds = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
    quantize_static(tmp_path / "ready.onnx", made, _Reader(), quant_format=QuantFormat.QDQ, per_channel=True, **kinds)
    return made


def kinds(proto: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in proto.graph.node]


def test_what_was_spelled_out_is_put_together_and_the_encodings_stay(outside: Path) -> None:
    given = onnx.load(outside)
    assert "Erf" in kinds(given)
    made = zif.quantize(outside, rules="qnn_htp")
    assert made.reformed == {"Gelu": 1}
    assert "Erf" not in kinds(made.model)
    assert kinds(made.model).count("Gelu") == 1
    before, after = ({one.name: one for one in export(proto).entries} for proto in (given, made.model))
    kept = {name for name in after if name in before and name != "gamma"}
    assert {"x", "n", "y", "w", "v"} <= kept
    assert all(after[name] == before[name] for name in kept)
    assert after["gamma"].dtype == "uint8"
    assert min(made.sqnr.values()) > 30


def test_the_chip_takes_it_whole_then(outside: Path) -> None:
    def refused(model: Any) -> set[str]:
        units = zif.plan(model, target="snapdragon-8-gen-3").units
        return {unit.op_type for unit in units if unit.verdicts["qnn_htp"].supported is not True}

    assert refused(outside) == {"Erf", "LayerNormalization"}
    assert refused(zif.quantize(outside, target="snapdragon-8-gen-3").model) == set()


def test_the_command_says_what_it_did(outside: Path, tmp_path: Path) -> None:
    args = ["quantize", str(outside), "-o", str(tmp_path / "made.onnx"), "--rules", "qnn_htp"]
    told = CliRunner().invoke(application(), args)
    assert told.exit_code == 0, told.output
    assert "put together: 1 Gelu; the encodings are those that it had, w8a8" in told.stdout
    assert "against the quantized model as it was given, on made inputs" in told.stdout
    document = json.loads(CliRunner().invoke(application(), [*args, "--json"]).stdout)
    assert document["reformed"] == {"Gelu": 1}


def test_other_wishes_want_the_float_model(outside: Path) -> None:
    with pytest.raises(zif.UsageError, match="is quantized already.*leave out precision"):
        zif.quantize(outside, precision="w8a16")
    with pytest.raises(zif.UsageError, match="leave out per_channel"):
        zif.quantize(outside, per_channel=False)
