"""Precision floors, memory limits, latency goals and precision modes in the placement of one model, float and int8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from small import quantized
from zif.errors import Unsupported, UsageError

CHIP = "snapdragon-8-elite"
QNN = ["qnn_htp", "qnn_gpu", "qnn_cpu"]

pytestmark = pytest.mark.skipif(
    not set(QNN) <= {row.name for row in zif.installed()},
    reason="needs zif-qnn-htp, zif-qnn-gpu, zif-qnn-cpu installed",
)


def network() -> onnx.ModelProto:
    """Three convolutions over 64 × 64, the second with 1.1 MB of weights."""
    rng = np.random.default_rng(0)
    sizes = [(32, 3), (512, 32), (8, 512)]
    weights = [rng.normal(0, 0.1, (*size, 3, 3)).astype(np.float32) for size in sizes]
    nodes, last = [], "x"
    for number, _ in enumerate(weights):
        nodes += [
            helper.make_node("Conv", [last, f"w{number}"], [f"c{number}"], f"conv{number}", pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"c{number}"], [f"r{number}"], f"relu{number}"),
        ]
        last = f"r{number}"
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, 64, 64])]
        for name, channels in (("x", 3), (last, 8))
    ]
    held = [numpy_helper.from_array(value, f"w{number}") for number, value in enumerate(weights)]
    graph = helper.make_graph(nodes, "net", *ends, held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.fixture(scope="module")
def int8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("int8")
    onnx.save(network(), folder / "float.onnx")
    return quantized(folder / "float.onnx", folder / "int8.onnx")


def plan(model: object, **constraints: object) -> zif.Plan:
    return zif.plan(model, CHIP, only=QNN, constraints=constraints)


def test_a_floor_keeps_each_precision_on_what_computes_it() -> None:
    assert plan(network()).backends == ("qnn_htp",)
    assert plan(network(), min_precision="fp16").backends == ("qnn_htp",)
    exact = plan(network(), min_precision="fp32")
    assert exact.backends == ("qnn_cpu",)
    for name in ("qnn_htp", "qnn_gpu"):
        verdict = exact.unit("conv0").verdicts[name]
        assert (verdict.supported, verdict.code) == (False, "precision")
        assert verdict.reason == "would be computed in fp16, below the floor of fp32"


def test_a_floor_under_fp32_lets_a_gpu_in_that_is_told_to_compute_in_it() -> None:
    config = {"gpu_config": {"precision_mode": "fp32"}}
    found = zif.plan(network(), CHIP, only=QNN, config=config, constraints={"min_precision": "fp32"})
    assert {"qnn_htp"}.isdisjoint(found.backends)
    verdict = found.unit("conv0").verdicts["qnn_gpu"]
    assert verdict.supported
    faster = plan(network()).unit("conv0").verdicts["qnn_gpu"].cost_us
    assert verdict.cost_us is not None
    assert faster is not None
    assert verdict.cost_us > faster  # fp32 is the slower arithmetic, and priced so


def test_a_quantized_model_is_below_a_floor_of_fp16_and_that_is_said(int8: Path) -> None:
    with pytest.raises(Unsupported, match=r"int8 \(the model itself is quantized so\), below the floor of fp16"):
        plan(int8, min_precision="fp16")
    assert plan(int8, min_precision="int8").backends


def test_precision_mode_int8_is_for_what_is_quantized(int8: Path) -> None:
    config = {"htp_config": {"precision_mode": "int8"}}
    floats = zif.plan(network(), CHIP, only=QNN, config=config)
    assert "qnn_htp" not in floats.backends
    verdict = floats.unit("conv0").verdicts["qnn_htp"]
    assert (verdict.code, verdict.reason) == ("precision", "would be computed in fp16; its options allow int8 and int4")
    whole = zif.plan(int8, CHIP, only=QNN, config=config)
    assert whole.unit("conv1").backend == "qnn_htp"
    other = zif.plan(int8, CHIP, only=QNN, config={"htp_config": {"precision_mode": "fp16"}})
    assert other.unit("conv1").verdicts["qnn_htp"].code == "precision"


def test_a_memory_limit_keeps_off_what_does_not_fit_by_itself() -> None:
    found = plan(network(), memory_limit={"qnn_htp": "4M"})
    verdict = found.unit("conv1").verdicts["qnn_htp"]
    assert (verdict.supported, verdict.code) == (False, "memory")
    assert verdict.reason == "needs 4.53 MiB (4.25 MiB of inputs and outputs, 288 KiB of weights); the limit is 4 MiB"
    assert found.unit("conv0").verdicts["qnn_htp"].supported
    assert found.unit("conv1").backend != "qnn_htp"
    with pytest.raises(Unsupported, match=r"the limit is 4 MiB \[memory\]"):
        plan(network(), memory_limit="4M")
    with pytest.raises(UsageError, match="'qnn_dsp', which is not installed"):
        plan(network(), memory_limit={"qnn_dsp": "8M"})


def test_a_memory_limit_holds_for_the_plan_as_a_whole() -> None:
    """Every unit fits by itself; all weights together with what is alive do not."""
    held = zif.plan(network(), CHIP, only="qnn_htp").predicted.memory["qnn_htp"]
    total = held.weights_bytes + held.activations_bytes
    met = zif.plan(network(), CHIP, only="qnn_htp", constraints={"memory_limit": {"qnn_htp": total}})
    assert [(one.name, one.met, one.found) for one in met.checks] == [("memory_limit", True, total)]
    missed = zif.plan(network(), CHIP, only="qnn_htp", constraints={"memory_limit": {"qnn_htp": total - 1}})
    assert "of qnn_htp missed" in missed.failure
    assert "of weights" in missed.failure
    with pytest.raises(Unsupported, match="memory limit"):
        zif.load(network(), CHIP, only="qnn_htp", constraints={"memory_limit": {"qnn_htp": total - 1}})


def test_a_memory_limit_that_a_plan_misses_moves_units_until_it_is_met() -> None:
    held = plan(network()).predicted.memory["qnn_htp"]
    total = held.weights_bytes + held.activations_bytes
    moved = plan(network(), memory_limit={"qnn_htp": total - 1})
    assert [one.met for one in moved.checks] == [True]
    gone = [unit for unit in moved.units if unit.verdicts["qnn_htp"].code == "memory"]
    assert gone
    assert "with it the plan would hold 8.35 MiB there" in gone[0].verdicts["qnn_htp"].reason
    assert gone[0].backend != "qnn_htp"
    assert moved.predicted.latency_us > plan(network()).predicted.latency_us


def test_a_latency_goal_takes_the_plan_towards_a_faster_policy_only_when_it_must() -> None:
    wishes = {"only": QNN, "pin": {"relu0": "qnn_cpu"}}
    small = zif.plan(network(), CHIP, "memory", **wishes)
    fast = zif.plan(network(), CHIP, "balanced", **wishes)
    assert fast.predicted.latency_us < small.predicted.latency_us
    between = (fast.predicted.latency_us + small.predicted.latency_us) / 2e3
    moved = zif.plan(network(), CHIP, "memory", **wishes, constraints={"latency_goal": between})
    assert (moved.policy, moved.checks[0].met) == ("balanced", True)
    assert "under policy balanced instead of memory" in moved.checks[0].text
    assert moved.segments == fast.segments
    loose = small.predicted.latency_us / 1e3 + 1
    kept = zif.plan(network(), CHIP, "memory", **wishes, constraints={"latency_goal": loose})
    assert (kept.policy, kept.checks[0].met) == ("memory", True)


def test_a_missed_goal_is_said_and_a_hard_one_is_not_built(tmp_path: Path) -> None:
    missed = plan(network(), latency_goal="1us")
    assert [one.met for one in missed.checks] == [False]
    assert "latency goal 1 µs missed" in missed.checks[0].text
    assert missed.failure == ""
    hard = plan(network(), max_latency="1us")
    assert "max latency 1 µs missed" in hard.failure
    assert zif.Plan.from_json(hard.to_json()) == hard
    with pytest.raises(Unsupported, match="max latency 1 µs missed"):
        zif.load(network(), CHIP, only=QNN, constraints={"max_latency": "1us"})
    with pytest.raises(Unsupported, match="too long"):
        zif.compile(network(), tmp_path / "b.zif", CHIP, only=QNN, constraints={"max_latency": "1us"})
    assert not (tmp_path / "b.zif").exists()


def test_what_is_critical_sets_the_policy_and_stands_in_the_plan() -> None:
    found = plan(network(), power_critical=True)
    assert found.policy == "power"
    assert found.to_json()["constraints"] == {"power_critical": True}
    assert set(found.scores["qnn_htp"].terms) == {"ops", "tensor_size", "power"}
    with pytest.raises(UsageError, match="contradicts"):
        zif.plan(network(), CHIP, "memory", constraints={"performance_critical": True})
