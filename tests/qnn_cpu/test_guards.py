"""Values and shapes that end a process in ONNX Runtime's kernels: refused by name, or computed; each in a child."""

from __future__ import annotations

import multiprocessing
from typing import Any

import children
import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, numpy_helper, parser
from onnx.reference import ReferenceEvaluator
from zif_qnn_cpu.fields import nodes
from zif_qnn_cpu.guards import PREFIX, guard, guarded

#: A server that forks and has no threads: a copy of this process would wait for those of its engines for ever.
FORKING = multiprocessing.get_context("forkserver")
ONNX = {"int32": TensorProto.INT32, "int64": TensorProto.INT64}


def model(graph: str, opset: int = 17, imports: str = "", functions: str = "") -> onnx.ModelProto:
    return parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}{imports}]> {graph} {functions}')


def in_a_child(proto: onnx.ModelProto, inputs: dict[str, Any]) -> str:
    """What a run on qnn_cpu gives, as text: the outputs, or the error; fails for a process that died."""
    reading, writing = FORKING.Pipe(duplex=False)
    child = FORKING.Process(target=children.run, args=(writing, proto.SerializeToString(), inputs, "qnn_cpu"))
    child.start()
    writing.close()
    try:
        said = reading.recv()
    except EOFError:
        said = ""
    child.join()
    assert child.exitcode == 0, f"the process died of signal {-(child.exitcode or 0)}"
    return str(said)


def division(place: str, dtype: str) -> onnx.ModelProto:
    """A division at the top, or in a body that states no types, beside one of floats of the same name."""
    kind = f"{dtype}[N]"
    if place == "top":
        return model(f"g ({kind} a, {kind} b) => ({kind} y) {{ y = Div(a, b) }}")
    return model(f"""g ({kind} a, {kind} b, bool c) => ({kind} y) {{
        y = If(c) <then_branch = t () => ({kind} u) {{ q = Identity(b) p = Identity(a) r = Div(p, q) u = Identity(r) }},
                   else_branch = e () => ({kind} v) {{ q = Cast<to = 1>(a) r = Div(q, q)
                                                       v = Cast<to = {ONNX[dtype]}>(r) }}> }}""")


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("place", ["top", "body"])
def test_the_smallest_integer_divided_by_minus_one_is_what_the_reference_says(
    place: str, dtype: str, size: int
) -> None:
    proto = division(place, dtype)
    smallest = np.iinfo(dtype).min
    inputs = {"a": np.full(size, smallest, dtype), "b": np.full(size, -1, dtype)}
    inputs |= {"c": np.array(True)} if place == "body" else {}
    with np.errstate(all="ignore"):
        wanted = ReferenceEvaluator(proto).run(None, inputs)[0]
    assert wanted.tolist() == [smallest] * size
    assert in_a_child(proto, inputs) == str(wanted.tolist())


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_a_guarded_division_divides_as_before(dtype: str) -> None:
    proto = division("top", dtype)
    values = np.array([7, -7, 0, 1, -1, np.iinfo(dtype).min, np.iinfo(dtype).max, 3, 12, -12, 5, -9], dtype)
    divisors = np.array([2, 2, 5, -1, -1, 7, -1, -2, 5, -5, 1, np.iinfo(dtype).min], dtype)
    with zif.load(proto, only=["qnn_cpu"], cache=False) as session:
        own = session.run({"a": values, "b": divisors})["y"].tolist()
    pairs = zip(values.tolist(), divisors.tolist(), strict=True)
    assert own == [abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1) for a, b in pairs]


@pytest.mark.parametrize("operator", ["Div", "Mod"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64"])
def test_division_by_zero_is_the_inputs_fault_and_names_the_node(operator: str, dtype: str) -> None:
    proto = model(f"g ({dtype}[N] a, {dtype}[N] b) => ({dtype}[N] y) {{ y = {operator}(a, b) }}")
    proto.graph.node[0].name = "quotient"
    said = in_a_child(proto, {"a": np.full(3, 7, dtype), "b": np.array([1, 0, 2], dtype)})
    assert said.startswith("InvalidInput 2 node 'quotient'")
    assert "by zero" in said


def test_a_constant_division_by_zero_is_the_models_fault() -> None:
    proto = model("g (int64[N] x) => (int64[N] y) { y = Div(x, z) }")
    proto.graph.initializer.append(numpy_helper.from_array(np.array([0]), "z"))
    assert in_a_child(proto, {"x": np.array([1])}).startswith("InvalidModel 2")


def test_divisions_that_are_harmless_are_left_alone() -> None:
    for text, constant in (
        ("g (int64[N] a) => (int64[N] y) { y = Div(a, k) }", np.array([2, 4])),
        ("g (int64[N] a) => (int64[N] y) { y = Div(k, a) }", np.array([12])),
        ("g (float[N] a) => (float[N] y) { y = Div(a, k) }", np.array([-1], np.float32)),
        ("g (uint8[N] a) => (uint8[N] y) { y = Div(a, k) }", np.array([255], np.uint8)),
    ):
        proto = model(text)
        proto.graph.initializer.append(numpy_helper.from_array(constant, "k"))
        data = proto.SerializeToString()
        assert guarded(data) is data
    proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.array([3, -1]), "k"))
    proto.graph.input[0].type.tensor_type.elem_type = proto.graph.output[0].type.tensor_type.elem_type = (
        TensorProto.INT64
    )
    assert guard(proto)


