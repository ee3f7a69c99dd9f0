"""Quantized groups are one unit, by the rules of ONNX Runtime's node units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from model.graphs import model, weights
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from strategies import run_pieces, run_whole
from zif.model import Model, load


def quantized(body: str, given: str = "float[1, 4, 8, 8] x", made: str = "float[?] y") -> onnx.ModelProto:
    """`body` may use Q and DQ for the two operators, `s` and `z` for scale and zero point, and weights wq and bq."""
    text = body.replace("DQ(", "DequantizeLinear(").replace(" Q(", " QuantizeLinear(")
    proto = model(f"g ({given}) => ({made.replace('[?]', '[]')}) {{ {text} }}")
    random = np.random.default_rng(0)
    constants = {
        "s": np.array(0.1, np.float32),
        "z": np.array(128, np.uint8),
        "z16": np.array(1000, np.uint16),
        "wq": random.integers(-99, 99, (4, 4, 3, 3)).astype(np.int8),
        "wz": np.array(0, np.int8),
        "bq": random.integers(-99, 99, 4).astype(np.int32),
        "bz": np.array(0, np.int32),
    }
    used = {name for node in proto.graph.node for name in node.input}
    proto.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in constants.items() if k in used)
    return proto


def groups(loaded: Model) -> list[tuple[str, ...]]:
    short = {"DequantizeLinear": "DQ", "QuantizeLinear": "Q"}
    operators = [short.get(node.op_type, node.op_type) for node in loaded.proto.graph.node]
    return [tuple(operators[index] for index in unit.nodes) for unit in loaded.units]


CONV = """xq = Q(x, s, z) xd = DQ(xq, s, z) w = DQ(wq, s, wz) b = DQ(bq, s, bz)
c = Conv<pads = [1, 1, 1, 1]>(xd, w, b) cq = Q(c, s, z) y = DQ(cq, s, z)"""


def test_a_convolution_with_everything_around_it() -> None:
    loaded = load(quantized(CONV))
    assert groups(loaded) == [("Q",), ("DQ", "DQ", "DQ", "Conv", "Q"), ("DQ",)]
    unit = loaded.units[1]
    assert (unit.op_type, unit.inputs, unit.outputs) == ("Conv", ("xq",), ("cq",))
    assert set(unit.weights) == {"s", "z", "wq", "wz", "bq", "bz"}
    assert unit.precision == "int8"
    assert unit.macs == 4 * 8 * 8 * 4 * 9
    assert unit.bytes == 2 * 4 * 8 * 8
    assert unit.weight_bytes == 4 + 1 + 144 + 1 + 16 + 4


def test_groups_are_cut_only_between() -> None:
    proto = quantized(CONV)
    loaded = load(proto)
    pieces = [loaded.slice([unit.id], f"s{place}") for place, unit in enumerate(loaded.units)]
    for piece in pieces:
        onnx.checker.check_model(piece.proto, full_check=True)
    x = np.random.default_rng(1).standard_normal((1, 4, 8, 8)).astype(np.float32)
    expected = run_whole(proto, {"x": x})
    np.testing.assert_array_equal(run_pieces(pieces, {"x": x}, ["y"])["y"], expected["y"])


@pytest.mark.parametrize(
    "op", ["MaxPool<kernel_shape = [2, 2]>(d)", "Transpose<perm = [0, 2, 3, 1]>(d)", "Reshape(d, k)", "Relu(d)"]
)
def test_operators_without_weights_group_too(op: str) -> None:
    proto = quantized(f"d = DQ(x, s, z) o = {op} y = Q(o, s, z)", "uint8[1, 4, 8, 8] x", "uint8[?] y")
    if "k" in op:
        proto.graph.initializer.append(numpy_helper.from_array(np.array([4, 64]), "k"))
    assert [len(unit.nodes) for unit in load(proto).units] == [3]


def test_a_shared_dequantize_is_duplicated_per_reader() -> None:
    proto = quantized(
        "d = DQ(x, s, z) a = Relu(d) aq = Q(a, s, z) b = Sigmoid(d) bq1 = Q(b, s, z) e = Add(d, d) eq = Q(e, s, z)",
        "uint8[1, 4] x",
        "uint8[?] aq, uint8[?] bq1, uint8[?] eq",
    )
    loaded = load(proto)
    assert groups(loaded) == [("DQ", "Relu", "Q"), ("DQ", "Sigmoid", "Q"), ("DQ", "Add", "Q")]
    assert all(unit.inputs == ("x",) for unit in loaded.units)
    add = loaded.proto.graph.node[loaded.units[2].nodes[1]]
    assert add.input[0] == add.input[1]
    assert len({node.name for node in loaded.proto.graph.node}) == len(loaded.proto.graph.node)
    x = np.arange(4, dtype=np.uint8).reshape(1, 4)
    expected, got = run_whole(proto, {"x": x}), run_whole(loaded.proto, {"x": x})
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value)


def test_a_dequantize_that_the_graph_gives_out_stays_alone() -> None:
    proto = quantized("d = DQ(x, s, z) a = Relu(d) y = Q(a, s, z)", "uint8[1, 4] x", "uint8[?] y, float[?] d")
    loaded = load(proto)
    assert groups(loaded) == [("DQ",), ("DQ", "Relu", "Q")]
    assert loaded.units[0].outputs == ("d",)


def test_a_dequantize_that_a_body_reads_stays_alone() -> None:
    proto = quantized(
        """d = DQ(x, s, z) a = Relu(d) y = Q(a, s, z)
        v = If(c) <then_branch = t () => (float[1, 4] p) { p = Neg(d) },
                   else_branch = e () => (float[1, 4] q) { q = Abs(d) }>""",
        "uint8[1, 4] x, bool c",
        "uint8[?] y, float[?] v",
    )
    loaded = load(proto)
    assert groups(loaded) == [("DQ",), ("DQ", "Relu", "Q"), ("If",)]
    assert "d" in loaded.units[2].inputs


def test_a_quantize_joins_only_what_it_alone_reads() -> None:
    shared = quantized(
        "d = DQ(x, s, z) a = Relu(d) y = Q(a, s, z) v = Neg(a)", "uint8[1, 4] x", "uint8[?] y, float[?] v"
    )
    assert groups(load(shared)) == [("DQ", "Relu"), ("Q",), ("Neg",)]
    given = quantized("d = DQ(x, s, z) a = Relu(d) y = Q(a, s, z)", "uint8[1, 4] x", "uint8[?] y, float[?] a")
    assert groups(load(given)) == [("DQ", "Relu"), ("Q",)]


def test_quantized_weights_alone_compute_in_float() -> None:
    """The DQ of a weight belongs to its operator, but the Q after it starts something new."""
    proto = quantized("w = DQ(wq, s, wz) c = Conv(x, w) y = Q(c, s, z)", made="uint8[?] y")
    loaded = load(proto)
    assert groups(loaded) == [("DQ", "Conv"), ("Q",)]
    assert loaded.units[0].precision == "fp32"


def test_a_requantizing_pair_is_one_unit() -> None:
    proto = quantized("d = DQ(x, s, z) y = Q(d, s, z16)", "uint8[1, 4] x", "uint16[?] y")
    proto.opset_import[0].version = 21
    loaded = load(proto)
    assert groups(loaded) == [("DQ", "Q")]
    assert (loaded.units[0].op_type, loaded.units[0].precision) == ("QuantizeLinear", "int16")


def test_outputs_of_one_operator_each_with_their_quantize() -> None:
    proto = quantized(
        "d = DQ(x, s, z) a, b = Split<axis = 1>(d) y = Q(a, s, z) v = Q(b, s, z)",
        "uint8[1, 4] x",
        "uint8[?] y, uint8[?] v",
    )
    loaded = load(proto)
    assert groups(loaded) == [("DQ", "Split", "Q", "Q")]
    assert loaded.units[0].outputs == ("y", "v")


def test_a_scale_that_is_computed_does_not_make_a_cycle_of_units() -> None:
    """Were the second Q in the group of Split, what lies between would be both after and before that group."""
    proto = quantized(
        "d = DQ(x, s, z) a, b = Split<axis = 1>(d) y = Q(a, s, z) m = ReduceMax<keepdims = 0>(y1) y1 = DQ(y, s, z) "
        "v = QuantizeLinear(b, m, z)",
        "uint8[1, 4] x",
        "uint8[?] v",
    )
    loaded = load(proto)
    assert groups(loaded) == [("DQ", "Split", "Q"), ("DQ", "ReduceMax"), ("Q",)]
    seen: set[str] = {"x"}
    for unit in loaded.units:
        assert seen.issuperset(unit.inputs)
        seen.update(unit.outputs)


def test_microsofts_own_q_and_dq_count() -> None:
    proto = quantized("d = DQ(x, s, z) a = Relu(d) y = Q(a, s, z)", "uint8[1, 4] x", "uint8[?] y")
    for node in (proto.graph.node[0], proto.graph.node[2]):
        node.domain = "com.microsoft"
    proto.opset_import.add(domain="com.microsoft", version=1)
    assert [len(unit.nodes) for unit in load(proto).units] == [3]


class Samples(CalibrationDataReader):
    def __init__(self) -> None:
        random = np.random.default_rng(3)
        self.rest = [{"x": random.standard_normal((1, 3, 8, 8)).astype(np.float32)} for _ in range(4)]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self.rest.pop() if self.rest else None


@pytest.mark.parametrize("per_channel", [True, False])
def test_what_a_real_quantizer_writes(tmp_path: Path, per_channel: bool) -> None:
    """A small residual network through ONNX Runtime's quantizer: every operator a group, and no bit changed."""
    proto = model(
        """g (float[1, 3, 8, 8] x) => (float[] y) {
        a = Conv<pads = [1, 1, 1, 1]>(x, w1, b1) r = Relu(a) c = Conv<pads = [1, 1, 1, 1]>(r, w2, b2)
        s = Add(c, r) t = Sigmoid(s) m = Mul(s, t) p = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(m)
        q = GlobalAveragePool(p) f = Flatten(q) y = Gemm(f, w3, b3) }"""
    )
    shapes = {"w1": (6, 3, 3, 3), "b1": (6,), "w2": (6, 6, 3, 3), "b2": (6,), "w3": (6, 5), "b3": (5,)}
    proto.graph.initializer.extend(weights(name, *shape) for name, shape in shapes.items())
    onnx.save(proto, tmp_path / "float.onnx")
    names = str(tmp_path / "float.onnx"), str(tmp_path / "qdq.onnx")
    quantize_static(*names, Samples(), quant_format=QuantFormat.QDQ, per_channel=per_channel)
    whole = onnx.load(names[1])
    loaded = load(whole)
    centres = {unit.op_type: unit for unit in loaded.units}
    assert {"Conv", "Add", "Sigmoid", "Mul", "MaxPool", "GlobalAveragePool", "Gemm"} <= set(centres)
    for op_type in ("Conv", "Add", "Mul", "MaxPool"):
        assert centres[op_type].precision == "int8", op_type
        assert len(centres[op_type].nodes) >= 3, op_type
    lone = [unit for unit in loaded.units if unit.op_type in ("QuantizeLinear", "DequantizeLinear")]
    assert len(lone) == 2  # into the graph and out of it
    pieces = [loaded.slice([unit.id], f"s{place}") for place, unit in enumerate(loaded.units)]
    x = np.random.default_rng(4).standard_normal((1, 3, 8, 8)).astype(np.float32)
    expected = run_whole(whole, {"x": x})
    np.testing.assert_array_equal(run_pieces(pieces, {"x": x}, ["y"])["y"], expected["y"])
