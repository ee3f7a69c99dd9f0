"""Float models to QDQ models: every preset, every method, and mixtures unit by unit."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from quantized_nets import SAMPLES, cnn, run, sqnr
from zif.errors import InvalidInput, InvalidModel, UsageError
from zif_quantize import METHODS, PRESETS, Recipe, calibrate, prepare, quantize_model, recipe


@pytest.mark.parametrize(("precision", "least"), [("w8a8", 25), ("w8a16", 30), ("w4a16", 8), ("w16a16", 55)])
@pytest.mark.parametrize("method", METHODS)
def test_every_preset_with_every_method(precision: str, least: float, method: str) -> None:
    ranges = calibrate(cnn(), SAMPLES, histograms=method != "minmax")
    made = quantize_model(cnn(), ranges, recipe(precision, method=method))
    onnx.checker.check_model(made, full_check=True)
    slack = 10 if method == "entropy" else 0
    assert sqnr(run(cnn(), SAMPLES[0]), run(made, SAMPLES[0])) > least - slack


def types_of(model: onnx.ModelProto) -> dict[str, int]:
    """The integer type of each quantized value, by its float name."""
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    return {n.input[0]: kinds[n.input[2]] for n in model.graph.node if n.op_type == "QuantizeLinear"}


def test_units_of_other_precision_have_conversions_around_them() -> None:
    made = quantize_model(cnn(), SAMPLES, "w8a8", {"add": "w8a16", "gemm": "float"})
    kinds = types_of(made)
    assert kinds["x"] == TensorProto.UINT8
    assert kinds["a"] == TensorProto.UINT16
    assert TensorProto.UINT8 in {kinds[name] for name in kinds if name.startswith("a_")}
    gemm = next(node for node in made.graph.node if node.op_type == "Gemm")
    assert gemm.input[1] == "w3"
    assert sqnr(run(cnn(), SAMPLES[0]), run(made, SAMPLES[0])) > 25


def test_a_merged_activation_follows_the_unit_before_it() -> None:
    made = quantize_model(cnn(), SAMPLES, "w8a8", {"relu1": "w8a16"})
    assert set(types_of(made).values()) == {TensorProto.UINT8}


def test_any_mixture_of_units_runs_and_is_not_worse_than_the_coarsest() -> None:
    ranges = calibrate(cnn(), SAMPLES)
    exact = run(cnn(), SAMPLES[0])
    names = [unit.id for unit in prepare(cnn()).units]
    for seed in range(12):
        rng = np.random.default_rng(seed)
        mixture = {name: str(rng.choice(["w8a8", "w8a16", "w16a16", "float"])) for name in names}
        made = quantize_model(cnn(), ranges, str(rng.choice(["w8a8", "w8a16"])), mixture)
        assert sqnr(exact, run(made, SAMPLES[0])) > 25, mixture


def test_ranges_are_collected_once_for_every_recipe() -> None:
    seen = []
    ranges = calibrate(cnn(), (seen.append(1) or sample for sample in SAMPLES))
    for precision in PRESETS:
        quantize_model(cnn(), ranges, precision)
    assert len(seen) == len(SAMPLES) == ranges.samples


def test_wrong_names_are_told_with_what_there_is() -> None:
    with pytest.raises(UsageError, match=r"no unit 'conv3' to override\. Did you mean 'conv"):
        quantize_model(cnn(), SAMPLES, "w8a8", {"conv3": "float"})
    with pytest.raises(UsageError, match="unknown precision 'w7a8'; known: w8a8, w8a16, w4a16, w16a16"):
        quantize_model(cnn(), SAMPLES, "w7a8")
    with pytest.raises(UsageError, match="needs histograms"):
        quantize_model(cnn(), calibrate(cnn(), SAMPLES), Recipe(method="mse"))


def test_a_quantized_model_is_not_quantized_again() -> None:
    with pytest.raises(InvalidModel, match=r"is quantized already: node '.*' is a .*Linear"):
        quantize_model(quantize_model(cnn(), SAMPLES), SAMPLES)


def test_samples_that_do_not_fit_are_told() -> None:
    bad = np.full((1, 3, 16, 16), 0, np.float32)
    bad[0, 2, 5, 7] = np.nan
    with pytest.raises(InvalidInput, match=r"calibration sample 2: input 'x' holds nan at \[0, 2, 5, 7\]"):
        calibrate(cnn(), [SAMPLES[0], {"x": bad}])
    with pytest.raises(InvalidInput, match=r"calibration sample 1: input 'x' has shape"):
        calibrate(cnn(), [{"x": bad[:, :2]}])
    with pytest.raises(UsageError, match="no calibration data"):
        calibrate(cnn(), [])
