"""Costs of a float model as if it were quantized: cheaper and smaller, said so everywhere, and never built."""

from __future__ import annotations

from pathlib import Path

import pytest
import zif
from planning.test_limits import CHIP, QNN, network, pytestmark  # noqa: F401
from small import quantized
from zif.errors import UsageError
from zif.model import Model
from zif.planning import Plan, diff
from zif.planning.candidates.assumed import lifted
from zif.planning.candidates.participants import Participant, Participants
from zif.planning.costs import CostModel
from zif.records import Capabilities, Verdict


def test_it_costs_what_the_cost_model_says_of_that_precision() -> None:
    model = Model.load(network())
    plan = zif.plan(model, CHIP, "performance", only=QNN, assume="w8a8")
    assert plan.backends == ("qnn_htp",)
    said = CostModel(zif.target(CHIP)).model_us(model, "npu", "int8").us
    assert plan.predicted.latency_us == pytest.approx(said, rel=1e-3)
    floats = zif.plan(model, CHIP, "performance", only=QNN)
    assert plan.predicted.latency_us < 0.8 * floats.predicted.latency_us
    assert [v.code for u in plan.units for v in u.verdicts.values()] == [
        v.code for u in floats.units for v in u.verdicts.values()
    ]


def test_it_is_near_what_the_quantized_model_itself_is_told(tmp_path: Path) -> None:
    import onnx

    onnx.save(network(), tmp_path / "float.onnx")
    real = zif.plan(quantized(tmp_path / "float.onnx", tmp_path / "int8.onnx"), CHIP, only=QNN)
    said = zif.plan(network(), CHIP, only=QNN, assume="w8a8")
    assert _computing(said) == pytest.approx(_computing(real), rel=0.01)
    # The quantized model takes and gives floats: four times the bytes, and two conversions, here 21 of 97 µs.
    assert said.predicted.latency_us == pytest.approx(real.predicted.latency_us, rel=0.25)
    assert said.predicted.transfer_bytes * 4 == real.predicted.transfer_bytes
    npu, same = (plan.predicted.memory["qnn_htp"] for plan in (real, said))
    assert same.weights_bytes == pytest.approx(npu.weights_bytes, rel=0.05)


def _computing(plan: Plan) -> float:
    """Microseconds of what both models have: in the quantized one a Relu is a part of its convolution."""
    costs = [unit.verdicts["qnn_htp"].cost_us or 0.0 for unit in plan.units if unit.op_type in ("Conv", "Relu")]
    return sum(costs)


def test_a_chip_for_integers_alone_takes_part_and_says_why() -> None:
    assert zif.plan(network(), "qcs6490", only=QNN).unit("conv0").verdicts["qnn_htp"].code == "precision"
    plan = zif.plan(network(), "qcs6490", "performance", only=QNN, assume="w8a16")
    assert plan.backends == ("qnn_htp",)
    *_, refused, assumed = plan.unit("conv0").verdicts["qnn_htp"].overruled
    assert (refused.source, refused.code, assumed.source) == ("backend", "precision", "assumed")
    assert assumed.reason == f"assumed in w8a16: {refused.reason}"


def test_a_plan_says_what_was_assumed_and_is_not_built(tmp_path: Path) -> None:
    plan = zif.plan(network(), CHIP, only=QNN, assume="w8a8")
    assert plan.to_json()["assume"] == "w8a8"
    assert Plan.from_json(plan.to_json()) == plan
    assert "as if everything in floating point were quantized to w8a8" in plan.notes[0]
    assert plan.request.asked == ("--only qnn_htp", "--only qnn_gpu", "--only qnn_cpu", "--assume w8a8")
    assert diff(zif.plan(network(), CHIP, only=QNN), plan).moved == ()
    with pytest.raises(UsageError, match="can be planned, not built"):
        zif.compile(network(), tmp_path / "b", CHIP, assume="w8a8")
    with pytest.raises(UsageError, match="known: w8a8, w8a16"):
        zif.plan(network(), CHIP, assume="w4")


def test_what_is_quantized_already_has_nothing_to_assume(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    node = helper.make_node("Abs", ["x"], ["y"], "abs")
    ends = [helper.make_tensor_value_info(name, TensorProto.INT32, [4]) for name in "xy"]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "m.onnx")
    with pytest.raises(UsageError, match="nothing in floating point"):
        zif.plan(tmp_path / "m.onnx", CHIP, assume="w8a8")


def test_what_was_observed_to_be_imprecise_stays_refused() -> None:
    refused = {"a": Verdict(False, "declared", "precision", "no floats"), "b": Verdict(False, "observed", "precision")}
    participant = Participant(None, Capabilities(processor="npu", verdicts=refused))  # type: ignore[arg-type]
    found = lifted(Participants({"npu": participant}, ()), "w8a8").by_name["npu"].capabilities.verdicts
    assert [found[unit].supported for unit in "ab"] == [True, False]
