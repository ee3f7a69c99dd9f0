"""One real model, float and int8, on four chips under every policy: three processors, each choice with its figures."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import attrs
import onnx
import pytest
import zif
from small import quantized
from zif.model import Model
from zif.planning.plan import POLICIES, Plan
from zif.runtime.planners import planner
from zoo import entry

#: Hexagon v68 without fp16, v79, a laptop's v73, a car's v68 with fp16.
CHIPS = ("snapdragon-778g", "snapdragon-8-elite", "snapdragon-x-elite", "sa8295p")
QNN = ("qnn_htp", "qnn_gpu", "qnn_cpu")
FIGURE = re.compile(r"\d[\d.,]* (µs|ms|s|µJ|mJ|J|B|KiB|MiB)\b")

pytestmark = pytest.mark.skipif(
    not set(QNN) <= {row.name for row in zif.installed()},
    reason="needs zif-qnn-htp, zif-qnn-gpu and zif-qnn-cpu installed",
)


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str], Plan]:
    """By form, chip and policy. The backends are asked once for each form and chip."""
    one = entry("mtcnn-rnet")
    model, folder = Model.load(one.path, one.shapes), tmp_path_factory.mktemp("forms")
    path = Path(folder) / "float.onnx"
    onnx.save(model.proto, path)
    forms = {"float": model, "int8": Model.load(quantized(path, Path(folder) / "int8.onnx"))}
    found = {}
    for (form, one_model), chip in itertools.product(forms.items(), CHIPS):
        asked = planner(one_model, chip, only=QNN)
        for policy in POLICIES:
            found[form, chip, policy] = attrs.evolve(asked, request=attrs.evolve(asked.request, policy=policy)).plan()
    return found


def share(plan: Plan, name: str) -> float:
    """Of the multiply-accumulates of a plan, those on one backend."""
    return sum(u.macs for u in plan.units if u.backend == name) / sum(u.macs for u in plan.units)


def test_each_precision_goes_to_the_processor_for_it(plans: dict[tuple[str, str, str], Plan]) -> None:
    for chip in CHIPS[1:]:
        assert share(plans["int8", chip, "performance"], "qnn_htp") > 0.9
        assert share(plans["float", chip, "performance"], "qnn_htp") > 0.9
    old = plans["float", CHIPS[0], "performance"]
    assert share(old, "qnn_gpu") > 0.5
    assert "qnn_htp" not in old.backends
    heavy = max(old.units, key=lambda unit: unit.macs)
    assert heavy.verdicts["qnn_htp"].code == "precision"
    assert (
        heavy.verdicts["qnn_htp"].reason
        == "Snapdragon 778G (Hexagon v68) computes in integers only: quantize the model"
    )
    assert share(plans["int8", CHIPS[0], "performance"], "qnn_gpu") < 0.5


def test_only_a_floor_of_fp32_brings_everything_to_the_cpu() -> None:
    one = entry("mtcnn-rnet")
    for chip in CHIPS:
        exact = zif.plan(one.path, chip, only=QNN, shapes=one.shapes, constraints={"min_precision": "fp32"})
        assert exact.backends == ("qnn_cpu",), chip


def test_policies_choose_otherwise_and_keep_what_they_promise(plans: dict[tuple[str, str, str], Plan]) -> None:
    differ = 0
    for form, chip in itertools.product(("float", "int8"), CHIPS):
        fast, thrifty = plans[form, chip, "performance"], plans[form, chip, "power"]
        differ += [unit.backend for unit in fast.units] != [unit.backend for unit in thrifty.units]
        assert fast.predicted.latency_us <= thrifty.predicted.latency_us * 1.001
        assert thrifty.predicted.energy_uj <= fast.predicted.energy_uj * 1.001
    assert differ >= 2


def test_every_reason_names_figures(plans: dict[tuple[str, str, str], Plan]) -> None:
    for key, plan in plans.items():
        for unit in plan.units:
            for name, verdict in unit.verdicts.items():
                assert verdict.reason or name == unit.backend, (key, unit.name, name)
                if verdict.supported and name != unit.backend:
                    assert FIGURE.search(verdict.reason), (key, unit.name, name, verdict.reason)
