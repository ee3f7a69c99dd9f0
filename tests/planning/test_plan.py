"""Plans of real backends: data that round-trips, reasons with figures, pins, exclusions, strictness, refusals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnx
import pytest
import zif
from onnx import TensorProto, helper
from planning.boards import CPU, fast, planner
from zif.errors import BackendNotFound, BackendUnavailable, StageFailed, Unsupported, UsageError
from zif.model import Model
from zif.records import CODES
from zif.runtime.build import Builder

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light/light_squeezenet.onnx"


def chain(*ops: str, domain: str = "") -> onnx.ModelProto:
    nodes = [
        helper.make_node(op, [f"t{i}"], [f"t{i + 1}"], name=f"{op}_{i}", domain=domain) for i, op in enumerate(ops)
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in ("t0", f"t{len(ops)}")]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


ONLY = ["qnn_cpu", "reference"]


def plan(model: Any, **wishes: Any) -> zif.Plan:
    return zif.plan(model, **{"only": ONLY, **wishes})


def test_a_plan_survives_json_and_is_equal_for_equal_input() -> None:
    one, two = plan(LIGHT), plan(LIGHT)
    text = json.dumps(one.to_json(), sort_keys=True)
    assert text == json.dumps(two.to_json(), sort_keys=True)
    assert zif.Plan.from_json(json.loads(text)) == one


def test_the_json_has_the_fields_that_tools_rely_on() -> None:
    document = plan(LIGHT).to_json()
    assert document["schema"] == "zif.plan/1"
    assert {"model", "target", "policy", "segments", "units", "scores", "predicted"} <= set(document)
    assert {"id", "backend", "kind", "units", "inputs", "outputs"} <= set(document["segments"][0])
    unit = document["units"][0]
    assert {"name", "op_type", "domain", "backend", "segment", "verdicts"} <= set(unit)
    assert {"supported", "basis", "code", "reason", "cost_us"} <= set(unit["verdicts"]["qnn_cpu"])
    wanted = {"latency_us", "energy_uj", "transfer_bytes", "greedy_latency_us", "single"}
    assert wanted <= set(document["predicted"])
    assert set(document["scores"]["qnn_cpu"]) >= {"total", "terms"}


def test_every_unit_has_a_coded_reason_from_every_backend() -> None:
    made = plan(LIGHT, pin={"op:Softmax": "reference"})
    for unit in made.units:
        assert set(unit.verdicts) == set(ONLY)
        assert all(verdict.code in CODES and verdict.reason for verdict in unit.verdicts.values())
    softmax = next(unit for unit in made.units if unit.op_type == "Softmax")
    assert softmax.backend == "reference"
    assert softmax.verdicts["qnn_cpu"].code == "pinned"
    assert "pinned to reference" in softmax.verdicts["qnn_cpu"].reason
    relu = next(unit for unit in made.units if unit.op_type == "Relu")
    assert relu.verdicts["reference"].code == "slower"
    assert "µs" in relu.verdicts["reference"].reason


def test_the_plan_is_never_dearer_than_greedy_or_one_backend_alone() -> None:
    predicted = plan(LIGHT, policy="performance").predicted
    assert predicted.latency_us <= predicted.greedy_latency_us * (1 + 1e-9)
    assert all(predicted.latency_us <= us * (1 + 1e-9) for us in predicted.single.values())


def test_pins_by_name_and_the_later_pattern_wins() -> None:
    made = plan(chain("Relu", "Neg", "Abs"), pin={"*": "reference", "Neg_*": "qnn_cpu"})
    assert [unit.backend for unit in made.units] == ["reference", "qnn_cpu", "reference"]
    assert [segment.backend for segment in made.segments] == ["reference", "qnn_cpu", "reference"]
    assert made.segments[1].inputs == ("t1",)
    assert made.segments[1].outputs == ("t2",)


@pytest.mark.parametrize(
    ("wishes", "error", "words"),
    [
        ({"pin": {"Nope_*": "qnn_cpu"}}, UsageError, "no unit"),
        ({"pin": {"*": "htp9"}}, BackendNotFound, "htp9"),
        ({"only": ["qnn_cqu"]}, BackendNotFound, "Did you mean 'qnn_cpu'"),
        ({"only": ["qnn_cpu"], "pin": {"*": "reference"}}, UsageError, "takes no part"),
        ({"policy": "fastest"}, UsageError, "balanced, performance, power, memory"),
        ({"target": "snapdragon-9000"}, UsageError, "snapdragon"),
        (
            {"only": ["qnn_cpu"], "exclude": ["qnn_cpu"]},
            BackendUnavailable,
            "none is installed that --only and --exclude would leave",
        ),
        ({"only": ["qnn_htp"]}, BackendUnavailable, "qnn_htp: an emulator on this machine: takes part with --emulate"),
        ({"strict": True, "pin": {"*": "reference"}}, Unsupported, "it is pinned to reference (--pin)"),
    ],
)
def test_wishes_that_cannot_be(wishes: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        plan(chain("Relu"), **wishes)
    assert words in str(caught.value)


def test_a_unit_that_nobody_takes_is_listed_with_every_reason() -> None:
    with pytest.raises(Unsupported) as caught:
        plan(chain("Frobnicate", domain="com.example"))
    obstacles = caught.value.obstacles
    assert {obstacle.backend for obstacle in obstacles} == set(ONLY)
    assert all(obstacle.unit == "Frobnicate_0" and obstacle.reason for obstacle in obstacles)
    assert "Frobnicate_0" in str(caught.value)


def test_strict_is_one_backend_or_an_error() -> None:
    assert plan(chain("Relu", "Neg"), strict=True).backends == ("qnn_cpu",)


def test_strict_names_what_the_one_backend_cannot() -> None:
    with pytest.raises(Unsupported, match="none of"):
        plan(chain("Frobnicate", domain="com.example"), strict=True)


def test_an_emulator_takes_no_part_on_this_machine_unless_asked() -> None:
    made = zif.plan(chain("Relu"))
    emulators = [c for c in made.candidates if c.kind == "emulator"]
    assert all(not c.takes_part and "--emulate" in c.reason for c in emulators)


def test_a_refusal_of_the_compiler_moves_the_unit_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from zif.runtime import build

    real = build.compiled_by

    def picky(backend: Any, model: Any, *rest: Any) -> Any:
        if backend.name == "qnn_cpu" and any(unit.op_type == "Neg" for unit in model.units):
            raise StageFailed("Failed to compose Qnn graph.")
        return real(backend, model, *rest)

    monkeypatch.setattr(build, "compiled_by", picky)
    import numpy as np

    with zif.load(chain("Relu", "Neg", "Abs"), only=ONLY, cache=False) as session:
        placed = {unit.name: unit.backend for unit in session.plan.units}
        assert placed["Neg_1"] == "reference"
        assert [event.kind for event in session.events] == ["replan"]
        assert "Neg_1" in session.events[0].text
        assert session.plan.unit("Neg_1").verdicts["qnn_cpu"].code == "probe-failed"
        out = session.run({"t0": np.ones((2, 3), np.float32)})
        np.testing.assert_array_equal(out["t3"], np.ones((2, 3)))


def test_a_model_that_builds_nowhere_ends_with_the_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    from zif.runtime import build

    def never(*_: Any) -> Any:
        raise StageFailed("out of memory on the device")

    monkeypatch.setattr(build, "compiled_by", never)
    with pytest.raises((Unsupported, StageFailed), match="out of memory on the device"):
        zif.load(chain("Relu", "Neg"), only=ONLY, cache=False)


def test_artifacts_are_kept_when_the_plan_changes() -> None:
    from zif.runtime.planners import planner

    builder = Builder(planner(chain("Relu", "Neg"), only=ONLY))
    first = builder.artifacts()[1]
    assert builder.artifacts()[1][0] is first[0]


def test_the_document_is_equal_to_the_byte_in_interpreters_that_hash_differently(tmp_path: Path) -> None:
    """Sets of text are walked in another order under every seed: nothing of a plan may follow such an order."""
    onnx.save(chain("Relu", "Hardmax", "Neg", "Softmax", "Abs", "Sigmoid"), tmp_path / "model.onnx")
    command = [sys.executable, "-m", "zif", "plan", "model.onnx", "--target", "snapdragon-8-gen-3", "--json"]
    command += ["--pin", "op:Softmax=reference", "--what-if", "qnn_cpu-Neg"]
    texts = {
        subprocess.run(
            command, cwd=tmp_path, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "4711")
    }
    assert len(texts) == 1


def test_a_tensor_is_moved_once_into_the_memory_that_several_backends_share() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["r"], "relu")]
    nodes += [helper.make_node(op, ["r"], [f"y{i}"], op) for i, op in enumerate(("Abs", "Neg"))]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in ("x", "y0", "y1")]
    graph = helper.make_graph(nodes, "fork", ends[:1], ends[1:])
    model = Model.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9))
    pins = {"relu": "npu", "Abs": "cpu", "Neg": "other"}
    made = planner(model, {"npu": fast(), "cpu": CPU, "other": CPU}, pin=pins)
    moved = [(one.tensor, one.source, one.destination) for one in made.plan().transfers]
    assert moved == [("x", "host", "npu"), ("r", "npu", "cpu")]
    assert made.plan().predicted.latency_us == pytest.approx(made.plan().predicted.greedy_latency_us)