def test_names_of_the_model_are_not_taken() -> None:
    proto = model("g (int64[N] a, int64[N] b) => (int64[N] y) { x0 = Add(a, b) y = Div(x0, b) }")
    proto.graph.node[0].output[0] = proto.graph.node[1].input[0] = f"{PREFIX}0"
    assert guard(proto)
    outputs = [name for node in proto.graph.node for name in node.output]
    names = [node.name for node in proto.graph.node if node.name]
    assert len(set(outputs)) == len(outputs)
    assert len(set(names)) == len(names)
    onnx.checker.check_model(proto, full_check=True)


def recurrent(operator: str, gates: int) -> onnx.ModelProto:
    proto = model(f"g (float[S, B, 2] x) => (float[] y) {{ y = {operator}<hidden_size = 3>(x, w, r) }}")
    proto.graph.node[0].name = "cell"
    for name, width in (("w", 2), ("r", 3)):
        proto.graph.initializer.append(numpy_helper.from_array(np.ones((1, gates * 3, width), np.float32), name))
    return proto


@pytest.mark.parametrize(("operator", "gates"), [("GRU", 3), ("LSTM", 4), ("RNN", 1)])
@pytest.mark.parametrize("shape", [(2, 1, 2), (0, 1, 2), (2, 0, 2), (0, 0, 2)])
def test_recurrent_operators_without_elements(operator: str, gates: int, shape: tuple[int, ...]) -> None:
    said = in_a_child(recurrent(operator, gates), {"x": np.ones(shape, np.float32)})
    fine = operator == "RNN" or shape == (2, 1, 2) or (operator == "LSTM" and shape[1])
    assert said.startswith("[" if fine else "InvalidInput 2 node 'cell'")


def test_other_shapes_that_end_a_process() -> None:
    unique = model("g (float[N, M] x) => (float[] y) { y = Unique<axis = 0>(x) }")
    reverse = model("g (float[] x) => (float[] y) { y = ReverseSequence<batch_axis = 1, time_axis = 0>(x, l) }")
    reverse.graph.initializer.append(numpy_helper.from_array(np.array([1, 2]), "l"))
    transposed = model("g (float[1, 2, A, B, C] x) => (float[] y) { y = ConvTranspose(x, w) }")
    transposed.graph.initializer.append(numpy_helper.from_array(np.ones((2, 2, 2, 2, 2), np.float32), "w"))
    for proto, bad, good in (
        (unique, (3, 0), (3, 1)),
        (reverse, (4,), (2, 2)),
        (transposed, (1, 2, 0, 4, 4), (1, 2, 3, 4, 4)),
    ):
        assert in_a_child(proto, {"x": np.ones(bad, np.float32)}).startswith("InvalidInput 2 node")
        assert in_a_child(proto, {"x": np.ones(good, np.float32)}).startswith("[")


def test_nodes_are_found_in_a_file_without_its_weights() -> None:
    proto = model("g (int64[N] a, int64[N] b) => (int64[N] y) { y = Div(a, b) }")
    proto.graph.initializer.append(numpy_helper.from_array(np.frombuffer(b'"\x03Div' * 1000, np.uint8), "w"))
    data = proto.SerializeToString()
    ((start, end),) = list(nodes(data))
    assert b'"\x03Div' in data[start:end]
    assert end - start < 100
    assert list(nodes(b"\xff" * 9)) == [(0, 9)]


def test_the_time_of_a_guard_is_that_of_its_division() -> None:
    proto = division("top", "int64")
    proto.graph.node[0].name = "quotient"
    with zif.load(proto, only=["qnn_cpu"], cache=False) as session:
        feeds = {"a": np.arange(4), "b": np.ones(4, np.int64)}
        times = session.steps[0].executable.unit_times(feeds, 2)
    assert set(times) == {"quotient"}


@pytest.mark.needs("onnxruntime>=1.32")
def test_what_only_the_engine_knows_to_be_wrong_is_the_models_fault() -> None:
    proto = model("g (float[2, 8] x) => (float[] y) { y = LayerNormalization<axis = 9>(x, w) }")
    proto.graph.initializer.append(numpy_helper.from_array(np.ones(8, np.float32), "w"))
    with pytest.raises(zif.InvalidModel, match=r"\(LayerNormalization\).*axis value \(9\)"):
        zif.load(proto, only=["qnn_cpu"], cache=False).close()
