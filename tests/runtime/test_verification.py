"""Verification: what a precision must cost, the word for a segment, and the search for who makes it wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
import zif
from broken import BREAKING, JUDGE, save
from fakes import GOOD, Site
from onnx import TensorProto, helper, numpy_helper
from zif.model import Model
from zif.runtime.verification.culprit import culprits
from zif.runtime.verification.judge import Judge
from zif.runtime.verification.record import SegmentCheck, TensorCheck, Verification, gravest
from zif.runtime.verification.rounding import rounded, without_rounding
from zif.runtime.verification.samples import index_bound, made_samples
from zif.runtime.verification.tallies import Beside, gates


def value(name: str, shape: Sequence[int] | None, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes: Sequence[onnx.NodeProto], shape: Sequence[int] = (2, 8), weights: Sequence[onnx.TensorProto] = ()):
    graph = helper.make_graph(list(nodes), "net", [value("x", shape)], [value("y", None)], list(weights))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def run(made: Model, x: np.ndarray) -> np.ndarray:
    with Judge.installed().session(made) as session:
        return session.run({"x": x})["y"]


def test_every_value_is_rounded_and_outputs_keep_their_names() -> None:
    weight = numpy_helper.from_array(np.full((8,), 1 / 3, np.float32), "w")
    nodes = [helper.make_node("Mul", ["x", "w"], ["m"], "mul"), helper.make_node("Add", ["m", "w"], ["y"], "add")]
    x = np.linspace(-2, 2, 16, dtype=np.float32).reshape(2, 8)
    low = np.float16
    third = low(1 / 3)
    expected = (x.astype(low) * third + third).astype(np.float32)
    made = run(rounded(Model.load(model(nodes, weights=[weight])), "fp16"), x)
    np.testing.assert_allclose(made, expected, rtol=0, atol=np.finfo(low).eps)
    assert not np.array_equal(made, run(Model.load(model(nodes, weights=[weight])), x))
    np.testing.assert_array_equal(made, made.astype(low).astype(np.float32))


def test_what_a_precision_does_not_hold_overflows_in_the_rounded_run() -> None:
    nodes = [helper.make_node("Mul", ["x", "x"], ["s"], "square"), helper.make_node("Sqrt", ["s"], ["y"], "root")]
    x = np.full((2, 8), 300.0, np.float32)
    assert np.isinf(run(rounded(Model.load(model(nodes)), "fp16"), x)).all()
    assert np.isfinite(run(rounded(Model.load(model(nodes)), "bf16"), x)).all()


def test_a_detector_that_sees_nothing_is_not_wrong_by_a_step_of_its_gate() -> None:
    """Beside 1, half a thousandth is one step of fp16; of what a Sigmoid makes that is the scale."""
    nodes = [
        helper.make_node("Sigmoid", ["x"], ["s"], "gate"),
        helper.make_node("Reshape", ["s", "shape"], ["y"], "move"),
    ]
    shape = numpy_helper.from_array(np.array([16]), "shape")
    names = gates(Model.load(model(nodes, weights=[shape])))
    assert names == {"s", "y"}
    right = {"y": np.full(16, 4e-4, np.float32)}
    for off, word in ((2e-4, "right"), (0.2, "wrong")):
        beside = Beside(names)
        beside.add(right, {"y": right["y"] + np.float32(off)}, right, ["y"])
        assert gravest(beside.rows(), "fp16") == word
        assert beside.figures()["y"].sqnr_db == pytest.approx(20 * math.log10(4e-4 / off), abs=0.1)
    plain = Beside()
    plain.add(right, {"y": right["y"] + np.float32(2e-4)}, right, ["y"])
    assert gravest(plain.rows(), "fp16") == "wrong"


def test_bodies_are_rounded_too() -> None:
    inner = helper.make_node("Mul", ["x", "x"], ["inner"], "inner_square")
    then = helper.make_graph(
        [inner, helper.make_node("Sqrt", ["inner"], ["out"], "r")], "then", [], [value("out", None)]
    )
    same = helper.make_node("Identity", ["x"], ["out2"], "same")
    other = helper.make_graph([same], "else", [], [value("out2", None)])
    condition = numpy_helper.from_array(np.array(True), "yes")
    # A condition that is computed, so that nothing folds the branch away.
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["largest"], "largest", keepdims=0),
        helper.make_node("Cast", ["largest"], ["set"], "set", to=TensorProto.BOOL),
        helper.make_node("If", ["set"], ["y"], "if", then_branch=then, else_branch=other),
    ]
    x = np.full((2, 8), 300.0, np.float32)
    assert np.isinf(run(rounded(Model.load(model(nodes, weights=[condition])), "fp16"), x)).all()


def test_a_quantized_model_without_the_rounding_of_its_activations() -> None:
    scale = numpy_helper.from_array(np.float32(0.5), "s")
    zero = numpy_helper.from_array(np.uint8(128), "z")
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], "q"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], "d"),
        helper.make_node("Relu", ["d"], ["y"], "relu"),
    ]
    plain = without_rounding(Model.load(model(nodes, weights=[scale, zero])))
    assert plain is not None
    x = np.array([[0.3, 0.7, -1.1, 2.2, 0.1, 0.2, 0.4, 0.6]] * 2, np.float32)
    np.testing.assert_array_equal(run(plain, x), np.maximum(x, 0))
    assert without_rounding(Model.load(model([helper.make_node("Relu", ["x"], ["y"], "relu")]))) is None


@pytest.mark.parametrize(
    ("sqnr", "floor", "word"),
    [
        (74.2, 74.3, "right"),  # the models of the measurement that the thresholds come from
        (57.2, 67.4, "right"),
        (50.7, 65.2, "coarse"),
        (18.2, 56.5, "wrong"),
        (16.5, 51.7, "wrong"),
        (13.8, 61.4, "wrong"),
        (16.5, -math.inf, "unholdable"),
        (56.0, -math.inf, "right"),  # it has got through, whatever the rounded run did
        (math.inf, math.inf, "right"),
        (60.0, math.inf, "right"),  # no output has to be better than its own rounding
        (-math.inf, 70.0, "wrong"),
    ],
)
def test_the_word_for_a_tensor(sqnr: float, floor: float, word: str) -> None:
    assert TensorCheck("y", sqnr, floor).word("fp16") == word


@pytest.mark.parametrize(("same", "floor", "word"), [(1.0, 1.0, "right"), (0.9, 0.97, "right"), (0.5, 1.0, "wrong")])
def test_integers_are_judged_by_how_many_are_equal(same: float, floor: float, word: str) -> None:
    assert TensorCheck("y", None, None, same, floor).word("fp16") == word


def test_the_worst_output_speaks_for_a_segment() -> None:
    rows = (TensorCheck("a", 70.0, 70.0), TensorCheck("b", 20.0, 70.0), TensorCheck("c", None, None, 1.0, 1.0))
    check = SegmentCheck(0, "npu", "emulator", ("u",), "fp16", rows)
    assert (check.word, check.believed) == ("wrong", False)
    assert check.worst is not None
    assert check.worst.name == "b"
    assert SegmentCheck(0, "npu", "emulator", ("u",), "fp16", reason="crashed").word == "unchecked"


def test_what_could_not_be_checked_is_not_verified() -> None:
    right = SegmentCheck(0, "npu", "emulator", ("a",), "fp16", (TensorCheck("y", 70.0, 70.0),))
    unchecked = SegmentCheck(1, "npu", "emulator", ("b",), "fp16", reason="crashed")
    told = [Verification("m", "chip", 1, "", (), rows, {}) for rows in ((right,), (right, unchecked), ())]
    assert [one.to_json()["verified"] for one in told] == [True, False, False]


UNITS = tuple("abcdefghij")


def search(wrong: Sequence[str]) -> tuple[list[tuple[str, tuple[str, ...]]], int]:
    """Who leaves when any of these windows of neighbours makes a piece wrong, and how many pieces were tried."""
    tried: set[tuple[str, ...]] = set()

    def trial(units: Sequence[str]) -> tuple[bool, None]:
        tried.add(tuple(units))
        return any(window in "".join(units) for window in wrong), None

    return [(one.unit, one.window) for one in culprits(UNITS, trial)], len(tried)


def test_a_culprit_is_named_with_the_company_that_it_needs() -> None:
    assert search(["e"])[0] == [("e", ("e",))]
    assert search(["a"])[0] == [("a", ("a",))]
    assert search(["j"])[0] == [("j", ("j",))]
    assert search(["de"])[0] == [("e", ("d", "e"))]
    assert search(["cdef"])[0] == [("f", tuple("cdef"))]
    assert search(["".join(UNITS)])[0] == [("j", UNITS)]


def test_all_culprits_are_found_with_few_pieces() -> None:
    leaving, pieces = search(["b", "gh"])
    assert leaving == [("b", ("b",)), ("h", ("g", "h"))]
    assert pieces <= 6 * math.ceil(math.log2(len(UNITS))) + 2


def test_made_values_respect_the_tables_that_they_index() -> None:
    table = numpy_helper.from_array(np.zeros((50, 4), np.float32), "table")
    small = numpy_helper.from_array(np.zeros((7, 4), np.float32), "small")
    nodes = [
        helper.make_node("Cast", ["ids"], ["ids32"], "cast", to=TensorProto.INT32),
        helper.make_node("Gather", ["table", "ids"], ["a"], "g1"),
        helper.make_node("Gather", ["small", "ids32"], ["b"], "g2"),
        helper.make_node("Add", ["a", "b"], ["y"], "add"),
    ]
    ids = value("ids", (64,), TensorProto.INT64)
    graph = helper.make_graph(nodes, "net", [ids], [value("y", None)], [table, small])
    loaded = Model.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9))
    assert index_bound(loaded, "ids") == 7
    sets = made_samples(loaded)
    assert len(sets) == 3
    assert [(int(one["ids"].min()), int(one["ids"].max())) for one in sets] == [(0, 6), (0, 6), (-7, -1)]
    assert all(np.array_equal(a["ids"], b["ids"]) for a, b in zip(sets, made_samples(loaded), strict=True))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.mark.parametrize(
    ("broken", "leaving"),
    [
        ("node.op_type == 'Neg'", {"n"}),
        ("node.op_type == 'Tanh' and before is not None and before.op_type == 'MatMul'", {"t"}),
        ("node.op_type == 'Abs' and len(model.graph.node) > 1", {"a"}),
    ],
    ids=["one operator", "only after another", "only in company"],
)
def test_a_backend_that_is_wrong_by_a_hundredth_is_caught_and_the_unit_named(
    site: Site, tmp_path: Path, broken: str, leaving: set[str]
) -> None:
    path = save(tmp_path / "m.onnx")
    site.add("npu", GOOD + BREAKING, BROKEN=broken, COST=0.1)
    site.add("judge", GOOD + JUDGE, COST=50.0)
    told = site.zif("verify", path, "--json")
    assert told.code == 1
    assert [segment["word"] for segment in told.json["segments"]] == ["wrong"]
    made = site.zif("compile", path, "-o", tmp_path / "b.zif", "--json")
    assert made.code == 0, made.err
    plan = json.loads((tmp_path / "b.zif" / "manifest.json").read_text())["plan"]
    assert {unit["name"] for unit in plan["units"] if unit["backend"] == "judge"} == leaving
    for unit in plan["units"]:
        if unit["name"] in leaving:
            assert unit["verdicts"]["npu"]["code"] == "verified-wrong"
            assert unit["verdicts"]["npu"]["basis"] == "verified"
    (target,) = made.json["targets"]
    assert target["verification"]["verified"] is True
    assert any(event["kind"] == "verified-wrong" for event in target["events"])


def test_a_right_backend_is_believed_and_its_plan_stands(site: Site, tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx")
    site.add("npu", GOOD, COST=0.1)
    site.add("judge", GOOD + JUDGE, COST=50.0)
    told = site.zif("verify", path)
    assert told.code == 0
    assert "verified on 3 samples" in told.out
    made = site.zif("compile", path, "-o", tmp_path / "b.zif", "--json").json["targets"][0]
    assert [segment["backend"] for segment in made["segments"]] == ["npu"]
    assert made["events"] == []
    kept = json.loads((tmp_path / "b.zif" / "verification.json").read_text())
    assert kept["targets"]["host"]["verified"] is True


def test_without_a_judge_nothing_is_called_verified(site: Site, tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx")
    site.add("npu", GOOD, COST=0.1)
    assert "no installed backend can judge" in site.zif("verify", path).err
    made = site.zif("compile", path, "-o", tmp_path / "b.zif", "--json").json["targets"][0]
    assert made["verification"] is None
    assert any("not verified" in event["text"] for event in made["events"])
    assert not (tmp_path / "b.zif" / "verification.json").exists()


def test_compiling_without_verifying_believes_what_is_built(site: Site, tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx")
    site.add("npu", GOOD + BREAKING, BROKEN="node.op_type == 'Neg'", COST=0.1)
    site.add("judge", GOOD + JUDGE, COST=50.0)
    made = site.zif("compile", path, "-o", tmp_path / "b.zif", "--no-verify", "--json").json["targets"][0]
    assert [segment["backend"] for segment in made["segments"]] == ["npu"]
    bundle = site.zif("verify", path, "--bundle", tmp_path / "b.zif", "--json")
    assert bundle.code == 1
    assert bundle.json["verified"] is False


def test_a_wrong_unit_that_is_pinned_is_refused_with_its_reason(site: Site, tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx")
    site.add("npu", GOOD + BREAKING, BROKEN="node.op_type == 'Neg'", COST=0.1)
    site.add("judge", GOOD + JUDGE, COST=50.0)
    made = site.zif("compile", path, "-o", tmp_path / "b.zif", "--pin", "n=npu")
    assert made.code == 1
    assert "verified-wrong" in made.err
    assert not (tmp_path / "b.zif").exists()


@pytest.mark.parametrize(
    "words",
    [["--samples", "nowhere"], ["--preprocess", "scale=1/255"], ["--bundle", "nowhere"], ["-t", "no-such-chip"]],
    ids=lambda words: words[0],
)
def test_wrong_words_are_exit_2(site: Site, tmp_path: Path, words: list[str]) -> None:
    site.add("judge", GOOD + JUDGE)
    told = site.zif("verify", save(tmp_path / "m.onnx"), *words)
    assert told.code == 2
    assert "Traceback" not in told.err


def test_the_bundle_of_another_model_is_refused(site: Site, tmp_path: Path) -> None:
    site.add("npu", GOOD, COST=0.1)
    site.add("judge", GOOD + JUDGE, COST=50.0)
    site.zif("compile", save(tmp_path / "m.onnx"), "-o", tmp_path / "b.zif")
    onnx.save(model([helper.make_node("Relu", ["x"], ["y"], "relu")]), tmp_path / "other.onnx")
    told = site.zif("verify", tmp_path / "other.onnx", "--bundle", tmp_path / "b.zif")
    assert told.code == 2
    assert "another model" in told.err


def test_a_session_can_be_verified_before_it_opens() -> None:
    made = model([helper.make_node("Relu", ["x"], ["y"], "relu")])
    with zif.load(made, only=["qnn_cpu"], cache=False, verify="units") as session:
        assert session.plan.backends == ("qnn_cpu",)
    with pytest.raises(zif.UsageError, match="off, first, outputs or units"):
        zif.load(made, verify="always")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("broken", "word", "code"), [("False", "right", 0), ("node.op_type == 'Neg'", "wrong", 1)], ids=["right", "wrong"]
)
def test_a_run_on_an_emulator_says_how_far_it_is_from_the_cpu(
    site: Site, tmp_path: Path, broken: str, word: str, code: int
) -> None:
    path = save(tmp_path / "m.onnx")
    site.add("npu", GOOD + BREAKING, BROKEN=broken, COST=0.1, KIND="emulator")
    site.add("judge", GOOD + JUDGE, COST=50.0)
    told = site.zif("run", path, "--random", "0", "--emulate", "-o", tmp_path / "out")
    assert told.code == code
    assert ("Do not believe these outputs" in told.out) == (word == "wrong")
    assert (tmp_path / "out" / "y.npy").exists()  # they are what the backend gave: somebody may want to see them
    unasked = site.zif("run", path, "--random", "0", "--emulate", "--no-verify", "--json")
    assert (unasked.code, unasked.json["agreement"]) == (0, None)
    agreed = site.zif("run", path, "--random", "0", "--emulate", "--json")
    assert agreed.code == code
    assert agreed.json["agreement"]["judge"] == ["judge"]
    assert agreed.json["agreement"]["word"] == word
    assert agreed.json["agreement"]["outputs"]["y"]["exact"] is (word == "right")


WATCHED = """
import json, numpy as np, zif
path, on_fault = PATH, ON_FAULT
with zif.load(path, verify="outputs", on_fault=on_fault, cache=False) as session:
    x = np.linspace(-3, 3, 16, dtype=np.float32).reshape(2, 8)
    backends = session.plan.backends
    try:
        for _ in range(3):
            y = session.run({"x": x})["y"]
        result = y.tolist()
    except zif.WrongResult as error:
        result = str(error)
    events = [event.kind for event in session.events]
