"""Slices: valid models that together compute what the whole computes."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model.graphs import dense_bytes, dense_pair, model, weights
from onnx import TensorProto, helper, numpy_helper
from strategies import feeds, models, partitions, run_pieces, run_whole
from zif.errors import InvalidModel, UsageError
from zif.model import Model, load


def alone(loaded: Model, *ids: str) -> Model:
    return loaded.slice(ids, "piece")


def same(got: dict[str, Any], expected: dict[str, Any]) -> None:
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value)


@given(st.data(), models(), st.integers(0, 1))
def test_any_convex_partition_computes_the_same(data: st.DataObject, proto: onnx.ModelProto, seed: int) -> None:
    loaded = load(proto)
    pieces = [loaded.slice(ids, f"s{place}") for place, ids in enumerate(data.draw(partitions(loaded)))]
    for piece in pieces:
        onnx.checker.check_model(piece.proto, full_check=True)
    inputs = feeds(proto, seed)
    same(run_pieces(pieces, inputs, [value.name for value in loaded.outputs]), run_whole(proto, inputs))


@given(st.data(), models(dynamic=True))
def test_so_does_one_of_fixed_shapes(data: st.DataObject, proto: onnx.ModelProto) -> None:
    inputs = feeds(proto)
    loaded = load(proto, {name: array.shape for name, array in inputs.items()})
    assert all(value.static for value in loaded.tensors.values())
    pieces = [loaded.slice(ids, f"s{place}") for place, ids in enumerate(data.draw(partitions(loaded)))]
    same(run_pieces(pieces, inputs, [value.name for value in loaded.outputs]), run_whole(proto, inputs))


@settings(max_examples=20)
@given(st.data(), models())
def test_edges_agree_with_onnx_ir(data: st.DataObject, proto: onnx.ModelProto) -> None:
    """onnx-ir's extraction, given the edges that we found, keeps the same nodes and computes the same."""
    ir = pytest.importorskip("onnx_ir")
    loaded = load(proto)
    pieces = [loaded.slice(ids, f"s{place}") for place, ids in enumerate(data.draw(partitions(loaded)))]
    whole = ir.from_proto(onnx.shape_inference.infer_shapes(loaded.proto))
    values = feeds(proto)
    for piece in pieces:
        ends = [v.name for v in piece.inputs], [v.name for v in piece.outputs]
        graph = ir.convenience.extract(whole.graph, *ends)
        other = ir.to_proto(ir.Model(graph, ir_version=8))
        other.opset_import.extend([] if other.opset_import else loaded.proto.opset_import)
        assert {node.name for node in other.graph.node} <= {node.name for node in piece.proto.graph.node}
        results = run_whole(piece.proto, {name: values[name] for name in ends[0]})
        same(run_whole(other, {name: values[name] for name in ends[0]}), results)
        values.update(results)


BRANCHES = """g (float[4] x, bool c) => (float[4] y) {
    a = Relu(x) far = Neg(a)
    y = If(c) <then_branch = t () => (float[4] p) { p = Add(far, w) },
               else_branch = e () => (float[4] q) {
                   q = If(c) <then_branch = tt () => (float[4] r) { r = Mul(a, v) },
                              else_branch = ee () => (float[4] s) { s = Identity(far) }> }> }"""


def branches() -> onnx.ModelProto:
    proto = model(BRANCHES)
    proto.graph.initializer.extend([weights("w", 4), weights("v", 4)])
    return proto


def test_captured_values_become_inputs_and_captured_weights_come_along() -> None:
    loaded = load(branches())
    piece = alone(loaded, "If_2")
    assert [value.name for value in piece.inputs] == ["c", "a", "far"]
    assert list(piece.initializers) == ["w", "v"]
    pieces = [loaded.slice([unit.id], unit.id) for unit in loaded.units]
    for flag in (True, False):
        inputs = {"x": np.linspace(-1, 1, 4, dtype=np.float32), "c": np.array(flag)}
        same(run_pieces(pieces, inputs, ["y"]), run_whole(branches(), inputs))


def test_a_loop_that_captures() -> None:
    proto = model(
        """g (float[4] x, int64 n) => (float[4] y) {
        step = Abs(x) go = Constant<value = bool {1}>()
        y = Loop<body = b (int64 i, bool more, float[4] h) => (bool again, float[4] k)
            { again = Identity(more) k = Add(h, step) }>(n, go, x) }"""
    )
    loaded = load(proto)
    pieces = [loaded.slice([unit.id], unit.id) for unit in loaded.units]
    assert [value.name for value in pieces[1].inputs] == ["x", "n", "step"]
    inputs = {"x": np.linspace(-1, 1, 4, dtype=np.float32), "n": np.array(3)}
    same(run_pieces(pieces, inputs, ["y"]), run_whole(proto, inputs))


def test_order_of_initializers_is_kept() -> None:
    """Merely sorting them makes ONNX Runtime's optimizer fail on some models."""
    proto = model("g (float[4] x) => (float[4] y) { a = Add(x, z) b = Mul(a, m) y = Sub(b, q) }")
    proto.graph.initializer.extend(weights(name, 4) for name in ("z", "q", "m"))
    loaded = load(proto)
    assert [t.name for t in alone(loaded, "Add_0", "Mul_1", "Sub_2").proto.graph.initializer] == ["z", "q", "m"]
    assert [t.name for t in alone(loaded, "Mul_1", "Sub_2").proto.graph.initializer] == ["q", "m"]


