"""The canonical form: names, order, domains, constants, old files."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model.graphs import model, relu, weights
from onnx import SparseTensorProto, TensorProto, helper, numpy_helper
from strategies import feeds, models, run_whole
from zif.errors import InvalidModel
from zif.model import Model, load
from zif.model.dtypes import element_type


def names(loaded: Model) -> list[str]:
    return [unit.id for unit in loaded.units]


def test_names_become_unique_and_stay_the_same() -> None:
    proto = model("g (float[4] x) => (float[4] y) { a = Relu(x) b = Abs(a) c = Neg(b) y = Relu(c) }")
    for node, name in zip(proto.graph.node, ["Neg_2", "same", "", "same"], strict=True):
        node.name = name
    loaded = load(proto)
    assert names(loaded) == ["Neg_2", "same", "Neg_2_1", "same_3"]
    assert [node.name for node in loaded.proto.graph.node] == names(loaded)
    assert names(load(loaded.proto)) == names(loaded)


def test_unsorted_graph_is_sorted() -> None:
    proto = model("g (float[4] x) => (float[4] y) { y = Relu(b) b = Abs(a) a = Neg(x) }")
    loaded = load(proto)
    assert [unit.op_type for unit in loaded.units] == ["Neg", "Abs", "Relu"]
    onnx.checker.check_model(loaded.proto, full_check=True)


@given(models(), st.randoms(use_true_random=False))
def test_any_order_gives_the_same_result(proto: onnx.ModelProto, random: object) -> None:
    shuffled = onnx.ModelProto()
    shuffled.CopyFrom(proto)
    nodes = list(shuffled.graph.node)
    random.shuffle(nodes)  # type: ignore[attr-defined]
    del shuffled.graph.node[:]
    shuffled.graph.node.extend(nodes)
    loaded = load(shuffled)
    onnx.checker.check_model(loaded.proto, full_check=True)
    inputs = feeds(proto)
    expected, got = run_whole(proto, inputs), run_whole(loaded.proto, inputs)
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value)


def test_cycle_names_its_nodes() -> None:
    proto = model("g (float[4] x) => (float[4] y) { a = Add(x, c) b = Neg(a) c = Abs(b) y = Relu(a) }")
    with pytest.raises(InvalidModel, match=r"cyclic.*Abs") as error:
        load(proto)
    assert "Relu" not in str(error.value)


def test_a_node_that_reads_itself_is_a_cycle() -> None:
    with pytest.raises(InvalidModel, match="cyclic"):
        load(model("g (float[4] x) => (float[4] y) { y = Add(x, y) }"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{ a = Relu(x) a = Abs(x) y = Neg(a) }", "'a'.*already"),
        ("{ x = Relu(x) y = Neg(x) }", "'x'.*an input"),
        ("{ y = Add(x, nothing) }", "'nothing'"),
        ("{ z = Relu(x) }", "output 'y'"),
        ("{ y = Future.New(x) }", "domain 'Future'"),
    ],
)
def test_broken_graphs_name_the_node(body: str, words: str) -> None:
    with pytest.raises(InvalidModel, match=words):
        load(model(f"g (float[4] x) => (float[4] y) {body}"))


def test_a_body_that_reads_an_unknown_value_names_the_node() -> None:
    branch = helper.make_graph(
        [helper.make_node("Relu", ["ghost"], ["t"])], "b", [], [helper.make_tensor_value_info("t", 1, [4])]
    )
    proto = relu([4])
    proto.graph.input.append(helper.make_tensor_value_info("c", TensorProto.BOOL, []))
    node = helper.make_node("If", ["c"], ["z"], name="choice", then_branch=branch, else_branch=branch)
    proto.graph.node.append(node)
    with pytest.raises(InvalidModel, match=r"choice.*'ghost'"):
        load(proto)


def test_missing_and_contradicting_imports() -> None:
    proto = relu([4])
    del proto.opset_import[:]
    with pytest.raises(InvalidModel, match=r"ai\.onnx"):
        load(proto)
    proto.opset_import.extend([helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx", 18)])
    with pytest.raises(InvalidModel, match="two versions"):
        load(proto)


def test_an_opset_newer_than_onnx_says_so() -> None:
    proto = relu([4])
    proto.opset_import[0].version = onnx.defs.onnx_opset_version() + 1
    with pytest.raises(InvalidModel, match=rf"opset {proto.opset_import[0].version}, and onnx .*: pip install"):
        load(proto)


def test_both_spellings_of_onnxs_own_domain() -> None:
    proto = relu([4])
    proto.opset_import[0].domain = "ai.onnx"
    loaded = load(proto)
    assert loaded.opsets == {"": 17}
    proto.opset_import[0].domain, proto.graph.node[0].domain = "", "ai.onnx"
    assert load(proto).units == loaded.units


def test_unknown_operators_load_and_are_marked() -> None:
    proto = model(
        "g (float[4] x) => (float[4] y) { a = NoSuch(x) b = com.acme.Own(a) c = Upsample(b, s) y = Relu(c) }",
        imports='"com.acme": 3',
    )
    proto.graph.initializer.append(numpy_helper.from_array(np.ones(1, np.float32), "s"))
    since = {unit.op_type: unit.since for unit in load(proto).units}
    assert since == {"NoSuch": 0, "Own": 3, "Upsample": 0, "Relu": 14}


def test_functions_are_inlined_where_they_are_called() -> None:
    text = """<ir_version: 8, opset_import: ["": 17, "f": 1]>
    g (float[2, 4] x) => (float[2, 4] y) <float[4, 4] w = {}> { h = f.act<slope = 0.5>(x) y = f.dense(h, w) }
    <domain: "f", opset_import: ["": 17, "f": 1]> dense (a, b) => (o) { m = MatMul(a, b) o = f.act<slope = 0.1>(m) }
    <domain: "f", opset_import: ["": 17]> act <slope> (a) => (o) { o = LeakyRelu<alpha: float = @slope>(a) }"""
    proto = onnx.parser.parse_model(text)
    proto.graph.initializer[0].CopyFrom(weights("w", 4, 4))
    loaded = load(proto)
    assert [unit.op_type for unit in loaded.units] == ["LeakyRelu", "MatMul", "LeakyRelu"]
    assert not loaded.proto.functions
    x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)
    np.testing.assert_array_equal(run_whole(loaded.proto, {"x": x})["y"], run_whole(proto, {"x": x})["y"])


def test_functions_that_call_each_other_come_to_no_more_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each calls the one before three times: 700 bytes come to 3 to the power of their number."""
    calls = "\n".join(
        f"""<domain: "f", opset_import: ["": 17, "f": 1]> f{n} (a) => (d)
        {{ b = {call}(a) c = {call}(b) d = {call}(c) }}"""
        for n, call in enumerate(("Relu", *(f"f.f{n}" for n in range(9))))
    )
    text = f"""<ir_version: 8, opset_import: ["": 17, "f": 1]> g (float[4] x) => (float[4] y) {{ y = f.f9(x) }}
    {calls}"""
    proto = onnx.parser.parse_model(text)
    with pytest.raises(InvalidModel, match="functions.* are 88,572, more than the 20,000 .*ZIF_MAX_INLINED"):
        load(proto)
    monkeypatch.setenv("ZIF_MAX_INLINED", "100000")
    proto.graph.node[0].op_type = "f6"
    assert len(load(proto).units) == 3**7
    monkeypatch.setenv("ZIF_MAX_INLINED", "2000")
    with pytest.raises(InvalidModel, match="ZIF_MAX_INLINED"):
        load(proto)


