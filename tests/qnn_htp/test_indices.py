"""Indices counted from the end, and places in dimensions of size 1: right on the HTP, in every rank and axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper
from qnn_htp.beside import PINNED, decibels, made, right, worst
from zif_qnn_htp.graph import build

Attributes = Mapping[str, Any]


def counted(*shape: int) -> np.ndarray:
    return (np.arange(np.prod(shape)).reshape(shape) % 97 + 1).astype(np.float32)


#: By operator and rank: what is indexed, and indices of which some count from the end.
BACKWARDS: dict[str, tuple[str, np.ndarray, np.ndarray, Attributes]] = {
    "GatherElements of rank 2": ("GatherElements", counted(6, 8), np.array([[-1] * 8, [2] * 8]), {"axis": 0}),
    "GatherElements of rank 3": ("GatherElements", counted(2, 6, 8), np.full((2, 6, 3), -2), {"axis": -1}),
    "GatherElements in 32 bits": ("GatherElements", counted(6, 8), np.full((2, 8), -6, np.int32), {"axis": 0}),
    "Gather of rank 2": ("Gather", counted(6, 8), np.array([-1, 2, -6]), {"axis": 0}),
    "Gather in 32 bits": ("Gather", counted(6, 8), np.array([-1, 2, -6], np.int32), {"axis": 0}),
    "Gather of rank 4": ("Gather", counted(2, 3, 4, 5), np.array([[-1, 0], [3, -4]]), {"axis": 2}),
    "GatherND of rank 3": ("GatherND", counted(6, 8, 4), np.array([[-1, -2], [0, 3]]), {}),
    "beyond what fp16 counts": ("GatherElements", counted(70001), np.array([-1, -70001, 69999]), {"axis": 0}),
}
#: Those that write what "u" holds.
WRITING: dict[str, tuple[str, np.ndarray, np.ndarray, Attributes]] = {
    "ScatterElements of rank 2": ("ScatterElements", counted(6, 8), np.array([[-1] * 8, [2] * 8]), {"axis": 0}),
    "ScatterElements of rank 3": ("ScatterElements", counted(2, 6, 8), np.full((2, 6, 1), -3), {"axis": 2}),
    "ScatterND of rank 1": ("ScatterND", counted(9), np.array([[-1], [2]]), {}),
    "ScatterND of rank 3": ("ScatterND", counted(2, 6, 8), np.array([[0, -1], [-1, 2]]), {}),
    "ScatterND that adds": ("ScatterND", counted(2, 6, 8), np.array([[0, -1], [-1, 2]]), {"reduction": "add"}),
}


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("name", [*BACKWARDS, *WRITING])
def test_from_the_end(name: str) -> None:
    op_type, x, indices, attributes = {**BACKWARDS, **WRITING}[name]
    feed = {"x": x, "i": indices}
    if name in WRITING:
        shape = indices.shape if op_type == "ScatterElements" else (*indices.shape[:-1], *x.shape[indices.shape[-1] :])
        feed["u"] = 500 + counted(*shape)
    node = helper.make_node(op_type, list(feed), ["y"], "only", **attributes)
    assert worst(made([node], feed, ["y"]), feed, **PINNED) > 60


@pytest.mark.usefixtures("htp")
def test_computed_on_the_way() -> None:
    """Between products, by indices that arithmetic gives, with nobody pinned."""
    chance = np.random.default_rng(0)
    weight = (chance.standard_normal((256, 256)) / 16).astype(np.float32)
    feed = {"x": chance.standard_normal((1, 64, 256)).astype(np.float32), "i": np.arange(64).reshape(1, 64, 1)}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"], "first"),
        helper.make_node("Sub", ["i", "all"], ["back"], "back"),
        helper.make_node("Expand", ["back", "shape"], ["j"], "everywhere"),
        helper.make_node("GatherElements", ["h", "j"], ["g"], "pick", axis=1),
        helper.make_node("MatMul", ["g", "w"], ["y"], "second"),
    ]
    weights = {"w": weight, "all": np.array([64]), "shape": np.array([1, 64, 256])}
    assert worst(made(nodes, feed, ["y"], weights), feed) > 50


@pytest.mark.needs("onnx>=1.18")  # which infers the depth
@pytest.mark.usefixtures("htp")
def test_one_hot() -> None:
    """What lies beyond the depth in either direction stays cold."""
    feed = {"i": np.array([[0, -1, 3], [-4, 7, -9]])}
    weights = {"depth": np.array(4), "values": np.array([2, 5], np.float32)}
    for axis in (-1, 0, 1):
        node = helper.make_node("OneHot", ["i", "depth", "values"], ["y"], "only", axis=axis)
        assert worst(made([node], feed, ["y"], weights), feed, **PINNED) > 60


@pytest.mark.usefixtures("htp")
def test_what_is_quantized() -> None:
    feed = {"x": counted(6, 8), "i": np.array([[-1] * 8, [2] * 8])}
    assert worst(quantized("GatherElements", feed, {"axis": 0}), feed, **PINNED) > 60


def test_what_counts_is_left_as_it_is() -> None:
    """Neither constants nor what TopK and its like give, cast and reshaped, are asked whether they are below 0."""
    nodes = [
        helper.make_node("TopK", ["x", "k"], ["v", "t"], "top", axis=0),
        helper.make_node("Reshape", ["t", "flat"], ["f"], "reshape"),
        helper.make_node("Cast", ["f"], ["i"], "cast", to=TensorProto.INT32),
        helper.make_node("Gather", ["x", "i"], ["a"], "gather"),
        helper.make_node("GatherElements", ["x", "c"], ["b"], "constant"),
    ]
    weights = {"k": np.array([2]), "flat": np.array([-1]), "c": np.full((1, 8), -1)}
    model = zif.Model.load(made(nodes, {"x": counted(6, 8)}, ["a", "b"], weights))
    assert b"_wrapped" not in build(model).data


#: What is picked from, in which some sizes are 1, and how many dimensions the indices go into.
THIN = [
    ((16, 1, 8), 2),
    ((16, 1, 8), 1),
    ((16, 8, 1), 3),
    ((4, 1, 1, 6), 1),
    ((1, 5), 1),
    ((5, 1), 2),
    ((1,), 1),
    ((1, 1), 1),
]


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("computed", [False, True])
@pytest.mark.parametrize(("shape", "deep"), THIN)
def test_sizes_of_one(shape: tuple[int, ...], deep: int, computed: bool) -> None:
    chance = np.random.default_rng(3)
    indices = np.stack([chance.integers(-size, size, (4,)) for size in shape[:deep]], -1)
    feed = {"x": counted(*shape), **({"i": indices} if computed else {})}
    node = helper.make_node("GatherND", ["x", "i"], ["y"], "only")
    assert worst(made([node], feed, ["y"], {} if computed else {"i": indices}), feed, **PINNED) > 60


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("kind", [np.int32, np.float16])
def test_sizes_of_one_in_other_types(kind: type) -> None:
    feed = {"x": counted(16, 1, 8).astype(kind)}
    node = helper.make_node("GatherND", ["x", "i"], ["y"], "only")
    model = made(
        [node], feed, ["y"], {"i": np.array([[15, 0], [2, -1]])}, kind=helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    )
    assert worst(model, feed, **PINNED) > 60


@pytest.mark.usefixtures("htp")
def test_sizes_of_one_quantized() -> None:
    feed = {"x": counted(16, 1, 8)}
    assert worst(quantized("GatherND", feed, {}, {"i": np.array([[15, 0], [2, -1]])}), feed, **PINNED) > 60


def quantized(
    op_type: str,
    feed: Mapping[str, np.ndarray],
    attributes: Attributes,
    weights: Mapping[str, np.ndarray] | None = None,
) -> onnx.ModelProto:
    """The operator between integers of 8 bits with one encoding, in which 1 to 97 are whole."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"], "in"),
        helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"], "in_back"),
        helper.make_node(op_type, ["xd", "i"], ["h"], "only", **attributes),
        helper.make_node("QuantizeLinear", ["h", "s", "z"], ["hq"], "out"),
        helper.make_node("DequantizeLinear", ["hq", "s", "z"], ["y"], "out_back"),
    ]
    return made(nodes, feed, ["y"], {**(weights or {}), "s": np.float32(0.5), "z": np.uint8(0)})


