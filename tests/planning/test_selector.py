"""The tutorial's selector: its table, its example, and all eight combinations of constraints and models."""

from __future__ import annotations

import itertools

import pytest
from zif.errors import Unsupported, UsageError
from zif.planning.selector import BackendSelector, Constraints, ModelSummary
from zif.records import Capabilities, OpClaim, Rates

MIB = 1024 * 1024
TABLE = {
    "htp": {
        "supported_ops": ["Conv2d", "Dense", "BatchNorm", "ReLU"],
        "max_tensor_size": 8 * MIB,
        "preferred_precision": "int8",
        "power_efficiency": 0.9,
    },
    "gpu": {
        "supported_ops": ["Conv2d", "Dense", "ReLU", "Softmax"],
        "max_tensor_size": 64 * MIB,
        "preferred_precision": "fp16",
        "power_efficiency": 0.6,
    },
    "cpu": {
        "supported_ops": ["*"],
        "max_tensor_size": 512 * MIB,
        "preferred_precision": "fp32",
        "power_efficiency": 0.4,
    },
}
SMALL = ModelSummary(("conv2d", "relu", "dense"), 4 * MIB, "int8")
LARGE = ModelSummary(("conv2d", "relu", "dense", "softmax"), 48 * MIB, "fp32")

#: (power, performance) → the three scores, worked out by hand from the tutorial's weights 30 + 25 + 25 × p + 20.
SCORES = {
    ("small", False, False): {"htp": 55.0, "gpu": 55.0, "cpu": 55.0},
    ("small", True, False): {"htp": 77.5, "gpu": 70.0, "cpu": 65.0},
    ("small", False, True): {"htp": 75.0, "gpu": 55.0, "cpu": 55.0},
    ("small", True, True): {"htp": 97.5, "gpu": 70.0, "cpu": 65.0},
    ("large", False, False): {"htp": 0.0, "gpu": 55.0, "cpu": 55.0},
    ("large", True, False): {"htp": 22.5, "gpu": 70.0, "cpu": 65.0},
    ("large", False, True): {"htp": 20.0, "gpu": 55.0, "cpu": 55.0},
    ("large", True, True): {"htp": 42.5, "gpu": 70.0, "cpu": 65.0},
}


@pytest.mark.parametrize(("size", "power", "speed"), list(itertools.product(("small", "large"), *[(False, True)] * 2)))
def test_all_eight_combinations_give_the_tutorials_scores(size: str, power: bool, speed: bool) -> None:
    model = SMALL if size == "small" else LARGE
    scores = BackendSelector(TABLE).scores(model, Constraints(power_critical=power, performance_critical=speed))
    assert {name: score.total for name, score in scores.items()} == SCORES[size, power, speed]
    assert all(score.total == sum(score.terms.values()) for score in scores.values())
    assert all(set(score.reasons) == set(score.terms) for score in scores.values())


def test_the_tutorials_own_call_answers_htp() -> None:
    info = {"operations": ["Conv2d", "ReLU", "Dense"], "max_tensor_size": 4 * MIB, "precision": "int8"}
    wishes = {"power_critical": True, "performance_critical": True}
    selector = BackendSelector(TABLE)
    assert selector.select_optimal_backend(info, wishes) == "htp"
    assert list(selector.scores(info, wishes)) == ["htp", "gpu", "cpu"]


def test_the_fastest_goes_by_rates_and_not_by_name() -> None:
    def backend(rate: float) -> Capabilities:
        return Capabilities("cpu", ops=(OpClaim("*"),), rates=Rates({"fp32": rate}, 1e9))

    scores = BackendSelector({"a": backend(1e9), "b": backend(5e9)}).scores(
        ModelSummary(("Add",)), Constraints(performance_critical=True)
    )
    assert scores["b"].terms["performance"] == 20
    assert scores["a"].terms["performance"] == 0
    assert "b is faster" in scores["a"].reasons["performance"]


def test_a_missing_operator_and_a_large_tensor_are_named() -> None:
    scores = BackendSelector(TABLE).scores(ModelSummary(("Conv", "Softmax"), 9 * MIB))
    assert "Softmax" in scores["htp"].reasons["ops"]
    assert scores["htp"].reasons["tensor_size"] == "largest tensor 9 MiB, takes up to 8 MiB"


def test_wrong_words_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="max_tensor_size"):
        BackendSelector({"x": {"ops": []}})
    with pytest.raises(UsageError, match="operations"):
        BackendSelector(TABLE).scores({"operators": []})
    with pytest.raises(Unsupported, match="zif backends"):
        BackendSelector({}).select(SMALL)
