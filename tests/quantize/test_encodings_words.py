"""What an encodings file says is held against the weight, its maker and its default bitwidths, and told as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner
from zif.cli.app import application
from zif_quantize.qdq import read

CHANCE = np.random.default_rng(0)
W = (CHANCE.standard_normal((8, 3, 3, 3)) * 0.2).astype(np.float32)
SAMPLES = [{"x": CHANCE.standard_normal((1, 3, 8, 8)).astype(np.float32)} for _ in range(3)]
PEAK = float(np.abs(W).max())


def model() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "conv", pads=[1] * 4),
        helper.make_node("Relu", ["c"], ["y"], "relu"),
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [1, 3, 8, 8]), ("y", None))]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [numpy_helper.from_array(W, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def weight(bits: int, offset: int, scale: float = 1.0, **more: Any) -> dict[str, Any]:
    """An entry of the weight, symmetric, per tensor; scale: times what holds its largest."""
    entry = {"name": "w", "bw": bits, "dtype": "INT", "enc_type": "PER_TENSOR", "is_sym": True, "offset": [offset]}
    return {**entry, "scale": [scale * PEAK / (2 ** (bits - 1) - 1)], **more}


def file(*weights: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": "1.0.0", "activation_encodings": [], "param_encodings": list(weights), **more}


def stored(made: onnx.ModelProto) -> list[str]:
    kinds = {tensor.data_type for tensor in made.graph.initializer} - {TensorProto.FLOAT, TensorProto.INT64}
    return sorted(TensorProto.DataType.Name(kind) for kind in kinds)


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_a_symmetric_weight_counts_from_the_middle_whichever_offset_says_so(bits: int) -> None:
    made = [zif.quantize(model(), encodings=file(weight(bits, offset))) for offset in (0, -(2 ** (bits - 1)))]
    assert stored(made[0].model) == stored(made[1].model) == [f"INT{bits}"]
    same = [one.model.SerializeToString() for one in made]
    assert same[0] == same[1]


def test_activations_and_weights_above_zero_are_unsigned_with_offset_0() -> None:
    """AIMET's unsigned symmetric: the range begins at 0."""
    entry = {"bitwidth": 8, "dtype": "int", "is_symmetric": "True", "min": 0.0, "max": 2.55, "offset": 0, "scale": 0.01}
    found = read({"activation_encodings": {"y": [entry]}, "param_encodings": {"w": [entry]}})
    assert {one.dtype for one in found.entries} == {"uint8"}


@pytest.mark.parametrize("scale", [0.05, 400.0])
def test_an_encoding_that_loses_the_weight_is_refused_with_both_ranges(scale: float) -> None:
    """A tenth of the range, as of another model, and one in which all values are the same step."""
    with pytest.raises(zif.InvalidInput, match=r"'w' holds -?[\d.e-]+ to .* and the weight has .* dB would be left"):
        zif.quantize(model(), encodings=file(weight(8, -128, scale)))


def test_an_unsigned_weight_of_half_a_range_is_refused() -> None:
    entry = {"bitwidth": 8, "dtype": "int", "is_symmetric": "False", "offset": 0, "scale": PEAK / 255}
    with pytest.raises(zif.InvalidInput, match="offset counted otherwise"):
        zif.quantize(model(), encodings={"activation_encodings": {}, "param_encodings": {"w": [entry]}})


def test_a_weight_that_is_cut_with_care_is_taken() -> None:
    assert stored(zif.quantize(model(), encodings=file(weight(4, -8, 0.6))).model) == ["INT4"]


@pytest.mark.parametrize(
    ("bits", "precision", "kinds"),
    [
        ((8, 16), "w8a16", ["INT8", "UINT16"]),
        ((4, 16), "w4a16", ["INT4", "UINT16"]),
        ((4, 8), "w4a8", ["INT4", "UINT8"]),
    ],
)
def test_what_a_file_leaves_open_is_filled_in_its_default_bitwidths(
    bits: tuple[int, int], precision: str, kinds: list[str]
) -> None:
    output = {"name": "y", "bw": bits[1], "dtype": "INT", "is_sym": False, "offset": [0]}
    output["scale"] = [4 / (2 ** bits[1] - 1)]
    document = {**file(param_bitwidth=bits[0], activation_bitwidth=bits[1]), "activation_encodings": [output]}
    made = zif.quantize(model(), SAMPLES, encodings=document, method="minmax")
    assert made.precision == precision
    assert set(kinds) <= set(stored(made.model))
    assert not {"INT8", "UINT8"} - set(kinds) & set(stored(made.model))


def test_who_names_a_precision_has_it() -> None:
    document = file(weight(8, -128), param_bitwidth=4, activation_bitwidth=16)
    assert zif.quantize(model(), SAMPLES, "w8a8", encodings=document, method="minmax").precision == "w8a8"


def test_default_bitwidths_without_a_recipe_are_told() -> None:
    document = file(weight(8, -128), param_bitwidth=8, activation_bitwidth=32)
    with pytest.raises(zif.UsageError, match="activation_bitwidth 32"):
        zif.quantize(model(), SAMPLES, encodings=document)
    assert zif.quantize(model(), encodings=document).uncovered == ("x", "c", "y")


def test_the_line_says_what_the_file_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    onnx.save(model(), "m.onnx")
    Path("e.json").write_text(json.dumps(file(weight(4, -8))))
    done = CliRunner().invoke(application(), ["quantize", "m.onnx", "--encodings", "e.json", "-o", "q.onnx"])
    assert done.exit_code == 0
    assert "as the encodings say: w4a32" in done.output
    assert "recipe:" not in done.output


def test_the_file_of_modules_is_known_for_what_it_is() -> None:
    entry = {"bitwidth": 8, "min": 0.0, "max": 1.0}
    by_module = {"stem.0": {"input": {"0": entry}, "output": {"0": entry}}}
    with pytest.raises(zif.InvalidInput, match="PyTorch's modules"):
        read({"version": "0.6.1", "activation_encodings": by_module, "param_encodings": {"w": [entry]}})
