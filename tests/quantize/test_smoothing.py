"""Factors of uneven channels move into weights: the function stays, 8 bits hold it better, the rest is not touched."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from zif_quantize import auto_quantize, calibrate, prepare, quantize_model
from zif_quantize.measure import Judge, Reference, worst
from zif_quantize.rewrites.smoothing import smoothed

WIDTH = 32
LOUD = np.where(np.arange(WIDTH) % 16 == 3, 60.0, 1.0).astype(np.float32)
SAMPLES = [{"x": np.random.default_rng(k).standard_normal((1, 12, WIDTH)).astype(np.float32)} for k in range(8)]
PICTURES = [{"x": np.random.default_rng(k).standard_normal((1, 8, 12, 12)).astype(np.float32)} for k in range(8)]


def model(nodes: list[Any], dims: list[int], out: list[int], **weights: np.ndarray) -> onnx.ModelProto:
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, d) for n, d in (("x", dims), ("y", out))]
    made = [helper.make_node(kind, reads, [gives], f"{gives}_node", **more) for kind, reads, gives, more in nodes]
    held = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    graph = helper.make_graph(made, "g", ends[:1], ends[1:], held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def normed(*, residual: bool = False, shared: bool = False) -> onnx.ModelProto:
    """A LayerNormalization with two loud channels, which a product reads whose weights are small there."""
    rng = np.random.default_rng(0)
    nodes = [("LayerNormalization", ["x", "gamma", "beta"], "n", {"axis": -1})]
    nodes += [("MatMul", ["n", "w"], "m", {}), ("Relu", ["m"], "r", {}), ("MatMul", ["r", "v"], "p", {})]
    nodes += [("MatMul", ["p", "w" if shared else "u"], "q", {}), ("Add", ["q", "n" if residual else "b"], "y", {})]
    spread = {name: rng.standard_normal((WIDTH, WIDTH)) / 6 for name in "wvu"}
    spread["w"] = spread["w"] / LOUD[:, None]
    gone = {"u"} if shared else set()
    gone |= {"b"} if residual else set()
    weights = {"gamma": LOUD, "beta": 0.1 * LOUD, "b": rng.standard_normal(WIDTH), **spread}
    kept = {name: value for name, value in weights.items() if name not in gone}
    return model(nodes, [1, 12, WIDTH], [1, 12, WIDTH], **kept)


def convolved() -> onnx.ModelProto:
    """A convolution whose channels lie far apart, a Relu, one per channel, and one that reads them all."""
    rng = np.random.default_rng(1)
    far = np.where(np.arange(16) % 8 == 1, 50.0, 1.0)
    nodes = [("Conv", ["x", "w", "b"], "c", {}), ("Relu", ["c"], "r", {}), ("Conv", ["r", "d"], "e", {"group": 16})]
    nodes += [("PRelu", ["e", "s"], "p", {}), ("Conv", ["p", "v"], "y", {})]
    weights = {
        "w": rng.standard_normal((16, 8, 3, 3)) * far[:, None, None, None] / 8,
        "b": rng.standard_normal(16) * far,
        "d": rng.standard_normal((16, 1, 3, 3)) / 3,
        "s": np.full((16, 1, 1), 0.1),
        "v": rng.standard_normal((8, 16, 1, 1)) / far[None, :, None, None] / 4,
    }
    return model(nodes, [1, 8, 12, 12], [1, 8, 8, 8], **weights)


def db(made: Any, samples: list[Any]) -> float:
    judge = Judge(made, samples)
    return worst(judge.sqnr(Reference(quantize_model(made, calibrate(made, samples)))))


@pytest.mark.parametrize(
    ("net", "samples", "gain"),
    [(normed(), SAMPLES, 6), (normed(residual=True), SAMPLES, 0), (convolved(), PICTURES, 3)],
)
def test_the_function_stays_and_eight_bits_hold_it_better(
    net: onnx.ModelProto, samples: list[Any], gain: float
) -> None:
    plain = prepare(net)
    smooth = smoothed(plain, samples)
    assert smooth is not None
    assert worst(Judge(plain, samples).sqnr(Reference(smooth.proto))) > 100
    assert db(smooth, samples) > db(plain, samples) + gain


def test_what_is_added_up_gets_the_value_as_it_was() -> None:
    smooth = smoothed(prepare(normed(residual=True)), SAMPLES)
    assert smooth is not None
    last = next(node for node in smooth.proto.graph.node if "y" in node.output)
    assert any(name.startswith("n_as_it_was") for name in last.input)


def test_a_weight_that_another_reads_too_stays_as_it_was_there() -> None:
    plain = prepare(normed(shared=True))
    smooth = smoothed(plain, SAMPLES)
    assert smooth is not None
    np.testing.assert_array_equal(smooth.array("w"), plain.array("w"))
    assert worst(Judge(plain, SAMPLES).sqnr(Reference(smooth.proto))) > 100


def test_even_channels_are_left_alone() -> None:
    even = normed()
    next(one for one in even.graph.initializer if one.name == "gamma").CopyFrom(
        numpy_helper.from_array(np.ones(WIDTH, np.float32), "gamma")
    )
    next(one for one in even.graph.initializer if one.name == "beta").CopyFrom(
        numpy_helper.from_array(np.zeros(WIDTH, np.float32), "beta")
    )
    assert smoothed(prepare(even), SAMPLES) is None


def test_it_is_taken_where_it_is_surely_better_and_told() -> None:
    made = auto_quantize(normed(), SAMPLES)
    assert made.smoothed
    assert [one.smoothed for one in made.trials][-1]
    assert not auto_quantize(normed(), SAMPLES, free=False).smoothed
    assert worst(made.sqnr) > worst(auto_quantize(normed(), SAMPLES, free=False).sqnr) + 3
    assert not auto_quantize(normed(), SAMPLES, "w8a16").smoothed