def test_a_function_of_another_opset_is_converted() -> None:
    text = """<ir_version: 8, opset_import: ["": 17, "f": 1]> g (float[2, 4] x) => (float[2, 4] y) { y = f.act(x) }
    <domain: "f", opset_import: ["": 12]> act (a) => (o) { o = Relu(a) }"""
    loaded = load(onnx.parser.parse_model(text))
    assert [(unit.op_type, unit.since) for unit in loaded.units] == [("Relu", 14)]


def test_functions_that_call_each_other_are_refused() -> None:
    text = """<ir_version: 8, opset_import: ["": 17, "f": 1]> g (float[4] x) => (float[4] y) { y = f.a(x) }
    <domain: "f", opset_import: ["": 17, "f": 1]> a (i) => (o) { o = f.b(i) }
    <domain: "f", opset_import: ["": 17, "f": 1]> b (i) => (o) { o = f.a(i) }"""
    with pytest.raises(InvalidModel, match="circle: [ab] → [ab] → [ab]"):
        load(onnx.parser.parse_model(text))


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ({"value": numpy_helper.from_array(np.arange(6).reshape(2, 3))}, np.arange(6).reshape(2, 3)),
        ({"value_float": 1.5}, np.array(1.5, np.float32)),
        ({"value_floats": [1.5, 2.5]}, np.array([1.5, 2.5], np.float32)),
        ({"value_int": 7}, np.array(7)),
        ({"value_ints": [7, 8]}, np.array([7, 8])),
        ({"value_string": "é"}, np.array("é")),
        ({"value_strings": ["a", ""]}, np.array(["a", ""])),
    ],
)
def test_constants_become_initializers(attribute: dict[str, object], expected: np.ndarray) -> None:
    node = helper.make_node("Constant", [], ["k"], **attribute)
    value = helper.make_tensor_value_info("k", element_type(expected.dtype), expected.shape)
    graph = helper.make_graph([node], "g", [], [value])
    loaded = load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    assert loaded.units == ()
    assert loaded.initializers["k"].shape == expected.shape
    np.testing.assert_array_equal(loaded.array("k"), expected)
    np.testing.assert_array_equal(run_whole(loaded.proto, {})["k"], expected)


