"""Samples: each is checked wherever it is first read, a model's failure on one is told with its name, none leaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from quantized_nets import SAMPLES, cnn
from typer.testing import CliRunner
from zif.cli.app import application
from zif.errors import InvalidInput, UsageError, ZifError
from zif.inputs.samples import samples_of
from zif_quantize import auto, auto_quantize, calibrate, prepare, recipe
from zif_quantize.calibration.folds import dealt, judging
from zif_quantize.calibration.holdout import split_samples
from zif_quantize.calibration.ranges import extended
from zif_quantize.measure import Judge, Reference, ratios

MANY = [
    {"x": np.random.default_rng(seed).standard_normal((1, 3, 16, 16)).astype(np.float32)} for seed in range(100, 120)
]
STACKED = np.stack([sample["x"] for sample in SAMPLES])


def places(samples: Any) -> set[int]:
    return {int(sample["n"]) for sample in samples}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 12, 100, 500])
def test_no_sample_does_two_things_and_none_is_left_over(count: int) -> None:
    split = split_samples([{"n": number} for number in range(count)])
    calibration, choosing, held = (places(part) for part in (split.calibration, split.choosing, split.held))
    assert calibration | choosing | held == set(range(count))
    assert len(calibration) + len(choosing) + len(held) == count
    assert len(calibration) >= count / 2
    assert len(held) == min(8, max(1, count // 4)) * (count > 1)
    assert bool(choosing) == (count >= 4)
    assert places(split.rest) == calibration | choosing


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 12, 100])
def test_every_sample_is_in_one_fold_and_the_folds_that_judge_are_even(count: int) -> None:
    parts_of = dealt([{"n": number} for number in range(count)])
    assert len(parts_of) == min(4, count)
    assert sorted(int(sample["n"]) for part in parts_of for sample in part) == list(range(count))
    judged = [judging(part, len(parts_of)) for part in parts_of]
    assert sum(len(part) for part in judged) == min(16, count)


def test_each_figure_is_of_a_model_that_was_calibrated_without_the_sample() -> None:
    data = [{"x": sample["x"] * 3} if place == 5 else sample for place, sample in enumerate(MANY[:8])]
    model, rows = prepare(cnn()), []
    for fold, part in enumerate(dealt(data)):
        others = [sample for place, sample in enumerate(data) if place % 4 != fold]
        rows += Judge(model, part).energies(Reference(auto.quantize_model(model, calibrate(model, others))))
    made = auto_quantize(model, data, recipe("w8a8"), search=False)
    assert (made.held_out, made.chosen_on) == (8, 0)
    assert made.sqnr == pytest.approx(ratios(rows))
    seen = Judge(model, data).sqnr(Reference(made.model))
    assert made.sqnr["y"] < seen["y"] - 3  # the loud one is cut off where it is measured, and nowhere else


@pytest.mark.parametrize("place", range(8))
def test_a_loud_sample_is_in_the_ranges_wherever_it_stands(place: int) -> None:
    data = [{"x": sample["x"] * 50} if at == place else sample for at, sample in enumerate(MANY[:8])]
    made = auto_quantize(cnn(), data)
    assert made.ranges.samples == 8
    assert max(made.ranges.limits["x"]) == pytest.approx(float(data[place]["x"].max()))
    assert made.recipe.method == "minmax"
    assert min(Judge(prepare(cnn()), [data[place]]).sqnr(Reference(made.model)).values()) > 20


def test_all_samples_calibrate_in_the_end() -> None:
    model = prepare(cnn())
    made = auto_quantize(model, MANY, recipe("w8a8"))
    assert (made.held_out, made.chosen_on, made.chosen_unseen) == (16, 16, 16)
    assert made.ranges.limits == calibrate(model, MANY).limits
    assert auto.quantize_model(model, made.ranges, made.recipe) == made.model


def test_one_sample_chooses_nothing() -> None:
    made = auto_quantize(cnn(), MANY[:1])
    assert (made.held_out, made.chosen_on, len(made.trials)) == (0, 0, 1)
    assert (made.recipe.method, made.recipe.per_channel, made.recipe.room) == ("minmax", True, 1.1)


@pytest.mark.parametrize("times", [0.5, 3.0])
def test_ranges_are_extended_as_if_calibrated_at_once(times: float) -> None:
    model = prepare(cnn())
    more = [{"x": sample["x"] * times} for sample in MANY[8:12]]
    added = extended(calibrate(model, MANY[:8], histograms=True), model, more)
    once = calibrate(model, [*MANY[:8], *more], histograms=True)
    assert added.limits == once.limits
    assert added.samples == once.samples == 12
    for name, (counts, edges) in once.histograms.items():
        ours, at = added.histograms[name]
        np.testing.assert_array_equal(at, edges)
        assert ours.sum() == counts.sum()
        assert np.abs(np.cumsum(ours) - np.cumsum(counts)).max() < 0.05 * counts.sum()


def wrong(kind: str) -> np.ndarray[Any, Any]:
    good = SAMPLES[0]["x"].copy()
    if kind == "nan":
        good[0, 1, 2, 3] = np.nan
        return good
    return good[..., :7] if kind == "shape" else good.astype(np.float64)


@pytest.mark.parametrize(("kind", "said"), [("nan", r"holds nan at \[0, 1, 2, 3\]"), ("shape", "shape"), ("f8", "f")])
@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("options", [{}, {"method": "minmax"}, {"precision": "w8"}])
def test_a_wrong_sample_is_told_wherever_it_stands(kind: str, said: str, place: int, options: dict[str, str]) -> None:
    data = [{"x": wrong(kind) if number == place else SAMPLES[0]["x"]} for number in range(6)]
    with pytest.raises(InvalidInput, match=f"calibration sample {place + 1}: input 'x' .*{said}"):
        zif.quantize(cnn(), data, **options)


def test_a_wrong_sample_that_is_held_out_is_told_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "folded", lambda *_: pytest.fail("calibrated"))
    data = [{"x": wrong("nan") if number == 3 else SAMPLES[0]["x"]} for number in range(6)]
    with pytest.raises(InvalidInput, match="calibration sample 4"):
        zif.quantize(cnn(), data)


@pytest.fixture
def embedding(tmp_path: Path) -> Path:
    """Ten tokens, looked up and multiplied."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["e"], "look up"),
        helper.make_node("MatMul", ["e", "w"], ["y"], "mm"),
    ]
    ends = [
        helper.make_tensor_value_info("ids", TensorProto.INT64, [2, 4]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 4, 8]),
    ]
    weights = [
        numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name)
        for name, shape in (("table", (10, 8)), ("w", (8, 8)))
    ]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    path = tmp_path / "ids.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("method", ["auto", "minmax"])