def test_everything_around_the_graph_comes_along() -> None:
    proto = branches()
    proto.producer_name, proto.model_version, proto.domain = "maker", 3, "org.acme"
    helper.set_model_props(proto, {"author": "me"})
    loaded = load(proto)
    piece = alone(loaded, "Neg_1").proto
    assert (piece.producer_name, piece.model_version, piece.domain, piece.ir_version) == ("maker", 3, "org.acme", 8)
    assert {p.key: p.value for p in piece.metadata_props} == {"author": "me"}
    assert {o.domain: o.version for o in piece.opset_import} == {"": 17}
    assert piece.graph.name == "piece"


def test_types_of_the_whole_are_kept_where_the_piece_could_not_infer_them() -> None:
    proto = model("g (float[2, 6] x, int64[1] n) => (float[3, 4] y) { k = Abs(n) r = Reshape(x, k) s = Relu(r) "
                  "y = Reshape(s, j) }")  # fmt: skip
    proto.graph.initializer.append(numpy_helper.from_array(np.array([3, 4]), "j"))
    proto.graph.value_info.append(helper.make_tensor_value_info("r", TensorProto.FLOAT, [12]))
    loaded = load(proto)
    piece = alone(loaded, "Reshape_1", "Relu_2")
    shapes = {v.name: v.type.tensor_type.shape.dim[0].dim_value for v in piece.proto.graph.value_info}
    assert shapes == {"r": 12}
    assert piece.outputs[0].shape == (12,)
    assert piece.tensors["r"] is loaded.tensors["r"]


def test_a_slice_infers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(branches())

    def never(*args: object, **kwargs: object) -> object:
        raise AssertionError

    monkeypatch.setattr("zif.model.validity.infer_shapes", never)
    monkeypatch.setattr("zif.model.model.prepare", never)
    piece = alone(loaded, "Neg_1", "If_2")
    assert [(u.id, u.nodes, u.macs, u.bytes) for u in piece.units] == [
        (u.id, (place,), u.macs, u.bytes) for place, u in enumerate(loaded.units[1:])
    ]
    again = piece.slice(["Neg_1"], "again")
    assert [unit.nodes for unit in again.units] == [(0,)]
    assert [value.name for value in again.outputs] == ["far"]


def test_the_whole_shares_its_proto() -> None:
    loaded = load(dense_pair())
    whole = loaded.slice([unit.id for unit in loaded.units], "all")
    assert whole.proto is loaded.proto
    assert (whole.name, loaded.name) == ("all", "g")


def test_the_order_of_ids_does_not_matter() -> None:
    loaded = load(branches())
    ids = [unit.id for unit in loaded.units][:2]
    first, second = loaded.slice(ids, "s"), loaded.slice(ids[::-1], "s")
    assert first.proto.SerializeToString(deterministic=True) == second.proto.SerializeToString(deterministic=True)


def test_a_piece_that_nobody_reads_gives_what_it_makes() -> None:
    loaded = load(model("g (float[4] x) => (float[4] y) { dead = Exp(x) y = Relu(x) }"))
    piece = alone(loaded, "Exp_0")
    assert [value.name for value in piece.outputs] == ["dead"]
    onnx.checker.check_model(piece.proto, full_check=True)


def test_unknown_units_and_untyped_values() -> None:
    proto = model("g (float[4] x) => (float[4] y) { a = com.acme.Own(x) y = Relu(a) }", imports='"com.acme": 1')
    loaded = load(proto)
    with pytest.raises(UsageError, match="no unit 'nobody'"):
        alone(loaded, "nobody")
    with pytest.raises(InvalidModel, match=r"value 'a', made by 'Own_0' \(Own\)"):
        alone(loaded, "Relu_1")
    assert len(alone(loaded, "Own_0", "Relu_1").units) == 2
    proto.graph.value_info.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, [4]))
    assert alone(load(proto), "Relu_1").inputs[0].shape == (4,)


def test_a_function_that_cannot_be_inlined_comes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """<ir_version: 8, opset_import: ["": 17, "f": 1]> g (float[2] x) => (float[2] y) { h = Abs(x) y = f.act(h) }
    <domain: "f", opset_import: ["": 12]> act (a) => (o) { o = Relu(a) }"""
    monkeypatch.setattr("zif.model.functions._converted", lambda inlined: inlined)
    loaded = load(onnx.parser.parse_model(text))
    assert [unit.op_type for unit in loaded.units] == ["Abs", "act"]
    piece = loaded.slice([loaded.units[1].id], "s")
    assert [function.name for function in piece.proto.functions] == ["act"]


def test_pickled_models_are_whole(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(dense_pair("w.bin").SerializeToString())
    (tmp_path / "w.bin").write_bytes(dense_bytes())
    loaded = load(tmp_path / "m.onnx")
    copy = pickle.loads(pickle.dumps(loaded))
    assert (copy.units, copy.tensors, copy.inputs, copy.base_dir) == (
        *(loaded.units, loaded.tensors, loaded.inputs),
        tmp_path,
    )
    assert copy.digest == loaded.digest
    np.testing.assert_array_equal(copy.array("b"), loaded.array("b"))
    piece = copy.slice([copy.units[1].id], "s")
    assert piece.proto == loaded.slice([copy.units[1].id], "s").proto
    assert pickle.loads(pickle.dumps(piece)).units == piece.units


@pytest.mark.slow
@settings(max_examples=1500)
@given(st.data(), models(max_nodes=40), st.integers(0, 3))
def test_larger_random_graphs(data: st.DataObject, proto: onnx.ModelProto, seed: int) -> None:
    loaded = load(proto)
    pieces = [loaded.slice(ids, f"s{i}") for i, ids in enumerate(data.draw(partitions(loaded, most=8)))]
    inputs = feeds(proto, seed)
    same(run_pieces(pieces, inputs, [value.name for value in loaded.outputs]), run_whole(proto, inputs))
