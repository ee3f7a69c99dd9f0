"""Buckets with masks: operators that would let padding into the valid part give what they give at the real size."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import numpy_helper, parser
from zif.model import Model
from zif.runtime.buckets.extents import Rule
from zif.runtime.buckets.grid import Grid
from zif.runtime.buckets.masking.guards import Guard, Window
from zif.runtime.buckets.masking.spans import spans
from zif.runtime.buckets.session import BucketedSession

CPU = {"only": "qnn_cpu", "cache": False}
SIZES = {"length": ((8, 16),)}
EVERY = [*range(1, 17), 21]

SMEARED = "c = Conv(x, point, bias) "
BODIES = {
    "a window that reaches beyond the end": SMEARED + "y = Conv<pads=[1,1]>(c, wide)",
    "a stride": SMEARED + "y = Conv<pads=[1,1], strides=[2]>(c, wide)",
    "strides in a row": SMEARED
    + "d = Conv<pads=[1,1], strides=[2]>(c, wide) y = Conv<pads=[1,1], strides=[3]>(d, wide)",
    "dilations": SMEARED + "y = Conv<pads=[2,2], dilations=[2]>(c, wide)",
    "a transposed convolution": SMEARED + "y = ConvTranspose<pads=[1,1]>(c, wide)",
    "a mean of what is there": SMEARED + "y = AveragePool<kernel_shape=[3], pads=[1,1], strides=[2]>(c)",
    "a mean with its padding": SMEARED + "y = AveragePool<kernel_shape=[3], pads=[1,1], count_include_pad=1>(c)",
    "the largest of a window": SMEARED + "m = MaxPool<kernel_shape=[3], pads=[1,1]>(c) y = Conv<pads=[1,1]>(m, wide)",
    "the largest of what is not below zero": SMEARED + "r = Relu(c) m = MaxPool<kernel_shape=[2], pads=[0,1]>(r) "
    "s = ReduceSum<keepdims=1>(m, last) y = Sub(x, s)",
    "a mean of all": SMEARED + "m = GlobalAveragePool(c) y = Sub(c, m)",
    "a mean over the axis": "e = Exp(x) m = ReduceMean<axes=[2]>(e) y = Sub(x, m)",
    "means over two axes": "e = Exp(x) m = ReduceMean<axes=[1,-1]>(e) y = Sub(x, m)",
    "the least": "e = Exp(x) f = Neg(e) m = ReduceMax<axes=[2]>(f) n = ReduceMin<axes=[2]>(e) k = Mul(m, n) "
    "y = Sub(x, k)",
    "a product": "t = Tanh(x) e = Exp(t) p = ReduceProd<axes=[2]>(e) y = Sub(x, p)",
    "a normalization in one operator": SMEARED + "y = InstanceNormalization(c, bias, bias)",
    "a norm": "e = Exp(x) n = ReduceL2<axes=[2]>(e) y = Div(x, n)",
    "a softmax": SMEARED + "y = Softmax<axis=2>(c)",
    "its logarithm": SMEARED + "y = LogSoftmax(c)",
    "attention": "t = Transpose<perm=[0,2,1]>(x) q = Exp(t) s = MatMul(q, x) a = Softmax<axis=2>(s) v = Exp(t) "
    "o = MatMul(a, v) y = Transpose<perm=[0,2,1]>(o)",
    "a product summed over it": "e = Exp(x) t = Transpose<perm=[0,2,1]>(e) g = MatMul(e, t) y = MatMul(g, x)",
    "the same in Einstein's words": 'e = Exp(x) g = Einsum<equation="bil,bjl->bij">(e, e) y = MatMul(g, x)',
    "the place of the largest": SMEARED + "i = ArgMax<axis=2>(c) f = Cast<to=1>(i) y = Add(x, f)",
    "the largest few": SMEARED + "v, i = TopK<axis=2>(c, one) y = Sub(x, v)",
    "a sum from the end": SMEARED + "y = CumSum<reverse=1>(c, two)",
    "zeros behind": SMEARED + "p = Pad(c, behind) y = Conv(p, wide)",
}
KNOWN = {
    "point": np.linspace(-0.7, 0.9, 16, dtype=np.float32).reshape(4, 4, 1),
    "wide": np.linspace(-0.9, 1.3, 48, dtype=np.float32).reshape(4, 4, 3),
    "bias": np.array([1, -2, 3, 0.5], np.float32),
    "last": np.array([2]),
    "one": np.array([1]),
    "two": np.array(2),
    "behind": np.array([0, 0, 1, 0, 0, 1]),
}


def model(body: str, inputs: str = "float[N, 4, length] x", outputs: str = "float[N, 4, m] y") -> onnx.ModelProto:
    made = parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> g ({inputs}) => ({outputs}) {{ {body} }}')
    used = {name for node in made.graph.node for name in node.input}
    made.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in KNOWN.items() if name in used)
    return made


def values(size: int) -> dict[str, Any]:
    return {"x": np.random.default_rng(size).standard_normal((1, 4, size)).astype(np.float32)}


def every_size(proto: Any, feeds: Any = values, **wishes: Any) -> BucketedSession:
    """Every size beside the model at its real shape, all of them in buckets but the one that is larger."""
    session = zif.load(proto, **{**CPU, "shapes": SIZES, **wishes})
    assert isinstance(session, BucketedSession)
    with session, zif.load(proto, **CPU) as right:
        for size in EVERY:
            given = feeds(size)
            made, way = session.run(given), session.way(given)
            for name, value in right.run(given).items():
                assert made[name].shape == value.shape
                np.testing.assert_allclose(made[name], value, rtol=2e-5, atol=2e-5)
            assert (way.bucket is None) == (size > 16)
    return session


@pytest.mark.parametrize("what", BODIES)
def test_every_size_is_what_it_is_at_its_real_shape(what: str) -> None:
    session = every_size(model(BODIES[what]))
    assert all(bucket.finding.padding for bucket in session.buckets)


@pytest.mark.parametrize("what", ["a stride", "a softmax", "attention", "a mean of what is there"])
def test_they_have_masks(what: str) -> None:
    """The same models are refused without, so that it is the masks that make them right."""
    with zif.load(model(BODIES[what]), **CPU, shapes=SIZES) as session:
        assert isinstance(session, BucketedSession)
        for bucket in session.buckets:
            assert bucket.finding.guards
            names = {info.name for info in bucket.session.inputs}
            assert names == {"x", *(guard.name for guard in bucket.finding.guards)}


def recurrent(kind: str, direction: str) -> onnx.ModelProto:
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
    ways = 2 if direction == "bidirectional" else 1
    source = np.random.default_rng(0)
    w = source.standard_normal((ways, gates * 3, 4)).astype(np.float32) / 2
    r = source.standard_normal((ways, gates * 3, 3)).astype(np.float32) / 2
    b = source.standard_normal((ways, gates * 6)).astype(np.float32)
    read = ["x", "w", "r", "b", "", "h"]
    node = onnx.helper.make_node(kind, read, ["y", "hn"], direction=direction, hidden_size=3, name="run")
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node],
        "g",
        [value("x", 1, ["length", 1, 4]), value("h", 1, [ways, 1, 3])],
        [value("y", 1, ["length", ways, 1, 3]), value("hn", 1, [ways, 1, 3])],
        [numpy_helper.from_array(w, "w"), numpy_helper.from_array(r, "r"), numpy_helper.from_array(b, "b")],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)


def steps(size: int) -> Any:
    return values(size)["x"].transpose(2, 0, 1).copy()


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("direction", ["forward", "bidirectional", "reverse"])
def test_what_runs_over_the_axis_is_told_where_it_ends(kind: str, direction: str) -> None:
    ways = 2 if direction == "bidirectional" else 1
    state = np.full((ways, 1, 3), 0.5, np.float32)
    session = every_size(recurrent(kind, direction), lambda size: {"x": steps(size), "h": state})
    assert [guard.kind for guard in session.buckets[0].finding.guards] == ["length"]


def test_a_stream_of_pieces_of_any_length() -> None:
    """The state at the end of a piece is that at its real end, so that the pieces together are the whole."""
    whole, ends = steps(40), [0, 3, 11, 12, 28, 40]
    with zif.load(recurrent("GRU", "forward"), **CPU, shapes=SIZES) as session:
        stream = session.stream(state={"h": "hn"})
        made = [stream.run({"x": whole[a:b]})["y"] for a, b in itertools.pairwise(ends)]
        assert not session.events  # every piece went to a bucket
    with zif.load(recurrent("GRU", "forward"), **CPU) as right:
        wanted = right.run({"x": whole, "h": np.zeros((1, 1, 3), np.float32)})["y"]
    np.testing.assert_allclose(np.concatenate(made), wanted, rtol=1e-5, atol=1e-5)


def test_two_dimensions_at_once() -> None:
    proto = parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[N, 2, high, long] x) => (float[N, 2, h, l] y) '
        "{ c = Exp(x) d = Conv<pads=[1,1,1,1], strides=[2,1]>(c, wide) m = GlobalAveragePool(d) y = Mul(d, m) }"
    )
    wide = np.linspace(-0.5, 0.7, 36, dtype=np.float32).reshape(2, 2, 3, 3)
    proto.graph.initializer.append(numpy_helper.from_array(wide, "wide"))
    with (
        zif.load(proto, **CPU, shapes={"high": ((4, 6),), "long": ((5, 9),)}) as session,
        zif.load(proto, **CPU) as right,
    ):
        assert isinstance(session, BucketedSession)
        assert [bucket.finding.padding for bucket in session.buckets] == ["zero"] * 4
        for high in range(1, 7):
            for long in range(1, 10):
                x = np.random.default_rng(high).standard_normal((1, 2, high, long)).astype(np.float32)
                assert session.way({"x": x}).bucket is not None
                np.testing.assert_allclose(session.run({"x": x})["y"], right.run({"x": x})["y"], rtol=2e-5, atol=2e-5)


def test_a_quantized_graph_keeps_its_encodings() -> None:
    scales = {"sx": 0.03, "sw": 0.01, "zx": np.uint8(120), "zw": np.int8(0)}
    proto = parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[N, 4, length] x) => (float[N, 4, length] y) { '
        "xq = QuantizeLinear(x, sx, zx) xd = DequantizeLinear(xq, sx, zx) pd = DequantizeLinear(pq, sw, zw) "
        "c = Conv(xd, pd, bias) cq = QuantizeLinear(c, sx, zx) cd = DequantizeLinear(cq, sx, zx) "
        "wd = DequantizeLinear(wq, sw, zw) d = Conv<pads=[1,1]>(cd, wd) "
        "dq = QuantizeLinear(d, sx, zx) y = DequantizeLinear(dq, sx, zx) }"
    )
    known = {name: np.float32(value) if name[0] == "s" else value for name, value in scales.items()}
    known |= {"pq": np.round(50 * KNOWN["point"]).astype(np.int8), "wq": np.round(50 * KNOWN["wide"]).astype(np.int8)}
    known |= {"bias": KNOWN["bias"]}
    proto.graph.initializer.extend(numpy_helper.from_array(np.asarray(v), n) for n, v in known.items())
    session = every_size(proto)
    assert session.buckets[0].finding.guards


def test_a_bundle_carries_the_masks(tmp_path: Path) -> None:
    proto = model(BODIES["attention"])
    made = zif.compile(proto, tmp_path / "b", only="qnn_cpu", cache=False, shapes=SIZES)
    with zif.load(made.folder) as session, zif.load(proto, **CPU) as right:
        for size in EVERY:
            given = values(size)
            np.testing.assert_allclose(session.run(given)["y"], right.run(given)["y"], rtol=2e-5, atol=2e-5)


def test_verified_with_inputs_that_end_somewhere() -> None:
    """Values made from seeds would be no masks: half of an input is tried, and a whole one."""
    from zif.runtime import planners

    asked = planners.bucketed(model(BODIES["a softmax"]), None, None, shapes=SIZES)
    findings = asked.findings(False, None)
    for point, finding in zip(asked.grid.points(), findings.points, strict=True):
        sums = {float(sample[finding.guards[0].name].sum()) for sample in asked.own(point, finding) or ()}
        assert sums == {point[0], point[0] / 2}


def test_how_values_grow() -> None:
    loaded = Model.load(model(BODIES["strides in a row"]))
    found = spans(loaded, Grid.of(loaded, SIZES))
    assert found["c"] == {2: Rule(0)}
    assert found["d"] == {2: Rule(0, 1, 1, 2)}
    assert [found["y"][2].of(size) for size in (3, 8, 16)] == [1, 2, 3]  # type: ignore[union-attr]


def test_a_window_counts_what_is_there() -> None:
    one = Guard("w", "window", "float32", (8,), Rule(0), 8, 0.0, Window(3, 1, 1, 1, 1, False))
    assert one.of((8,)).tolist() == [1.0] * 8
    assert one.of((5,)).tolist() == [1, 1, 1, 1, 1.5, 3, 0, 0]