def test_what_the_model_fails_on_is_told_with_the_node(
    embedding: Path, tmp_path: Path, place: int, method: str, capfd: pytest.CaptureFixture[str]
) -> None:
    ids = np.random.default_rng(0).integers(0, 10, (6, 2, 4))
    ids[place, 1, 2] = 77
    np.savez(tmp_path / "ids.npz", ids=ids)
    args = ["quantize", embedding, "-c", tmp_path / "ids.npz", "-o", tmp_path / "q.onnx", "--method", method]
    found = CliRunner().invoke(application(), [str(arg) for arg in args])
    assert isinstance(found.exception, InvalidInput), found.output
    told = str(found.exception)
    assert f"ids.npz, sample {place + 1}: the float model fails on it: Gather node 'look up': " in told
    assert "idx=77" in told
    assert "onnxruntime" not in capfd.readouterr().err.lower()
    assert not (tmp_path / "q.onnx").exists()


@pytest.mark.parametrize("given", [STACKED, list(STACKED), SAMPLES[0]])
def test_data_that_are_no_samples_are_refused_with_what_to_write(given: Any) -> None:
    with pytest.raises(UsageError, match=r"each with the inputs by name, and got \w+: give \[\{'x': array\}, …\]"):
        zif.quantize(cnn(), given)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"precision": None}, "unknown precision None; known: w8a8, w8a16, w4a16, w16a16, w8$"),
        ({"precision": "w3"}, "unknown precision 'w3'; known: w8a8, w8a16, w4a16, w16a16, w8$"),
        ({"overrides": {"conv1": "w3"}}, "unknown precision 'w3'; known: w8a8, w8a16, w4a16, w16a16, float$"),
        ({"foo": 1}, "a recipe has no 'foo'; it has activation, weight, per_channel"),
    ],
)
def test_wrong_options_are_told_with_what_there_is(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        zif.quantize(cnn(), SAMPLES, **options)


def test_weights_alone_are_measured_where_there_are_data(tmp_path: Path) -> None:
    onnx.save(cnn(), tmp_path / "cnn.onnx")
    np.savez(tmp_path / "data.npz", x=STACKED)
    start = ["quantize", tmp_path / "cnn.onnx", "-o", tmp_path / "q.onnx", "--precision", "w8"]

    def call(*more: Any) -> Any:
        return CliRunner().invoke(application(), [str(arg) for arg in [*start, *more]])

    told = call("-c", tmp_path / "data.npz").stdout
    assert "against float on 4 of 4 samples" in told
    assert "3 weights quantized to 8 bits; 3 activations quantized at run time" in told
    assert "SQNR" in told
    assert "SQNR" not in call().stdout
    assert "random values" in call("--random-calibration", "--seed", "3").stderr
    for idle in (["--method", "minmax"], ["--seed", "3"], ["--preprocess", "scale=1"]):
        found = call(*idle)
        assert isinstance(found.exception, ZifError), idle
        assert found.exception.exit_code == 2


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (
            np.zeros((0, 3, 16, 16), np.float32),
            r"takes \[1, 3, 16, 16\], and the array is \[0, 3, 16, 16\]: it holds no",
        ),
        (np.zeros((4, 3, 16), np.float32), "stack samples along a new first axis, or along the batch"),
    ],
)
def test_arrays_without_samples_are_told(array: np.ndarray[Any, Any], said: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InvalidInput, match=said):
        samples_of(tmp_path / "a.npy", prepare(cnn()))


def test_one_array_is_not_enough_for_two_inputs(tmp_path: Path) -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "aby"]
    graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["y"], "add")], "g", ends[:2], ends[2:])
    model = prepare(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9))
    np.save(tmp_path / "a.npy", np.zeros((4, 2), np.float32))
    with pytest.raises(InvalidInput, match=r"the model has 2 inputs, and an \.npy holds one: give an \.npz"):
        samples_of(tmp_path / "a.npy", model)
    np.savez(tmp_path / "a.npz", a=np.zeros((4, 2), np.float32), b=np.zeros((3, 2), np.float32))
    with pytest.raises(InvalidInput, match="different numbers of samples: a: 4, b: 3"):
        samples_of(tmp_path / "a.npz", model)
