"""Models of half and double floats: quantized as those of float32 are, with inputs and outputs as they were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from quantized_nets import normal, sqnr
from zif.model.encodings.export import export
from zif_quantize import prepare, quantize, quantize_model
from zif_quantize.measure import Reference

node = helper.make_node
SAMPLES = [normal(1, 3, 8, 8, seed=seed) for seed in range(8)]
NUMBERS = {TensorProto.FLOAT: np.float32, TensorProto.FLOAT16: np.float16, TensorProto.DOUBLE: np.float64}


def net(kind: int) -> onnx.ModelProto:
    """Two layers with a constant in the body of a node, the first layer's result an output, too."""
    dtype: Any = NUMBERS[kind]
    value = helper.make_tensor_value_info
    weights = {"w": normal(4, 3, 3, 3) / 2, "b": normal(4), "w2": normal(144, 5) / 12, "b2": normal(5)}
    two = numpy_helper.from_array(np.array(2, dtype), "two")
    bodies = {
        "then_branch": helper.make_graph(
            [node("Mul", ["g", "two"], ["t"])], "t", [], [value("t", kind, [1, 5])], [two]
        ),
        "else_branch": helper.make_graph([node("Neg", ["g"], ["e"])], "e", [], [value("e", kind, [1, 5])]),
    }
    nodes = [
        node("Conv", ["x", "w", "b"], ["h"], "conv"),
        node("Relu", ["h"], ["r"], "relu"),
        node("Flatten", ["r"], ["f"], "flatten"),
        node("Gemm", ["f", "w2", "b2"], ["g"], "gemm"),
        node("ReduceMax", ["g"], ["m"], "max", keepdims=0),
        node("Cast", ["m"], ["yes"], "cast", to=TensorProto.BOOL),
        node("If", ["yes"], ["y"], "if", **bodies),
    ]
    ends = [value("x", kind, [1, 3, 8, 8]), value("y", kind, [1, 5]), value("r", kind, [1, 4, 6, 6])]
    inits = [numpy_helper.from_array(array.astype(np.float16).astype(dtype), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], inits)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def given(kind: int) -> list[Mapping[str, Any]]:
    return [{"x": sample.astype(np.float16).astype(NUMBERS[kind])} for sample in SAMPLES]


def worst(kind: int, precision: str) -> float:
    """The SQNR of the worst output against the float32 model."""
    made = quantize_model(net(kind), given(kind), precision)
    onnx.checker.check_model(made, full_check=True)
    exact, other = Reference(net(TensorProto.FLOAT)), Reference(made)
    rows = [(exact.run(a), other.run(b)) for a, b in zip(given(TensorProto.FLOAT), given(kind), strict=True)]
    return min(sqnr(np.stack([a[n] for a, _ in rows]), np.stack([b[n] for _, b in rows])) for n in ("y", "r"))


@pytest.mark.parametrize("precision", ["w8a8", "w8a16", "w4a16", "w16a16"])
@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_other_floats_lose_no_more_than_float32(kind: int, precision: str) -> None:
    # An output of half floats is rounded to 11 bits in the end.
    assert worst(kind, precision) > min(65, worst(TensorProto.FLOAT, precision)) - 1


def test_weights_are_integers_and_ends_stay_halves() -> None:
    made = quantize_model(net(TensorProto.FLOAT16), given(TensorProto.FLOAT16), "w4a16")
    kinds = {tensor.name: tensor.data_type for tensor in made.graph.initializer}
    assert kinds["w_quantized"] == kinds["w2_quantized"] == TensorProto.INT4
    assert TensorProto.FLOAT16 not in kinds.values()
    ends = [*made.graph.input, *made.graph.output]
    assert [(one.name, one.type.tensor_type.elem_type) for one in ends] == [(n, TensorProto.FLOAT16) for n in "xyr"]


def test_tensors_keep_their_names() -> None:
    ready = prepare(net(TensorProto.FLOAT16))
    assert {"x", "w", "b", "h", "r", "f", "g", "y"} <= ready.tensors.keys()
    assert {name for name, info in ready.tensors.items() if info.dtype == "float16"} == {"x", "y", "r"}
    made = quantize_model(ready, given(TensorProto.FLOAT16), "w8a8")
    assert {"x", "w", "b", "r", "w2", "b2", "g"} <= {one.name for one in export(made).entries}


def test_an_infinity_saturates() -> None:
    made = Reference(quantize_model(net(TensorProto.FLOAT16), given(TensorProto.FLOAT16), "w8a8"))
    sample = given(TensorProto.FLOAT16)[0]["x"].copy()
    sample[0, 0, 0, 0] = np.inf
    assert np.isfinite(made.run({"x": sample})["r"]).all()


def test_the_whole_way_measures_against_float32() -> None:
    made = quantize(net(TensorProto.FLOAT16), given(TensorProto.FLOAT16), "w16a16")
    assert made.sqnr.keys() == {"y", "r"}
    assert min(made.sqnr.values()) > 70


def test_what_was_observed_alone_cuts_off_what_a_sample_has_beyond_and_the_figure_says_so() -> None:
    """`minmax` leaves no room. Of noise every fold has its own greatest value, which is 40 dB in 16 bits."""
    half, whole = given(TensorProto.FLOAT16), given(TensorProto.FLOAT)
    made = quantize(net(TensorProto.FLOAT16), half, "w16a16", "minmax")
    exact, other = Reference(net(TensorProto.FLOAT)), Reference(made.model)
    seen = [(exact.run(a)["y"], other.run(b)["y"]) for a, b in zip(whole, half, strict=True)]
    assert sqnr(*(np.stack(side) for side in zip(*seen, strict=True))) > 65
    assert 30 < made.sqnr["y"] < 40


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["w8a8", "w8a16"])
def test_htp_takes_it_and_saturates_infinities(precision: str) -> None:
    pytest.importorskip("zif_qnn_htp", reason="Qualcomm's compiler is not installed")
    halves = net(TensorProto.FLOAT16)
    del halves.graph.node[4:], halves.graph.output[0]
    halves.graph.output.append(helper.make_tensor_value_info("g", TensorProto.FLOAT16, [1, 5]))
    made = quantize_model(halves, given(TensorProto.FLOAT16), precision)
    sample = {"x": given(TensorProto.FLOAT16)[0]["x"].copy()}
    sample["x"][0, 0, :2, 0] = np.inf, -np.inf
    wanted = Reference(made).run(sample)
    with zif.load(made, target="snapdragon-8-gen-3", only=("qnn_htp",), emulate=True) as session:
        got = session.run(sample)
    assert {array.dtype for array in got.values()} == {np.dtype(np.float16)}
    assert min(sqnr(wanted[name].astype(np.float32), got[name].astype(np.float32)) for name in "gr") > 30
