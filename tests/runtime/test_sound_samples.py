"""Made samples on which a model gives no numbers prove nothing, and an infinity may be the largest number inside."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import parser
from zif.model import Model
from zif.planning.plan import Request
from zif.planning.planner import Planner
from zif.runtime.verification import Bench
from zif.runtime.verification.record import gravest
from zif.runtime.verification.samples import likelier, made_samples
from zif.runtime.verification.tallies import Beside
from zif.targets import host

#: Attention over as many places as a length says; of a length of 0 it makes no number.
MASKED = """<ir_version: 9, opset_import: ["": 17]> g (float[1, 4, 8] x, int64[1] count) => (float[1, 4, 8] y)
    <int64[8] places = {0, 1, 2, 3, 4, 5, 6, 7}, float hidden = {%s}>
    { seen = Less(places, count) s = Where(seen, x, hidden) y = Softmax<axis = -1>(s) }"""


def masked(hidden: str = "-inf") -> onnx.ModelProto:
    proto = parser.parse_model(MASKED % "0")
    proto.graph.initializer[1].float_data[:] = [float(hidden)]
    return proto


def bench(model: Model, samples: list[dict[str, np.ndarray]] | None = None) -> Bench:
    return Bench.of(Planner.of(model, host(), Request(target="host")), samples)


def test_lengths_are_made_such_that_there_are_numbers() -> None:
    model = Model.load(masked())
    assert any(int(sample["count"][0]) == 0 for sample in made_samples(model))
    tried = bench(model)
    rows = tried.values(["s"])
    assert len(rows) == 3
    assert all(np.isfinite(row["y"]).all() for row in rows)
    assert tried.notes == []


def test_a_length_is_first_full_then_1() -> None:
    model = Model.load(masked())
    sample = made_samples(model)[0]
    others = list(likelier(model, sample))
    assert [int(other["count"][0]) for other in others] == [8, 1]
    assert all((other["x"] == sample["x"]).all() for other in others)


def test_samples_of_the_callers_stay_as_they_are() -> None:
    nothing = {"x": np.zeros((1, 4, 8), np.float32), "count": np.zeros(1, np.int64)}
    rows = bench(Model.load(masked()), [nothing]).values(["s"])
    assert np.isnan(rows[0]["y"]).all()


def test_where_no_made_sample_gives_numbers_it_is_told() -> None:
    proto = parser.parse_model(
        '<ir_version: 9, opset_import: ["": 17]> g (float[4] x) => (float[4] y) { d = Sub(x, x) y = Div(d, d) }'
    )
    tried = bench(Model.load(proto))
    assert tried.values(["d"]) == []
    assert "of 3 made samples the judge makes no numbers" in tried.notes[0]


@pytest.mark.parametrize(
    ("made", "inside", "word"),
    [(-65504.0, True, "right"), (-65504.0, False, "wrong"), (-np.inf, False, "right"), (-6.0, True, "wrong"),
     (65504.0, True, "wrong"), (np.nan, True, "wrong")],
)  # fmt: skip
def test_an_infinity_that_only_the_model_reads(made: float, inside: bool, word: str) -> None:
    right = {"s": np.array([1.0, 2.0, -np.inf], np.float32)}
    beside = Beside(saturating=frozenset({"s"} if inside else ()))
    beside.add(right, {"s": np.array([1.0, 2.0, made], np.float32)}, right, ["s"])
    assert gravest(beside.rows(), "fp16") == word
