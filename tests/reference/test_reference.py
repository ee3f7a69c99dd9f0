"""The reference backend: what it says of itself, old operator versions, values it must not touch, threads."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper, parser
from onnx.reference import ReferenceEvaluator
from zif.errors import InvalidModel
from zif.model.dtypes import numpy_dtype
from zif.records import Compiled

Array = np.ndarray[Any, Any]
HOST = zif.target("host")


def parsed(text: str, opset: int = 18, more: str = "") -> onnx.ModelProto:
    return parser.parse_model(f'<ir_version: 9, opset_import: ["" : {opset}{more}]> {text}')


def verdict(model: onnx.ModelProto) -> zif.Verdict:
    (found,) = zif.backend("reference").capabilities(HOST, zif.Model.load(model)).verdicts.values()
    return found


def run(model: onnx.ModelProto, **inputs: Any) -> dict[str, Any]:
    with zif.load(model, only=["reference"], cache=False) as session:
        return session.run(inputs)


def test_what_it_says_of_itself() -> None:
    told = zif.backend("reference").capabilities(HOST)
    assert (told.processor, told.kind, told.available, told.options) == ("cpu", "hardware", True, zif.NoOptions)
    assert told.toolchain == f"onnx {onnx.__version__} ReferenceEvaluator"
    assert told.rates is not None
    assert told.rates.macs_per_s["fp32"] < 1e9


def test_claims_are_what_the_evaluator_has() -> None:
    """Each claimed operator without required attributes can be made by the evaluator in each version claimed."""
    claims = zif.backend("reference").capabilities(HOST).ops
    assert len({(row.domain, row.op_type) for row in claims}) > 200
    assert {"", "ai.onnx.ml", "ai.onnx.preview.training"} <= {row.domain for row in claims}
    made = 0
    for row in claims:
        schema = onnx.defs.get_schema(row.op_type, row.since, row.domain)
        if any(a.required for a in schema.attributes.values()) or schema.has_context_dependent_function:
            continue
        node = helper.make_node(row.op_type, ["x"] * schema.min_input, ["y"] * schema.min_output, domain=row.domain)
        opsets = {row.domain: row.since, "": row.since} if not row.domain else {row.domain: row.since, "": 18}
        graph = helper.make_graph([node], "g", [onnx.ValueInfoProto(name="x")], [onnx.ValueInfoProto(name="y")])
        if row.op_type not in ("Constant", "Scatter"):  # Scatter is brought up to ScatterElements
            made += len(ReferenceEvaluator(graph, opsets=opsets).rt_nodes_)
    assert made > 150


def test_what_the_evaluator_lacks_is_not_claimed() -> None:
    zipped = helper.make_node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[1, 2])
    values = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2]), onnx.ValueInfoProto(name="y")]
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(
        helper.make_graph([zipped], "g", values[:1], values[1:]), opset_imports=opsets, ir_version=9
    )
    assert verdict(model).code == "op"


@pytest.mark.needs(opset=25)
def test_an_attribute_that_the_evaluator_does_not_know() -> None:
    x = "g (float[2] x, float[1] t) => (float[2] y)"
    assert verdict(parsed(f"{x} {{ y = CastLike(x, t) }}", 25)).supported
    refused = verdict(parsed(f'{x} {{ y = CastLike<round_mode="up">(x, t) }}', 25))
    assert (refused.supported, refused.code) == (False, "attribute")
    assert "does not know the attribute round_mode of CastLike version 25" in refused.reason


def test_images_need_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    from zif_reference import operators

    model = parsed("g (uint8[n] x) => (uint8[h,w,3] y) { y = ImageDecoder(x) }", 20)
    assert verdict(model).supported
    monkeypatch.setattr(operators, "find_spec", lambda name: None)
    refused = verdict(model)
    assert (refused.supported, refused.code) == (False, "unavailable")
    assert "pip install 'pillow" in refused.reason


@pytest.mark.parametrize("axis", [None, 0, 1, 2, 3, -1])
def test_softmax_before_13_flattens(axis: int | None) -> None:
    attribute = "" if axis is None else f"<axis={axis}>"
    model = parsed(f"g (float[2,3,4,5] x) => (float[2,3,4,5] y) {{ y = Softmax{attribute}(x) }}", 11)
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    start = (1 if axis is None else axis) % 4
    rows = x.reshape(int(np.prod(x.shape[:start])), -1)
    wanted = np.exp(rows) / np.exp(rows).sum(1, keepdims=True)
    assert verdict(model).basis == "probed"
    np.testing.assert_allclose(run(model, x=x)["y"].reshape(rows.shape), wanted, rtol=1e-5)


def test_what_the_converter_overlooks_is_refused() -> None:
    """It leaves Hardmax as it is, although the axis came to mean something else in 13."""
    text = "g (float[2,3,4] x) => (float[2,3,4] y) {{ y = Hardmax{}(x) }}"
    assert verdict(parsed(text.format("<axis=1>"), 11)).code == "opset"
    assert verdict(parsed(text.format("<axis=-1>"), 11)).supported
    assert verdict(parsed(text.format("<axis=1>"), 13)).supported


def test_old_quantization_per_channel() -> None:
    text = """g (uint8[2,3] x) => (float[2,3] y) <float[3] s = {0.5, 1, 2}, uint8[3] z = {1, 2, 3}>
              { y = DequantizeLinear<axis=1>(x, s, z) }"""
    x = np.arange(6, dtype=np.uint8).reshape(2, 3)
    wanted = (x.astype(np.float32) - [1, 2, 3]) * [0.5, 1, 2]
    np.testing.assert_array_equal(run(parsed(text, 13), x=x)["y"], wanted)


def test_old_version_inside_a_body() -> None:
    text = """g (float[2,2] x, bool c) => (float[2,2] y) { y = If (c) <
        then_branch = t () => (float[2,2] p) { p = Softmax<axis=0>(x) },
        else_branch = e () => (float[2,2] r) { r = Neg(x) }
    > }"""
    x = np.zeros((2, 2), np.float32)
    np.testing.assert_array_equal(run(parsed(text, 12), x=x, c=np.array(True))["y"], np.full((2, 2), 0.25))


@pytest.mark.parametrize("text", ["y = Identity(x)", "y = Reshape(x, s)", "y = Squeeze(x)", "y = Transpose(x)"])
def test_outputs_share_nothing_with_inputs(text: str) -> None:
    x = np.ones((4, 1), np.float32)
    model = parsed(f"g (float[4,1] x, int64[1] s) => (y) {{ {text} k = Identity(s) }}")
    y = run(model, x=x, s=np.array([4]))["y"]
    assert not np.shares_memory(x, y)
    assert y.flags.writeable
    assert y.flags.c_contiguous


def test_constants_survive_what_the_caller_does_to_outputs() -> None:
    model = parsed("g (float[2] x) => (float[2] y, float[2] z) <float[2] w = {1, 2}> { y = Identity(w) z = Add(x, w) }")
    x = np.zeros(2, np.float32)
    with zif.load(model, only=["reference"], cache=False) as session:
        for _ in range(2):
            outputs = session.run({"x": x})
            np.testing.assert_array_equal(outputs["y"], [1, 2])
            np.testing.assert_array_equal(outputs["z"], [1, 2])
            outputs["y"][:] = outputs["z"][:] = 99


def test_inputs_stay_as_they_are() -> None:
    text = "g (float[3] d, int64[2] i, float[2] u) => (float[3] y) { y = ScatterElements(d, i, u) }"
    d, i, u = np.zeros(3, np.float32), np.array([0, 2]), np.ones(2, np.float32)
    assert run(parsed(text), d=d, i=i, u=u)["y"].tolist() == [1, 0, 1]
    assert d.tolist() == [0, 0, 0]


def test_sequences_and_empty_optionals() -> None:
    text = "g (float[2] a, float[2] b) => (seq(float[2]) y) { y = SequenceConstruct(a, b) }"
    a, b = np.zeros(2, np.float32), np.ones(2, np.float32)
    y = run(parsed(text), a=a, b=b)["y"]
    assert [item.tolist() for item in y] == [[0, 0], [1, 1]]
    assert not np.shares_memory(y[0], a)
    has = parsed("g (optional(float[2]) o) => (bool y) { y = OptionalHasElement(o) }")
    assert run(has, o=None)["y"].item() is False
    assert run(has, o=a)["y"].item() is True


def test_strings_are_objects() -> None:
    y = run(
        parsed("g (string[2] a, string[2] b) => (string[2] y) { y = StringConcat(a, b) }", 20),
        a=["x", "é"],
        b=["1", "2"],
    )
    assert (y["y"].dtype, y["y"].tolist()) == (np.dtype(object), ["x1", "é2"])


def narrow(name: str) -> Any:
    return pytest.param(name, marks=pytest.mark.needs(arithmetic=name))


@pytest.mark.parametrize(
    "name", [*map(narrow, ("bfloat16", "float8_e4m3fn", "float8_e5m2fnuz", "int4", "uint4", "float4_e2m1fn"))]
)
def test_types_beyond_numpy(name: str) -> None:
    dtype = numpy_dtype(name)
    kind = helper.np_dtype_to_tensor_dtype(dtype)
    values = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3]), helper.make_tensor_value_info("y", kind, [3])]
    graph = helper.make_graph([helper.make_node("Cast", ["x"], ["y"], to=kind)], "g", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)], ir_version=13)
    y = run(model, x=np.array([0, 1, 2], np.float32))["y"]
    assert (y.dtype, y.astype(np.float32).tolist()) == (dtype, [0, 1, 2])


def test_threads_share_one_executable() -> None:
    nodes = "a = Relu(x) b = Softmax<axis=1>(a) c = Mul(b, x) y = ReduceSum(c)"
    model = parsed(f"g (float[8,8] x) => (float[1,1] y) {{ {nodes} }}", 12)  # Softmax 11: made ready on first use
    xs = [np.random.default_rng(seed).normal(size=(8, 8)).astype(np.float32) for seed in range(8)]
    wanted = [run(model, x=x)["y"] for x in xs]
    wrong: list[int] = []
    with zif.load(model, only=["reference"], cache=False) as session:

        def work(number: int) -> None:
            runs = (session.run({"x": xs[number]})["y"] for _ in range(20))
            wrong.extend(number for y in runs if not np.array_equal(y, wanted[number]))

        threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def external(folder: Path, dtype: str = "float32") -> Path:
    """y = x + w, with w in weights/w.bin after eight other bytes."""
    w = np.arange(3).astype(numpy_dtype(dtype))
    (folder / "weights").mkdir()
    packed = numpy_helper.from_array(w)
    (folder / "weights" / "w.bin").write_bytes(bytes(8) + packed.raw_data)
    tensor = TensorProto(name="w", data_type=packed.data_type, dims=[3], data_location=TensorProto.EXTERNAL)
    where = {"location": "weights/w.bin", "offset": "8", "length": str(len(packed.raw_data))}
    for key, value in where.items():
        tensor.external_data.add(key=key, value=value)
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in "xy"]
    nodes = [helper.make_node("Cast", ["w"], ["f"], to=TensorProto.FLOAT), helper.make_node("Add", ["x", "f"], ["y"])]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], [tensor])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), folder / "m.onnx")
    return folder / "m.onnx"


@pytest.mark.parametrize("dtype", ["float32", narrow("int4")])
def test_external_weights(tmp_path: Path, dtype: str) -> None:
    with zif.load(external(tmp_path, dtype), only=["reference"], cache=False) as session:
        np.testing.assert_array_equal(session.run({"x": np.ones(3, np.float32)})["y"], [1, 2, 3])


def test_weights_that_the_artifact_lacks(tmp_path: Path) -> None:
    backend, model = zif.backend("reference"), zif.Model.load(external(tmp_path))
    compiled = backend.compile(backend.convert(model, HOST, None), HOST, None)
    bare = Compiled("onnx", {compiled.main: compiled.files[compiled.main]}, compiled.main, (), ())
    with pytest.raises(InvalidModel, match=r"tensor 'w' needs the file 'weights/w\.bin', which is not there"):
        backend.load(bare, None)


def test_evidence_that_onnx_lacks() -> None:
    """Loops that collect values: wrong on the evaluator itself, right here."""
    from tools.tables.reference import further_tests

    backend = zif.backend("reference")
    for test in further_tests():
        model = zif.Model.load(test.model)
        if "is_test_0" not in test.name:
            executable = backend.load(backend.compile(backend.convert(model, HOST, None), HOST, None), None)
            assert test.judge(executable.run) == ("right", ""), test.name
        else:
            (refused,) = backend.capabilities(HOST, model).verdicts.values()
            assert (refused.supported, refused.basis) == (False, "observed")


@pytest.mark.parametrize(("operator", "gates"), [("GRU", 3), ("LSTM", 4), ("RNN", 1)])
def test_what_is_taken_of_backward_sequences_is_right(operator: str, gates: int) -> None:
    """Older evaluators compute them forwards, or not at all, and are kept off them with the versions in the reason."""
    outputs = "h, last, y" if operator == "LSTM" else "h, y"
    model = parsed(
        f"""g (float[3,1,2] x, float[1,{gates * 2},2] w, float[1,{gates * 2},2] r) => (float[] y) {{
        {outputs} = {operator}<hidden_size=2, direction="reverse">(x, w, r) }}""",
        14,
    )
    said = verdict(model)
    if not said.supported:
        assert said.basis == "observed"
        assert "in onnx<" in said.reason
        return
    chance = np.random.default_rng(0)
    shapes = {"x": (3, 1, 2), "w": (1, gates * 2, 2), "r": (1, gates * 2, 2)}
    feeds = {name: chance.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    with zif.load(model, only=["qnn_cpu"], cache=False) as session:
        np.testing.assert_allclose(run(model, **feeds)["y"], session.run(feeds)["y"], rtol=1e-5)