@pytest.mark.usefixtures("htp")
def test_the_judge_sees_what_is_off() -> None:
    """The measure itself: an output with one place wrong is far below what the tests ask."""
    good = right(
        made([helper.make_node("Neg", ["x"], ["y"], "only")], {"x": counted(6, 8)}, ["y"]), {"x": counted(6, 8)}
    )
    bad = good["y"].copy()
    bad[0, 0] = 0
    assert decibels(good["y"], bad) < 60


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("computed", [False, True])
@pytest.mark.parametrize(("shape", "indices"), [((2, 3, 4, 5), (2, 2)), ((2, 3, 4, 5), (1, 4)), ((2, 3, 4), (2, 1, 2))])
def test_results_of_five_dimensions(shape: tuple[int, ...], indices: tuple[int, ...], computed: bool) -> None:
    for axis, size in enumerate(shape):
        rows = np.random.default_rng(axis).integers(-size, size, indices)
        feed = {"x": counted(*shape), **({"i": rows} if computed else {})}
        node = helper.make_node("Gather", ["x", "i"], ["y"], "only", axis=axis)
        assert worst(made([node], feed, ["y"], {} if computed else {"i": rows}), feed, **PINNED) > 60


@pytest.mark.usefixtures("htp")
def test_results_of_five_dimensions_quantized() -> None:
    feed = {"x": counted(2, 3, 4, 5)}
    assert worst(quantized("Gather", feed, {"axis": 2}, {"i": np.array([[3, 0], [-1, 1]])}), feed, **PINNED) > 60
