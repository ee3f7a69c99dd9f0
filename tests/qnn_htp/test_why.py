"""Why a unit is not on the HTP, on real refusals: the compiler says yes, what was observed says no, core settles it."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
import pytest
import zif
import zif_qnn_htp
from onnx import parser
from zif import Target
from zif.model import Model
from zif.planning.why import Explained, explained
from zif.runtime.planners import planner

CHIP = "snapdragon-8-gen-3"
GRAPHS = Path(os.environ.get("ZIF_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "graphs"
REFUSED = [("table", True, 0), ("backend", True, 0), ("observed", False, 2)]


def pool(attributes: str, shape: str = "1, 2, 8, 8") -> onnx.ModelProto:
    text = f'<ir_version: 8, opset_import: ["": 17]> g (float[{shape}] x) => (y) {{ y = AveragePool<{attributes}>(x) }}'
    return onnx.shape_inference.infer_shapes(parser.parse_model(text))


WRONG = pool("count_include_pad=1, kernel_shape=[4, 4], strides=[1, 1]")
CRASHES = pool('auto_pad="SAME_UPPER", kernel_shape=[2, 2]')


def why(model: object, target: str, pattern: str) -> Explained:
    made = planner(model, target, only=["qnn_htp", "qnn_cpu"])
    return explained(made.plan(), made.model, [pattern])


def steps(told: Explained, backend: str) -> list[tuple[str, bool | None, int]]:
    (stance,) = [one for one in told.units[0].stances if one.backend == backend]
    return [(step.source, step.supported, step.overrules) for step in stance.steps]


@pytest.mark.usefixtures("htp")
def test_an_operator_that_was_seen_to_go_wrong() -> None:
    told = why(WRONG, CHIP, "op:AveragePool")
    assert steps(told, "qnn_htp") == REFUSED
    assert told.units[0].backend == "qnn_cpu"
    (stance,) = [one for one in told.units[0].stances if one.backend == "qnn_htp"]
    assert stance.steps[1].basis == "probed"
    assert stance.steps[2].code == "observed-wrong"
    assert "wrong results were seen" in stance.steps[2].reason
    assert (stance.cost_us, stance.here) == (None, False)
    assert stance.would_cost_us is not None


@pytest.mark.usefixtures("htp")
def test_a_real_model() -> None:
    path = GRAPHS / "facemap_3dmm.onnx"
    if not path.is_file():
        pytest.skip("the shared graphs are not here")
    told = why(path, CHIP, "*AveragePool")
    assert [(unit.unit, unit.backend) for unit in told.units] == [
        ("/m/model/features/final_pool/AveragePool", "qnn_cpu")
    ]
    assert steps(told, "qnn_htp") == REFUSED
    assert steps(told, "qnn_cpu") == [("backend", True, 0), ("placement", True, 0)]
    at_home = why(path, "host", "*AveragePool")
    assert [one.backend for one in at_home.units[0].stances] == ["qnn_cpu"]
    assert [one.backend for one in at_home.absent if one.code == "excluded"] != []


@pytest.mark.usefixtures("htp")
def test_the_plugin_says_what_the_compiler_says_and_core_alone_what_was_observed(chip: Target) -> None:
    model = Model.load(WRONG)
    (unit,) = model.units
    said = zif_qnn_htp.capabilities(chip, model).verdicts[unit.id]
    assert (said.supported, said.basis, said.overruled) == (True, "probed", ())
    answer = zif.backend("qnn_htp").capabilities(chip, model)
    settled = answer.verdicts[unit.id]
    assert (settled.supported, settled.source, settled.code) == (False, "observed", "observed-wrong")
    assert "1 of 1 units are claimed, and kept off it for what was observed" in answer.notes[-1]


@pytest.mark.usefixtures("htp")
def test_a_question_that_ends_the_compilers_process_is_not_asked(chip: Target) -> None:
    model = Model.load(CRASHES)
    (unit,) = model.units
    said = zif_qnn_htp.capabilities(chip, model).verdicts[unit.id]
    assert said.supported is None
    assert "was not asked" in said.reason
    settled = zif.backend("qnn_htp").capabilities(chip, model).verdicts[unit.id]
    assert (settled.supported, settled.source, settled.code) == (False, "observed", "observed-crash")


@pytest.mark.usefixtures("htp")
def test_what_the_plugin_knows_better_than_its_compiler_keeps_the_compilers_word(chip: Target) -> None:
    text = '<ir_version: 8, opset_import: ["": 17]> g (float[2, 3] x) => (float[2, 3] y) { y = LogSoftmax(x) }'
    model = Model.load(parser.parse_model(text))
    for _ in range(2):  # from the compiler, and from memory
        (verdict,) = zif.backend("qnn_htp").capabilities(chip, model).verdicts.values()
        assert [(one.source, one.basis, one.supported) for one in verdict.chain] == [
            ("table", "declared", True),
            ("backend", "probed", True),
            ("backend", "observed", False),
        ]
