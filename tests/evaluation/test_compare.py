"""`zif.compare` on backends that are installed: figures by hand, matching, where an error starts, bad input."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from evaluation.nets import INNER, X, floats, model, nodes, quantized
from onnx import TensorProto, helper, numpy_helper
from zif.evaluation.comparison import side, taps
from zif.evaluation.comparison.sides import literal

FEED = {"x": X}


def compared(b: Any, **options: Any) -> zif.Comparison:
    return zif.compare(floats(), b, FEED, **options)


def test_a_model_is_its_own_equal() -> None:
    found = compared(floats())
    assert found.sqnr_db == math.inf
    assert [one.name for one in found.tensors] == list(INNER)
    assert (found.start, found.only_a, found.only_b) == ("", (), ())
    assert all(one.figures.sqnr_db == math.inf for one in found.tensors)


def test_inner_tensors_of_a_quantized_model_are_what_it_computes_with() -> None:
    """The value behind QuantizeLinear, not the one before: r1 lies on the grid of its own encoding."""
    found = compared(quantized())
    assert [one.name for one in found.tensors] == ["x", *INNER]
    step = 8 / 255
    assert 0 < found.tensor("x").figures.max_abs <= step / 2 * 1.001
    assert 20 < found.sqnr_db < 45
    assert found.start == ""


@pytest.mark.parametrize("spoilt", ["r1", "h2"])
def test_the_error_starts_at_the_spoilt_encoding(spoilt: str) -> None:
    found = compared(quantized(spoilt))
    assert found.start == spoilt
    assert found.tensor(spoilt).drop_db >= 10
    assert found.tensor(spoilt).op_type == {"r1": "Relu", "h2": "MatMul"}[spoilt]
    assert found.worst(1)[0].figures.sqnr_db <= found.tensor(spoilt).figures.sqnr_db


def test_an_overflow_is_no_equality_and_is_where_the_error_starts() -> None:
    found = compared(model(nodes(), {"w2": np.full((16, 16), np.inf, np.float32)}))
    assert (found.start, found.sqnr_db) == ("h2", -math.inf)
    assert found.tensor("h2").figures.not_finite == 64
    assert not found.tensor("h2").to_json()["exact"]
    assert found.tensor("r2").drop_db == 0.0  # no fall of its own


def test_samples_add_up() -> None:
    twice = zif.compare(floats(), quantized(), [FEED, lambda: FEED])
    once = compared(quantized())
    assert twice.samples == 2
    assert twice.sqnr_db == pytest.approx(once.sqnr_db)
    assert twice.outputs[0].figures.values == 2 * once.outputs[0].figures.values


@pytest.mark.parametrize("options", [{"group": 1}, {"memory": 1}, {"group": 3}])
def test_groups_change_no_figure(options: dict[str, int]) -> None:
    whole, parts = (
        compared(
            quantized(),
        ),
        compared(quantized(), **options),
    )
    assert [one.figures.sqnr_db for one in parts.tensors] == pytest.approx(
        [one.figures.sqnr_db for one in whole.tensors]
    )


def test_outputs_only_reads_no_inner_tensor() -> None:
    found = compared(quantized(), intermediates=False)
    assert (found.tensors, found.start, found.observer_db) == ((), "", (None, None))


def test_what_the_other_lacks_is_told() -> None:
    fused = [node for node in nodes() if node.name != "relu1"]
    fused[1].input[0] = "h1"
    found = compared(model(fused, {}))
    assert found.only_a == ("r1",)
    assert [one.name for one in found.tensors] == ["h1", "h2", "r2"]


def test_a_bundle_is_compared_by_its_outputs(tmp_path: Path) -> None:
    zif.compile(floats(), tmp_path / "net.zif")
    found = compared(tmp_path / "net.zif")
    assert found.sqnr_db > 100
    assert found.tensors == ()
    assert "only its outputs" in found.notes[0]


def test_a_session_stays_open() -> None:
    with zif.load(quantized()) as session:
        assert compared(session).sqnr_db < 45
        session.run(FEED)


def test_where_names_backends(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(floats(), path)
    found = zif.compare(f"{path}@reference", f"{path}@qnn_cpu", FEED)
    assert (found.a.backends, found.b.backends) == (("reference",), ("qnn_cpu",))
    assert found.sqnr_db > 100


def test_a_path_with_an_at_sign_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "net@home.onnx"
    onnx.save(floats(), path)
    assert side(str(path)).target == "host"
    assert side(f"{path}@reference").backends == ("reference",)
    assert side(f"{path}@sm8650,reference").target == "snapdragon-8-gen-3"


def test_open_dimensions_are_taken_from_the_other() -> None:
    found = zif.compare(floats("N"), quantized(), FEED)
    assert len(found.tensors) == 5


def test_outputs_with_other_names_are_matched_by_place() -> None:
    renamed = nodes()
    renamed[-1].output[0] = "z"
    found = compared(model(renamed, {}, output="z"))
    assert found.outputs[0].name == "y"
    assert found.outputs[0].figures.sqnr_db == math.inf
    assert "matched by their place" in found.notes[0]


def test_another_model_is_one_clear_error() -> None:
    other = floats()
    other.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 0
    other.graph.input[0].name = "image"
    other.graph.node[0].input[0] = "image"
    other.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 5
    with pytest.raises(zif.UsageError, match="only A has 'x', only B has 'image'"):
        compared(other)
    with pytest.raises(zif.UsageError, match=r"float32 \[4, 16\] in A and float32 \[5, 16\] in B"):
        zif.compare(floats(4), floats(5), FEED)


def test_no_inputs_are_refused() -> None:
    with pytest.raises(zif.UsageError, match="no inputs"):
        zif.compare(floats(), floats(), [])


def test_taps_of_a_converted_value_are_the_first() -> None:
    """A second QuantizeLinear behind a DequantizeLinear shows no new tensor."""
    proto = quantized()
    found = taps.taps(zif.Model.load(proto))
    assert list(found) == ["x", *INNER]
    assert {tap.quantize.name for tap in found.values() if tap.quantize} == {f"{name}_q" for name in ("x", *INNER)}


def test_tapped_operators_stay_quantized() -> None:
    """The tap is a reader behind QuantizeLinear: the units of the model are what they were."""
    whole = zif.Model.load(quantized())
    seen, names = taps.tapped(whole, list(taps.taps(whole).values()))
    before = {unit.id: len(unit.nodes) for unit in whole.units}
    after = {unit.id: len(unit.nodes) for unit in seen.units}
    assert {name: after[name] for name in before} == before
    assert set(names) == {"x", *INNER}


@pytest.mark.parametrize("name", ["a[0]", "b*", "c?d", "plain", "[!x]"])
def test_a_pin_on_one_unit_matches_no_other(name: str) -> None:
    from fnmatch import fnmatchcase

    pattern = literal(name)
    assert fnmatchcase(name, pattern)
    assert not any(fnmatchcase(other, pattern) for other in ("a0", "bb", "cxd", "y") if other != name)


def test_json_is_whole() -> None:
    told = compared(quantized()).to_json()
    assert told["schema"] == "zif.compare/1"
    assert {"outputs", "tensors", "start", "matched", "sqnr_db", "observer_db", "a", "b"} <= told.keys()
    assert told["tensors"][0].keys() >= {"name", "sqnr_db", "cosine", "max_abs", "agreement", "drop_db", "exact"}
    assert np.isfinite(told["sqnr_db"])


def test_a_mask_that_saturates_is_harmless_and_not_where_the_error_starts() -> None:
    """What the Softmax behind it gives is right, so nothing comes of 0 dB."""

    def masked(least: float) -> onnx.ModelProto:
        value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 4]) for name in "xy"]
        nodes = [
            helper.make_node("Mul", ["m", "low"], ["mask"], "mul"),
            helper.make_node("Add", ["x", "mask"], ["sum"], "add"),
            helper.make_node("Softmax", ["sum"], ["y"], "softmax"),
        ]
        constants = [
            numpy_helper.from_array(np.array([[0, 0, 1, 1]], np.float32), "m"),
            numpy_helper.from_array(np.array([least], np.float32), "low"),
        ]
        graph = helper.make_graph(nodes, "net", value[:1], value[1:], constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)

    x = np.random.default_rng(0).standard_normal((2, 4)).astype(np.float32)
    found = zif.compare(masked(-3e38), masked(-100.0), {"x": x}, target="host")
    assert found.tensor("sum").figures.sqnr_db < 1
    assert {one.name for one in found.tensors if one.harmless} >= {"sum"}
    assert found.start == ""
    assert found.worst(5) == () or all(not one.harmless for one in found.worst(5))
    spoilt = zif.compare(masked(-3e38), masked(-1.0), {"x": x}, target="host")
    assert spoilt.start in ("mask", "sum")


def test_an_array_alone_is_no_set_of_inputs() -> None:
    with pytest.raises(zif.UsageError, match="by input name"):
        zif.compare(floats(), floats(), X)  # type: ignore[arg-type]