with zif.load(path, only=["judge"], cache=False) as judge:
    right = judge.run({"x": x})["y"].tolist()
print(json.dumps({"backends": backends, "result": result, "events": events, "right": right}))
"""


@pytest.mark.parametrize(("broken", "on_fault"), [(False, "fail"), (True, "fail"), (True, "fallback")])
def test_a_watched_session_never_gives_wrong_outputs(site: Site, tmp_path: Path, broken: bool, on_fault: str) -> None:
    path = save(tmp_path / "m.onnx")
    site.add("npu", GOOD + BREAKING, BROKEN="node.op_type == 'Neg'" if broken else "False", COST=0.1)
    site.add("judge", GOOD + JUDGE, COST=50.0)
    told = site.python(f"PATH, ON_FAULT = {str(path)!r}, {on_fault!r}\n{WATCHED}").json
    assert told["backends"] == ["npu"]
    if broken and on_fault == "fail":
        assert "'y' lies" in told["result"]
    else:
        np.testing.assert_allclose(told["result"], told["right"], rtol=1e-6)
    assert told["events"] == (["verified-wrong"] if broken and on_fault == "fallback" else [])


def test_a_bundle_has_no_model_to_be_watched_by(tmp_path: Path) -> None:
    made = model([helper.make_node("Relu", ["x"], ["y"], "relu")])
    zif.compile(made, tmp_path / "b.zif", only=["qnn_cpu"])
    with pytest.raises(zif.UsageError, match="no model"):
        zif.load(tmp_path / "b.zif", verify="outputs")


CANNOT_LOAD = """

