"""Advice: each piece with the figure behind it, none where there is nothing to say, and right by hand."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from planning.boards import CPU, Paper, chain, planner
from zif.model import Model
from zif.planning.advice.separable import priced
from zif.planning.plan import Advice, Plan
from zif.report.html import plan_html

ALL = {"fusion", "depthwise", "activations", "batch", "static", "heat", "idle"}


def net(activation: str = "Relu", norm: bool = False, channels: int = 32, size: int = 64) -> onnx.ModelProto:
    """Conv, perhaps BatchNormalization, an activation, Conv: float32[1, channels, size, size]."""
    weights = {"w1": np.ones((channels, channels, 3, 3)), "w2": np.ones((2 * channels, channels, 3, 3))}
    weights |= {name: np.ones(channels) for name in ("scale", "bias", "mean", "var")}
    nodes = [helper.make_node("Conv", ["x", "w1"], ["a"], "conv1", pads=[1] * 4)]
    if norm:
        nodes.append(helper.make_node("BatchNormalization", ["a", "scale", "bias", "mean", "var"], ["n"], "norm"))
    nodes.append(helper.make_node(activation, ["n" if norm else "a"], ["b"], "act"))
    nodes.append(helper.make_node("Conv", ["b", "w2"], ["y"], "conv2", pads=[1] * 4))
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, channels, size, size]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2 * channels, size, size]),
    ]
    tensors = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def advice(plan: Plan) -> dict[str, Advice]:
    return {one.code: one for one in plan.advice}


@pytest.fixture(scope="module")
def plain() -> Plan:
    return zif.plan(net(), only=["qnn_cpu"])


def test_every_piece_is_there_and_in_every_form_of_the_plan(plain: Plan) -> None:
    assert set(advice(plain)) == ALL
    assert Plan.from_json(plain.to_json()).advice == plain.advice
    page = plan_html(plain)
    assert "<h2>Advice</h2>" in page
    assert "sustained" not in advice(plain)["heat"].text, "the CPU's modes are the CPU's"


def test_each_has_a_figure(plain: Plan) -> None:
    for one in plain.advice:
        assert any(char.isdigit() for char in one.text), one


def test_a_normalisation_that_is_not_folded_is_told_with_its_cost() -> None:
    backends = {"cpu": Paper({"BatchNormalization": 3.0, "Conv": 10.0, "Relu": 1.0})}
    found = advice(planner(Model.load(net(norm=True)), backends).plan())["fusion"]
    assert (found.units, found.saves_us) == (("norm",), 3.0)
    assert "1 BatchNormalization behind what multiplies (such as norm) is put at 3 µs of 24 µs" in found.text


def test_a_pair_that_is_torn_apart_is_told_with_what_moving_costs() -> None:
    backends = {"npu": Paper(1.0, launch_us=1.0, link_us=3.0, refuses={"Relu": "op"}), "cpu": CPU}
    plan = planner(Model.load(net()), backends, pin={"op:Conv": "npu"}).plan()
    found = advice(plan)["fusion"]
    moved = [one for one in plan.transfers if one.tensor == "a"]
    assert found.saves_us == pytest.approx(sum(one.us for one in moved))
    assert "conv1 on npu and act on cpu" in found.text
    assert "512 KiB" in found.text


def test_a_depthwise_form_is_counted_and_priced() -> None:
    """32 channels to 64, 3 x 3, on 64 x 64: 9 * 32 * 64 against 9 * 32 + 32 * 64 for each place."""
    model = Model.load(net())
    node = next(node for node in model.proto.graph.node if node.name == "conv2")
    found = priced(model, node, zif.target("host"), zif.backend("qnn_cpu").capabilities(zif.target("host")))
    assert found is not None
    assert (found.into, found.out, found.kernel) == (32, 64, "3×3")
    assert found.macs_ratio == pytest.approx((9 * 32 + 32 * 64) / (9 * 32 * 64))
    assert 0 < found.cost_ratio < 1
    (text,) = [one.text for one in zif.plan(net(), only=["qnn_cpu"]).advice if "conv2" in one.units]
    assert "75.5 MMAC to 9.57" in text
    assert "as fast, once the model is trained with them" in text


def test_where_a_depthwise_form_gains_nothing_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import attrs
    from zif.planning.advice import structure

    real = structure.priced
    dear = lambda *given: attrs.evolve(real(*given), cost_ratio=1.2)  # noqa: E731
    monkeypatch.setattr(structure, "priced", dear)
    found = advice(zif.plan(net(), only=["qnn_cpu"]))["depthwise"]
    assert "no gain on this processor" in found.text
    assert found.saves_us is None


def test_activations_without_an_end_are_told_with_their_cost() -> None:
    backends = {"cpu": Paper({"Elu": 4.0, "Conv": 10.0})}
    found = advice(planner(Model.load(net("Elu")), backends).plan())["activations"]
    assert found.text.startswith("Elu: 4 µs of 24 µs")
    assert found.saves_us == 4.0
    assert "quantize well" in advice(planner(Model.load(net()), backends).plan())["activations"].text


def test_a_batch_pays_once_what_is_fixed() -> None:
    """By hand: launch 90 µs, 10 µs of work: 1 in 100 µs, 8 in 170 µs."""
    model = chain(["Relu"], shape=(1, 4))
    found = advice(planner(model, {"cpu": Paper(10.0, launch_us=90.0)}).plan())["batch"]
    assert "90 µs of 100 µs are paid once a run" in found.text
    assert "10,000 inputs/s" in found.text
    assert "8 times as many come to 47,059, where the model takes `--shape t0=8,4`" in found.text
    flat = advice(planner(model, {"cpu": Paper(10.0)}).plan())["batch"]
    assert "a larger one to no more" in flat.text


def test_open_shapes_and_fixed_ones() -> None:
    fixed = advice(planner(chain(["Relu", "Exp"]), {"a": Paper(), "b": CPU}, pin={"Exp_1": "b"}).plan())["static"]
    assert "every shape is fixed: the 16 B that segments hand on" in fixed.text
    model = chain(["Relu"], shape=("n", 4))
    assert "t0 not fixed" in advice(planner(model, {"cpu": CPU}).plan())["static"].text


def test_the_mode_that_was_asked_for_stands_in_the_advice_on_heat() -> None:
    config = {"cpu_config": {"performance_mode": "power_saver"}}
    found = advice(zif.plan(net(), only=["qnn_cpu"], config=config))["heat"]
    assert "performance_mode power_saver" in found.text
    assert "W have to be cooled" in found.text
