"""Models that are large in odd places cost what their structure costs, not what their data weighs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import zif
from onnx import AttributeProto, TensorProto, helper
from zif.model import Model, digest
from zif.model.infer import skeleton
from zif.verdicts.facts import unit_facts

TREES, DEPTH = 40, 9


def forest(trees: int = TREES, depth: int = DEPTH) -> onnx.ModelProto:
    """x float32[1, 8] → an ensemble of complete trees → scores → their square y float32[1, 2]."""
    inner, total = 2**depth - 1, 2 ** (depth + 1) - 1
    places = np.arange(total)
    leaf = places >= inner
    source = np.random.default_rng(0)
    node = helper.make_node("TreeEnsembleClassifier", ["x"], ["label", "scores"], "trees", domain="ai.onnx.ml")
    whole = {
        "nodes_treeids": np.repeat(np.arange(trees), total),
        "nodes_nodeids": np.tile(places, trees),
        "nodes_featureids": np.tile(np.where(leaf, 0, places % 8), trees),
        "nodes_truenodeids": np.tile(np.where(leaf, 0, 2 * places + 1), trees),
        "nodes_falsenodeids": np.tile(np.where(leaf, 0, 2 * places + 2), trees),
        "class_treeids": np.repeat(np.arange(trees), inner + 1),
        "class_nodeids": np.tile(places[leaf], trees),
        "class_ids": np.zeros(trees * (inner + 1), np.int64),
        "classlabels_int64s": np.arange(2),
    }
    real = {"nodes_values": source.random(trees * total), "class_weights": source.random(trees * (inner + 1))}
    for name, values in whole.items():
        node.attribute.add(name=name, type=AttributeProto.INTS).ints.extend(values.tolist())
    for name, numbers in real.items():
        node.attribute.add(name=name, type=AttributeProto.FLOATS).floats.extend(numbers.tolist())
    modes = [b"LEAF" if end else b"BRANCH_LEQ" for end in leaf] * trees
    node.attribute.add(name="nodes_modes", type=AttributeProto.STRINGS).strings.extend(modes)
    node.attribute.add(name="post_transform", type=AttributeProto.STRING).s = b"LOGISTIC"
    squared = helper.make_node("Mul", ["scores", "scores"], ["y"], "squared")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size]) for name, size in (("x", 8), ("y", 2))]
    graph = helper.make_graph([node, squared], "forest", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def test_inference_does_not_carry_the_trees() -> None:
    whole = forest()
    assert len(skeleton(whole).SerializeToString()) < len(whole.SerializeToString()) / 2
    assert skeleton(forest(8)).ByteSize() <= skeleton(forest(400)).ByteSize() < skeleton(forest(8)).ByteSize() * 3


def test_the_forest_is_known_and_runs_whole() -> None:
    model = Model.load(forest())
    assert model.tensors["scores"].shape == (1, 2)
    assert len(model.proto.graph.node[0].attribute[0].ints) == TREES * (2 ** (DEPTH + 1) - 1)
    x = np.random.default_rng(1).random((1, 8)).astype(np.float32)
    with zif.load(model, only=["qnn_cpu"]) as session:
        found = session.run({"x": x})["y"]
    from onnx.reference import ReferenceEvaluator

    np.testing.assert_allclose(found, ReferenceEvaluator(forest()).run(["y"], {"x": x})[0], rtol=1e-5, atol=1e-6)


def test_what_differs_only_far_down_a_list_has_another_digest() -> None:
    one, other = forest(), forest()
    values = other.graph.node[0].attribute[-4].floats
    values[-1] += 1
    assert Model.load(one).digest != Model.load(other).digest
    assert Model.load(one).digest == Model.load(forest()).digest


def test_rules_do_not_spell_out_the_trees() -> None:
    model = Model.load(forest())
    facts = unit_facts(model, model.units[0])
    assert "nodes_values set" in facts
    assert max(map(len, facts)) < 100


@pytest.mark.needs("zif-qnn-htp", "zif-qnn-gpu")
def test_accelerators_are_not_asked_about_trees() -> None:
    verdicts = {
        name: zif.backend(name).capabilities(zif.target("snapdragon-8-gen-3"), Model.load(forest())).verdicts["trees"]
        for name in ("qnn_htp", "qnn_gpu")
    }
    assert {(one.supported, one.basis, one.code) for one in verdicts.values()} == {(False, "declared", "op")}


@pytest.fixture
def weighty(tmp_path: Path) -> Path:
    """Two products whose weights lie in a file beside the model."""
    rows = 64
    (tmp_path / "w.data").write_bytes(bytes(2 * rows * rows * 4))
    weights = []
    for place, name in enumerate(("a", "b")):
        tensor = TensorProto(
            name=name, data_type=TensorProto.FLOAT, dims=[rows, rows], data_location=TensorProto.EXTERNAL
        )
        entries = {"location": "w.data", "offset": place * rows * rows * 4, "length": rows * rows * 4}
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=str(value))
        weights.append(tensor)
    nodes = [helper.make_node("MatMul", ["x", "a"], ["m"], "m0"), helper.make_node("MatMul", ["m", "b"], ["y"], "m1")]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, rows]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "weighty", ends[:1], ends[1:], weights)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    return tmp_path / "m.onnx"


@pytest.mark.needs("zif-qnn-runtime")  # the chip is its own
def test_planning_reads_no_weights(weighty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> bytes:
        raise AssertionError("the data file was read to plan")

    monkeypatch.setattr(digest, "_hash_range", read)
    for target in ("host", "snapdragon-8-gen-3"):
        zif.plan(weighty, target=target)


def test_the_stamp_follows_the_data_file(weighty: Path) -> None:
    import os

    before = Model.load(weighty).stamp
    assert Model.load(weighty).stamp == before
    data = weighty.with_name("w.data")
    with data.open("r+b") as file:
        file.write(b"\1")
    os.utime(data, ns=(1, 1))
    assert Model.load(weighty).stamp != before
