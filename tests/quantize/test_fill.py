"""What calibration fills in around a file of encodings: above all, conversions where its bits differ."""

from __future__ import annotations

import attrs
import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quantized_nets import SAMPLES, cnn, feeds, run, sqnr
from random_nets import networks
from zif.errors import InvalidInput
from zif.model import Model
from zif.model.encodings.export import export
from zif_quantize import calibrate, prepare, quantize, quantize_model
from zif_quantize.float_units import kept_float
from zif_quantize.qdq import Encoding, Encodings, apply, filled

MODEL = prepare(cnn())
RANGES = calibrate(MODEL, SAMPLES)
PRECISIONS = {"uint8": quantize_model(MODEL, RANGES, "w8a8"), "uint16": quantize_model(MODEL, RANGES, "w8a16")}


def entries(dtype: str) -> dict[str, Encoding]:
    return {one.name: one for one in export(PRECISIONS[dtype]).entries}


@pytest.mark.parametrize("name", ["x", "r1", "c2", "a", "s", "f", "y"])
@pytest.mark.parametrize(("around", "inside"), [("uint8", "uint16"), ("uint16", "uint8")])
def test_every_node_reads_and_gives_integers_of_one_width(around: str, inside: str, name: str) -> None:
    said = entries(inside)[name]
    made = apply(MODEL, filled(MODEL, Encodings((said,)), export(PRECISIONS[around]))).model
    found = export(made).entries
    assert {one.name: one for one in found if not one.readers}[name] == said
    own = {one.name: one.bits for one in found if not one.readers}
    converted = {(one.name, reader): one.bits for one in found for reader in one.readers}
    assert converted
    for node in MODEL.proto.graph.node:
        result = "r1" if node.output[0] == "c1" else node.output[0]
        reads = [n for n in node.input if n in own and n not in MODEL.initializers]
        if node.op_type != "Relu":
            assert {converted.get((n, node.name), own[n]) for n in reads} == {own[result]}, node.name
    kinds = [unit.op_type for unit in Model.load(made).units]
    assert "Relu" not in kinds
    assert sqnr(run(cnn(), SAMPLES[0]), run(made, SAMPLES[0])) > 40


def test_a_relu_that_the_files_range_brings_back_reads_integers() -> None:
    """The file's range of r1 has negative values, so the Relu stays; calibration had left it out and has no entry."""
    said = Encoding("r1", "activation", "uint16", (2.0**-12,), (100,))
    made = apply(MODEL, filled(MODEL, Encodings((said,)), export(PRECISIONS["uint8"])))
    found = {one.name: one for one in export(made.model).entries if not one.readers}
    assert not made.uncovered
    assert found["c1"].dtype == "uint16"
    assert found["c1"].zero_point == (0,)
    assert "Relu" in [unit.op_type for unit in Model.load(made.model).units]
    assert sqnr(run(cnn(), SAMPLES[0]), run(made.model, SAMPLES[0])) > 40


def test_what_is_converted_keeps_its_range() -> None:
    said = entries("uint16")["a"]
    made = filled(MODEL, Encodings((said,)), export(PRECISIONS["uint8"]))
    (one,) = (one for one in made.entries if one.name == "a" and one.readers)
    assert one.readers == ("sigmoid",)
    assert one.dtype == "uint8"
    for own, other in zip(_range(said), _range(one), strict=True):
        assert abs(own - other) <= one.scale[0]


def _range(one: Encoding) -> tuple[float, float]:
    return -one.zero_point[0] * one.scale[0], (2**one.bits - 1 - one.zero_point[0]) * one.scale[0]


def test_the_conversions_of_a_recipe_stay_where_the_file_says_nothing() -> None:
    mixed = quantize_model(MODEL, RANGES, "w8a8", {"gemm": "w8a16"})
    said = attrs.evolve(entries("uint8")["r1"], scale=(0.03125,))
    made = export(apply(MODEL, filled(MODEL, Encodings((said,)), export(mixed))).model)
    wanted = [one for one in export(mixed).entries if one.readers]
    assert [one for one in made.entries if one.readers] == wanted