def sparse(name: str, linear: bool) -> SparseTensorProto:
    values = numpy_helper.from_array(np.array([5.0, 7.0], np.float32), name)
    indices = np.array([1, 5]) if linear else np.array([[0, 1], [1, 2]])
    return helper.make_sparse_tensor(values, numpy_helper.from_array(indices), [2, 3])


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("as_node", [True, False])
def test_sparse_data_becomes_dense(linear: bool, as_node: bool) -> None:
    proto = model("g (float[2, 3] x) => (float[2, 3] y) { y = Add(x, s) }")
    if as_node:
        proto.graph.node.insert(0, helper.make_node("Constant", [], ["s"], sparse_value=sparse("", linear)))
    else:
        proto.graph.sparse_initializer.append(sparse("s", linear))
    loaded = load(proto)
    assert [unit.op_type for unit in loaded.units] == ["Add"]
    np.testing.assert_array_equal(loaded.array("s"), [[0, 5, 0], [0, 0, 7]])
    x = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(run_whole(loaded.proto, {"x": x})["y"], run_whole(proto, {"x": x})["y"])


@pytest.mark.parametrize("part", ["values", "indices"])
def test_sparse_data_of_no_type_are_refused(part: str) -> None:
    proto = model("g (float[2, 3] x) => (float[2, 3] y) { y = Add(x, s) }")
    bad = sparse("s", linear=True)
    getattr(bad, part).data_type = 2**31 - 1
    proto.graph.sparse_initializer.append(bad)
    with pytest.raises(InvalidModel, match="the element type 2147483647 is none of ONNX's"):
        load(proto)


def test_malformed_sparse_data_is_refused() -> None:
    proto = model("g (float[2, 3] x) => (float[2, 3] y) { y = Add(x, s) }")
    bad = sparse("s", linear=True)
    bad.indices.CopyFrom(numpy_helper.from_array(np.array([1, 99])))
    proto.graph.sparse_initializer.append(bad)
    with pytest.raises(InvalidModel, match="'s'"):
        load(proto)