@hookimpl
def load(compiled):
    raise RuntimeError("there is no such chip here")
"""


def test_what_cannot_be_loaded_here_is_compiled_and_called_unchecked(site: Site, tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx")
    site.add("npu", GOOD + CANNOT_LOAD, COST=0.1)
    site.add("judge", GOOD + JUDGE, COST=50.0)
    made = site.zif("compile", path, "-o", tmp_path / "b.zif", "--json")
    assert made.code == 0, made.err
    verification = made.json["targets"][0]["verification"]
    assert verification["verified"] is False
    assert [segment["word"] for segment in verification["segments"]] == ["unchecked"]
    assert "there is no such chip here" in verification["segments"][0]["reason"]


def test_what_cannot_be_loaded_moves_when_the_host_allows_it(site: Site, tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx")
    site.add("npu", GOOD + CANNOT_LOAD, COST=0.1)
    site.add("judge", GOOD + JUDGE, COST=50.0)
    assert "there is no such chip here" in site.zif("run", path, "--random", "0").err
    told = site.zif("run", path, "--random", "0", "--on-fault", "fallback", "--json")
    assert told.code == 0, told.err
    assert [segment["backend"] for segment in told.json["segments"]] == ["judge"]
    (event,) = (event for event in told.json["events"] if event["kind"] == "fallback")
    assert "could not be loaded" in event["text"]


def test_made_values_have_ties_zeros_and_every_kind_of_index() -> None:
    table = numpy_helper.from_array(np.zeros((50, 4), np.float32), "table")
    nodes = [
        helper.make_node("Slice", ["ids", "start", "end"], ["some"], "some"),
        helper.make_node("Gather", ["table", "some"], ["a"], "g"),
        helper.make_node("Relu", ["x"], ["y"], "r"),
    ]
    ends = [numpy_helper.from_array(np.array([at]), name) for name, at in (("start", 0), ("end", 64))]
    inputs = [value("ids", (64,), TensorProto.INT64), value("x", (8, 64))]
    graph = helper.make_graph(nodes, "net", inputs, [value("a", None), value("y", None)], [table, *ends])
    sets = made_samples(Model.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)))
    assert all({0, 49} <= set(one["ids"] % 50) for one in sets)
    assert all(one["ids"].min() >= -50 and one["ids"].max() < 50 for one in sets)
    assert any(one["ids"].min() < 0 for one in sets)
    assert any((one["x"] == 0).any() and len(np.unique(one["x"])) < one["x"].size / 2 for one in sets)
    assert any((one["x"] >= 0).all() for one in sets)
    assert any(np.abs(one["x"]).max() > 8 for one in sets)
