"""Which recipe is chosen: the one that stands stays unless another is better by a margin, and surely so if it cuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from onnx import TensorProto, helper, numpy_helper
from quantized_nets import cnn
from zif_quantize import Ranges, prepare, quantize_model, recipe
from zif_quantize.calibration.bounds import capped
from zif_quantize.calibration.ranges import joined
from zif_quantize.choosing import Bench, chosen, describe
from zif_quantize.measure import ratios, spread
from zif_quantize.recipes import Recipe

W8A8, W8A16 = recipe("w8a8"), recipe("w8a16")


class Told(Bench):
    """A bench whose figures stand in a table: dB per sample of each recipe, by the word for its method."""

    def __init__(self, table: Mapping[str, Sequence[float]], other: Sequence[float]) -> None:
        self.samples, self.judges = [{}] * len(other), [None] * min(4, len(other))  # type: ignore[list-item]
        self.table, self.other, self.asked = table, other, []

    def rows(self, one: Recipe, folds: int) -> list[Any]:
        word = describe(one).rsplit(", ", 1)[1]
        self.asked.append(word)
        given = self.table.get(word, self.other)
        part = -(-len(given) // len(self.judges))
        return [{"y": (1.0, 10 ** (-db / 10))} for db in given[: folds * part]]


def test_the_plain_recipe_stays_where_nothing_is_better_by_the_margin() -> None:
    bench = Told({"percentile 99.999": [30.4] * 8, "mse": [30.3] * 8, "minmax × 1.25": [30.4] * 8}, [30.0] * 8)
    assert chosen(bench, W8A8, any_weights=True) == W8A8


@pytest.mark.parametrize("gains", [[0.7] * 8, [0.6, 0.8] * 4])
def test_what_is_better_on_every_sample_takes_its_place(gains: list[float]) -> None:
    bench = Told({"mse": [30 + gain for gain in gains]}, [30.0] * 8)
    assert chosen(bench, W8A8, any_weights=False) == evolve(W8A8, method="mse")


def test_what_cuts_is_not_taken_for_one_sample_that_likes_it() -> None:
    """Better by 2 dB on the whole, and all of that on one sample."""
    bench = Told({"mse": [30.0] * 7 + [24.0]}, [30.0] * 7 + [20.0])
    assert chosen(bench, W8A8, any_weights=False) == W8A8


def test_room_is_taken_for_one_sample_that_needs_it_a_step_less_than_without_it() -> None:
    bench = Told({"minmax × 1.25": [29.0] * 7 + [25.0]}, [30.0] * 7 + [15.0])
    assert chosen(bench, W8A8, any_weights=False) == evolve(W8A8, room=1.1)
    bench = Told({"minmax × 1.25": [39.0] * 8, "minmax × 2": [41.0] * 8}, [40.0] * 8)
    assert chosen(bench, W8A16, any_weights=False).room == 2.0


def test_few_samples_leave_a_little_room() -> None:
    assert chosen(Told({}, [30.0] * 4), W8A8, any_weights=False).room == 1.05
    assert chosen(Told({"minmax": [30.6] * 4}, [30.0] * 4), W8A8, any_weights=False).room == 1.0


@pytest.mark.parametrize("count", [1, 2, 4, 7])
def test_nothing_cuts_with_few_samples(count: int) -> None:
    bench = Told({"mse": [60.0] * count}, [30.0] * count)
    assert chosen(bench, W8A8, any_weights=True).method == "minmax"
    assert "mse" not in bench.asked


def test_sixteen_bits_have_room_unless_that_costs_something() -> None:
    assert chosen(Told({}, [40.0] * 8), W8A16, any_weights=False).room == 1.5
    costs = Told({"minmax": [41.0] * 8}, [40.0] * 8)
    assert chosen(costs, W8A16, any_weights=False).room == 1.0


def test_the_spread_is_the_standard_error() -> None:
    rows = [{"y": (1.0, noise)} for noise in (0.01, 0.02, 0.03, 0.04)]
    mean = spread([row["y"][1] for row in rows], lambda values: float(np.mean(values)))
    assert mean == pytest.approx(np.std([0.01, 0.02, 0.03, 0.04], ddof=1) / 2)
    assert ratios(rows)["y"] == pytest.approx(10 * np.log10(4 / 0.1))
    assert spread(rows[:1], lambda values: 1.0) == float("inf")


def test_folds_that_leave_one_out_have_the_ranges_of_the_others() -> None:
    parts = [Ranges({"x": (-float(n), n + 1.0)}, 1) for n in range(4)]
    assert joined(parts).limits == {"x": (-3.0, 4.0)}
    assert joined([*parts[:3]]).limits == {"x": (-2.0, 3.0)}


def test_room_ends_where_results_must() -> None:
    nodes = [
        helper.make_node("Softmax", ["x"], ["s"], "s"),
        helper.make_node("Transpose", ["s"], ["t"], "t", perm=[1, 0]),
        helper.make_node("Clip", ["x", "low", "high"], ["c"], "c"),
        helper.make_node("Mul", ["t", "c"], ["y"], "y"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 4]) for name in ("x", "y")]
    weights = [numpy_helper.from_array(np.float32(end), name) for name, end in (("low", -2.0), ("high", 2.0))]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    model = prepare(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9))
    wide = dict.fromkeys(("x", "s", "t", "c", "y"), (-8.0, 8.0))
    wanted = {"x": (-8.0, 8.0), "s": (0.0, 1.0), "t": (0.0, 1.0), "c": (-2.0, 2.0), "y": (-8.0, 8.0)}
    assert capped(model, wide) == wanted


def test_room_widens_every_range_but_those_that_stand_for_infinity() -> None:
    seen = Ranges({"x": (-1.0, 3.0), "mask": (-3e38, 0.0)}, 1)
    assert seen.of(evolve(W8A8, room=1.5)) == {"x": (-1.5, 4.5), "mask": (-3e38, 0.0)}
    model = prepare(cnn())
    limits = {info.name: (-1.0, 1.0) for info in model.inputs}
    limits |= {name: (-1.0, 1.0) for unit in model.units for name in unit.outputs}
    plain, wide = (quantize_model(model, Ranges(limits, 1), evolve(W8A8, room=room)) for room in (1.0, 2.0))
    scale = [
        float(numpy_helper.to_array(one)) for made in (plain, wide) for one in made.graph.initializer
        if one.name == "x_scale"
    ]  # fmt: skip
    assert scale[1] == pytest.approx(2 * scale[0])