def test_a_model_filled_by_its_own_recipe_is_the_recipes_model() -> None:
    """The file's entries and calibration's are one: the same units, the same values."""
    said = entries("uint8")["s"]
    made = apply(MODEL, filled(MODEL, Encodings((said,)), export(PRECISIONS["uint8"]))).model
    assert len(Model.load(made).units) == len(Model.load(PRECISIONS["uint8"]).units)
    np.testing.assert_array_equal(run(made, SAMPLES[0]), run(PRECISIONS["uint8"], SAMPLES[0]))


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(networks(), st.booleans(), st.data())
def test_whatever_a_file_says_of_a_random_network_its_nodes_compute_in_one_width(
    network: onnx.ModelProto, wide: bool, data: st.DataObject
) -> None:
    model, samples = prepare(network), feeds(network, 3)
    ranges = calibrate(model, samples)
    around, other = (quantize_model(model, ranges, one) for one in (("w8a16", "w8a8") if wide else ("w8a8", "w8a16")))
    there = [one for one in export(other).entries if one.kind == "activation" and not one.readers and one.scale]
    some = tuple(one for one in there if data.draw(st.booleans()))
    made = apply(model, filled(model, Encodings(some), export(around))).model
    found = export(made).entries
    own = {one.name: one for one in found if not one.readers}
    assert {one.name: own[one.name] for one in some} == {one.name: one for one in some}
    bits = {one.name: one.bits for one in own.values() if one.kind == "activation" and one.scale}
    converted = {(one.name, reader): one.bits for one in found for reader in one.readers}
    for node in model.proto.graph.node:
        gives = {bits[name] for name in node.output if name in bits}
        read = {converted.get((name, node.name), bits[name]) for name in node.input if name in bits}
        assert not gives or node.name in kept_float(model) or read <= gives, node.name
    exact, *others = (run(one, samples[0]) for one in (model.proto, made, around, other))
    got, *uniform = (sqnr(exact, one) for one in others)
    assert not some or got > min(*uniform, 60) - 12


@pytest.mark.parametrize("data", [None, SAMPLES])
def test_a_file_for_another_model_or_an_empty_one_is_refused_whatever_fills_it(data: object) -> None:
    gone = Encodings((Encoding("gone", "activation", "uint8", (0.5,), (0,)),))
    for file, told in ((gone, "no entry of the encodings matches a tensor"), (Encodings(()), "has no entry")):
        with pytest.raises(InvalidInput, match=told):
            quantize(cnn(), data, method="minmax", encodings=file)  # type: ignore[arg-type]


@pytest.mark.parametrize("moved", ["Tile", "Expand", "DepthToSpace", "SpaceToDepth", "Reshape", "MaxPool"])
def test_what_is_only_moved_is_encoded_as_what_it_comes_from(moved: str) -> None:
    extra = {"Tile": [1, 1, 1, 2], "Expand": [1, 4, 16, 16], "Reshape": [1, 3, 8, 32]}.get(moved)
    options = {"DepthToSpace": {"blocksize": 2}, "SpaceToDepth": {"blocksize": 2}, "MaxPool": {"kernel_shape": [1, 1]}}
    channels = {"DepthToSpace": 4, "Expand": 1}.get(moved, 3)
    inputs = ["a", "shape"] if extra else ["a"]
    nodes = [
        onnx.helper.make_node("Mul", ["x", "x"], ["a"], "square"),
        onnx.helper.make_node(moved, inputs, ["b"], "moved", **options.get(moved, {})),
        onnx.helper.make_node("Sigmoid", ["b"], ["y"], "sigmoid"),
    ]
    value = onnx.helper.make_tensor_value_info
    shape = [onnx.numpy_helper.from_array(np.array(extra, np.int64), "shape")] if extra else []
    ends = [value("x", onnx.TensorProto.FLOAT, [1, channels, 16, 16])], [value("y", onnx.TensorProto.FLOAT, None)]
    graph = onnx.helper.make_graph(nodes, "moved", *ends, shape)
    model = prepare(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9))
    said = Encoding("a", "activation", "uint8", (0.5,), (0,))
    samples = [{"x": np.random.default_rng(0).standard_normal((1, channels, 16, 16)).astype(np.float32)}]
    calibrated = export(quantize_model(model, calibrate(model, samples), "w8a8"))
    found = {one.name: one for one in filled(model, Encodings((said,)), calibrated).entries}
    assert (found["b"].scale, found["b"].zero_point) == (said.scale, said.zero_point)