def test_weights_of_old_files_are_no_inputs() -> None:
    proto = model("g (float[4] x, float[4] w) => (float[4] y) { y = Add(x, w) }", opset=7, ir=3)
    proto.graph.initializer.extend([weights("w", 4), TensorProto(data_type=1, dims=[0])])
    loaded = load(proto)
    assert [value.name for value in loaded.inputs] == ["x"]
    assert loaded.optional_inputs == ()
    assert list(loaded.initializers) == ["w"]
    assert loaded.proto.ir_version == 4
    x = np.ones(4, np.float32)
    np.testing.assert_array_equal(run_whole(loaded.proto, {"x": x})["y"], x + loaded.array("w"))


def test_an_old_file_stays_valid_when_shapes_are_folded() -> None:
    proto = model("g (float[2, 3] x) => (float[] y) { s = Shape(x) y = Reshape(x, s) }", opset=7, ir=3)
    loaded = load(proto)
    assert [unit.op_type for unit in loaded.units] == ["Reshape"]
    onnx.checker.check_model(loaded.proto, full_check=True)
    onnx.checker.check_model(loaded.slice(["Reshape_1"], "s").proto)


def test_inputs_with_a_default_are_optional() -> None:
    proto = model("g (float[4] x, float[4] w) => (float[4] y) { y = Add(x, w) }")
    proto.graph.initializer.append(weights("w", 4))
    loaded = load(proto)
    assert [value.name for value in loaded.inputs] == ["x"]
    assert [value.name for value in loaded.optional_inputs] == ["w"]
    piece = loaded.slice(["Add_0"], "piece")
    assert [value.name for value in piece.optional_inputs] == ["w"]


@pytest.mark.parametrize("element", [0, 77])
def test_unknown_element_types_are_refused(element: int) -> None:
    proto = relu([4])
    proto.graph.initializer.append(TensorProto(name="w", data_type=element, dims=[4]))
    with pytest.raises(InvalidModel, match=f"'w' has the element type {element}"):
        load(proto)


def test_names_that_are_no_text_are_refused() -> None:
    data = relu([4]).SerializeToString().replace(b"relu", b"re\xff\xfe")
    with pytest.raises(InvalidModel, match="UTF-8"):
        load(data)


def test_repeated_names_are_refused() -> None:
    proto = relu([4])
    proto.graph.initializer.extend([weights("w", 4), weights("w", 4)])
    with pytest.raises(InvalidModel, match="two initializers named 'w'"):
        load(proto)
    proto = relu([4])
    proto.graph.input.append(proto.graph.input[0])
    with pytest.raises(InvalidModel, match="two inputs named 'x'"):
        load(proto)


def test_identities_of_weights_are_bypassed() -> None:
    proto = model(
        """g (float[40] x, bool c) => (float[40, 40] y, float[40, 40] shown, float[40, 40] z) {
        v = Identity(w) u = Identity(v) y = Add(x, u) shown = Identity(w)
        held = Identity(w) z = If(c) <then_branch = t () => (float[40, 40] p) { p = Add(x, held) },
                                      else_branch = e () => (float[40, 40] q) { q = Neg(held) }> }"""
    )
    proto.graph.initializer.append(weights("w", 40, 40))
    loaded = load(proto)
    assert [unit.op_type for unit in loaded.units] == ["Add", "Identity", "Identity", "If"]
    assert loaded.units[0].weights == ("w",)
    inputs = {"x": np.ones(40, np.float32), "c": np.array(True)}
    expected, got = run_whole(proto, inputs), run_whole(loaded.proto, inputs)
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value)


def test_graphs_without_nodes_and_without_inputs() -> None:
    proto = model("g (float[4] x) => (float[4] x, float[4] w) { }")
    proto.graph.initializer.append(weights("w", 4))
    loaded = load(proto)
    assert loaded.units == ()
    assert [value.name for value in loaded.outputs] == ["x", "w"]
    assert loaded.slice([], "all").proto.graph.name  # a slice of nothing is still a model
    nothing = load(model("g () => (float[2] r) { r = RandomNormal<shape = [2]>() }"))
    assert (nothing.inputs, len(nothing.units)) == ((), 1)
