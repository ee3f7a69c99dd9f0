"""The emulator's arithmetic, against the same operators run one by one with a rounding to fp16 between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from qnn_gpu.graphs import FLOAT, HALF, INT64, convolutions, model
from zif.model import Model
from zif_qnn_gpu.rounding import rounded

Values = Mapping[str, Any]


def run(proto: onnx.ModelProto, feeds: Values, names: list[str] | None = None) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(names, dict(feeds))


def half(value: Any) -> Any:
    """float32 with what fp16 can hold; other types as they are."""
    with np.errstate(over="ignore"):
        return value.astype(np.float16).astype(np.float32) if value.dtype in (np.float32, np.float16) else value


def one_by_one(loaded: Model, feeds: Values) -> dict[str, Any]:
    """Every value of a model, each node run by itself in fp32 on rounded inputs, its result rounded."""
    values = {name: half(loaded.array(name)) for name in loaded.initializers}
    values |= {name: half(value) for name, value in feeds.items()}
    for node in loaded.proto.graph.node:
        read = [name for name in dict.fromkeys(node.input) if name]
        kinds = [helper.np_dtype_to_tensor_dtype(values[name].dtype) for name in read]
        ends = [helper.make_tensor_value_info(n, kind, values[n].shape) for n, kind in zip(read, kinds, strict=True)]
        outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
        graph = helper.make_graph([node], "one", ends, outputs)
        opsets = [helper.make_opsetid(domain, version) for domain, version in loaded.opsets.items()]
        single = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        made = run(single, {name: values[name] for name in read})
        values |= {name: half(value) for name, value in zip([n for n in node.output if n], made, strict=True)}
    return values


def test_every_tensor_is_rounded_as_when_run_one_by_one() -> None:
    loaded = Model.load(convolutions())
    x = np.random.default_rng(1).normal(size=(1, 3, 8, 8)).astype(np.float32)
    expected = one_by_one(loaded, {"x": x})["y"]
    (found,) = run(rounded(loaded), {"x": x})
    np.testing.assert_array_equal(found, expected)
    (plain,) = run(loaded.proto, {"x": x})
    assert not np.array_equal(found, plain)


UNARY = ("Sin", "Exp", "Tanh", "Sqrt", "Reciprocal", "Relu", "Neg", "Abs", "Sigmoid", "Identity")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(UNARY), min_size=1, max_size=6), st.integers(0, 1000), st.booleans())
def test_chains_of_any_operators_are_rounded_everywhere(names: list[str], seed: int, added: bool) -> None:
    nodes, last = [], "x"
    for number, name in enumerate(names):
        nodes.append(helper.make_node(name, [last], [f"v{number}"], f"n{number}"))
        last = f"v{number}"
    nodes.append(helper.make_node("Add" if added else "Mul", [last, "x"], ["y"], "last"))
    loaded = Model.load(model(nodes, {"x": (FLOAT, [50])}, {"y": (FLOAT, [50])}))
    x = np.random.default_rng(seed).uniform(0.01, 8, 50).astype(np.float32)
    np.testing.assert_array_equal(run(rounded(loaded), {"x": x})[0], one_by_one(loaded, {"x": x})["y"])


def test_weights_and_inputs_are_rounded() -> None:
    nodes = [helper.make_node("Mul", ["x", "w"], ["y"], "mul")]
    loaded = Model.load(model(nodes, {"x": (FLOAT, [1])}, {"y": (FLOAT, [1])}, {"w": np.array([1.0001], np.float32)}))
    assert run(rounded(loaded), {"x": np.array([1.0003], np.float32)})[0] == 1.0


def test_overflow_is_infinite_and_what_is_too_small_is_zero() -> None:
    nodes = [helper.make_node("Mul", ["x", "x"], ["y"], "mul")]
    loaded = Model.load(model(nodes, {"x": (FLOAT, [3])}, {"y": (FLOAT, [3])}))
    (found,) = run(rounded(loaded), {"x": np.array([300.0, 1e-5, 2.0], np.float32)})
    np.testing.assert_array_equal(found, np.array([np.inf, 0.0, 4.0], np.float32))


def test_integers_are_left_alone() -> None:
    nodes = [
        helper.make_node("Add", ["i", "i"], ["j"], "double"),
        helper.make_node("Cast", ["x"], ["k"], "cast", to=INT64),
        helper.make_node("Mul", ["j", "k"], ["y"], "mul"),
    ]
    loaded = Model.load(model(nodes, {"i": (INT64, [1]), "x": (FLOAT, [1])}, {"y": (INT64, [1])}))
    (found,) = run(rounded(loaded), {"i": np.array([123_456_789]), "x": np.array([1.0], np.float32)})
    assert found[0] == 246_913_578


def test_a_model_in_float16_keeps_its_ends_and_is_rounded_too() -> None:
    """ONNX Runtime alone would compute such a chain in fp32 without a rounding between its operators."""
    names = ["x", *"abc", "y"]
    nodes = [
        helper.make_node(op, [a], [b], b)
        for op, a, b in zip(("Sin", "Exp", "Sqrt", "Tanh"), names, names[1:], strict=False)
    ]
    loaded = Model.load(model(nodes, {"x": (HALF, [1000])}, {"y": (HALF, [1000])}))
    x = np.random.default_rng(0).normal(size=1000).astype(np.float16)
    wide = loaded_as_float(nodes)
    expected = one_by_one(wide, {"x": x.astype(np.float32)})["y"].astype(np.float16)
    (found,) = run(rounded(loaded), {"x": x})
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, expected)
    assert not np.array_equal(run(loaded.proto, {"x": x})[0], expected)


def loaded_as_float(nodes: list[onnx.NodeProto]) -> Model:
    return Model.load(model(nodes, {"x": (FLOAT, [1000])}, {"y": (FLOAT, [1000])}))


def test_an_output_that_others_read_is_given_rounded() -> None:
    nodes = [helper.make_node("Exp", ["x"], ["y"], "exp"), helper.make_node("Relu", ["y"], ["z"], "relu")]
    loaded = Model.load(model(nodes, {"x": (FLOAT, [1])}, {"y": (FLOAT, [1]), "z": (FLOAT, [1])}))
    y, z = run(rounded(loaded), {"x": np.array([0.1], np.float32)}, ["y", "z"])
    assert y == z == np.float32(np.float16(np.exp(np.float32(0.1))))


@pytest.mark.parametrize("name", ["mtcnn-rnet", "magika"])
def test_real_models_are_rounded_at_every_tensor(name: str) -> None:
    from zoo import ZooUnavailable, entry

    one = entry(name)
    try:
        loaded, feeds = Model.load(one.path, one.shapes), one.inputs()
    except ZooUnavailable as reason:
        pytest.skip(str(reason))
    expected = one_by_one(loaded, feeds)
    for info, found in zip(loaded.outputs, run(rounded(loaded), feeds), strict=True):
        np.testing.assert_array_equal(found, expected[info.name])
