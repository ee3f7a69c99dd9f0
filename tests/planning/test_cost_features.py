"""Units as counts: every expected figure below is worked out by hand from the shapes."""

from __future__ import annotations

import pytest
from onnx import TensorProto
from planning.graphs import conv, model, node
from zif.model import Model
from zif.planning.costs.features import of_model
from zif.planning.costs.kinds import FEATURES


def counts(found: Model, row: int = 0) -> dict[str, float]:
    """The counts of one unit that are not zero."""
    values = of_model(found).counts[row]
    return {name: float(v) for name, v in zip(FEATURES, values, strict=True) if v}


def test_a_convolution_counts_padded_products_weights_and_traffic() -> None:
    got = counts(conv(channels=48, made=40, size=14, kernel=3))
    positions = 16 * 16  # 14 × 14 in tiles of eight
    assert got["conv"] == pytest.approx(positions * 9 * 64 * 64 / 1e9)
    assert got["weights"] == pytest.approx(48 * 40 * 9 / 1e6)
    assert got["traffic"] == pytest.approx(14 * 14 * (64 + 64) / 1e6)
    assert got["op"] == 1
    assert got["picture"] == pytest.approx(14 * 14 * 64 / 1e6)  # the input of the model, handed over channels second
    assert set(got) == {"op", "conv", "weights", "traffic", "picture"}


def test_plain_figures_are_not_padded() -> None:
    found = of_model(conv(channels=48, made=40, size=14, kernel=3))
    assert found.macs[0] == 14 * 14 * 40 * 48 * 9
    assert found.elements[0] == pytest.approx(14 * 14 * 88 / 1e6)
    assert found.weights[0] == pytest.approx(48 * 40 * 9 / 1e6)


def test_the_three_channels_of_a_picture_are_packed() -> None:
    assert counts(conv(channels=3, made=32, size=16))["conv"] == pytest.approx(256 * 8 * 32 / 1e9)


def test_thin_groups_share_a_block_and_thick_ones_are_padded_each() -> None:
    assert counts(conv(channels=128, made=128, groups=32))["conv"] == pytest.approx(256 * 32 * 128 / 1e9)
    assert counts(conv(channels=96, made=96, groups=2))["conv"] == pytest.approx(256 * 64 * 2 * 64 / 1e9)


@pytest.mark.parametrize(("kernel", "name"), [(3, "depthwise"), (5, "depthwise_large")])
def test_a_depthwise_convolution_runs_on_the_vector_units(kernel: int, name: str) -> None:
    got = counts(conv(channels=64, made=64, kernel=kernel, groups=64))
    assert got[name] == pytest.approx(256 * 64 * kernel**2 / 1e6)
    assert "conv" not in got


def test_an_activation_after_a_convolution_is_nearly_free_and_one_by_itself_is_not() -> None:
    nodes = [node("Conv", "x w", "c"), node("Relu", "c", "r"), node("Sigmoid", "r", "s"), node("Relu", "s", "y")]
    found = model(nodes, {"x": [1, 32, 8, 8]}, ["y"], {"w": [32, 32, 1, 1]})
    assert counts(found, 1) == {"op": pytest.approx(0.1)}
    assert counts(found, 3)["elementwise"] == pytest.approx(32 * 64 / 1e6)


def test_an_activation_rides_on_a_convolution_only_when_nobody_else_reads_that() -> None:
    nodes = [node("Conv", "x w", "c"), node("Relu", "c", "r"), node("Add", "c r", "y")]
    found = model(nodes, {"x": [1, 32, 8, 8]}, ["y"], {"w": [32, 32, 1, 1]})
    assert counts(found, 1)["elementwise"] > 0


def test_a_swish_is_one_operator() -> None:
    nodes = [node("Relu", "x", "a"), node("Sigmoid", "a", "g"), node("Mul", "a g", "y")]
    found = model(nodes, {"x": [1, 32, 8, 8]}, ["y"])
    assert counts(found, 1)["transcendental"] == pytest.approx(32 * 8 * 32 / 1e6)  # no convolution: channels are last
    assert counts(found, 2) == {"op": pytest.approx(0.1)}


def test_a_product_with_another_gate_is_an_operator_of_its_own() -> None:
    nodes = [node("Relu", "x", "a"), node("Sigmoid", "x", "g"), node("Mul", "a g", "y")]
    assert counts(model(nodes, {"x": [1, 32, 8, 8]}, ["y"]), 2)["elementwise"] > 0


def test_the_parts_of_a_gelu_ride_on_its_erf() -> None:
    nodes = [
        *(node("Relu", "x", "a"), node("Div", "a k", "d"), node("Erf", "d", "e")),
        *(node("Add", "e k", "p"), node("Mul", "a p", "m"), node("Mul", "m k", "y")),
    ]
    found = model(nodes, {"x": [1, 8, 32]}, ["y"], {"k": [1]})
    assert counts(found, 2)["transcendental"] == pytest.approx(8 * 32 / 1e6)
    assert [set(counts(found, row)) for row in (3, 4, 5)] == [{"op"}] * 3


def test_a_concatenation_copies_what_no_convolution_wrote_in_place() -> None:
    nodes = [node("Conv", "x w", "c"), node("Relu", "c", "r"), node("Concat", "r x", "y", axis=1)]
    found = model(nodes, {"x": [1, 64, 8, 8]}, ["y"], {"w": [32, 64, 1, 1]})
    assert counts(found, 2)["concat"] == pytest.approx(64 * 64 / 1e6)


def test_channels_are_the_second_axis_of_a_picture_and_the_last_of_a_sequence() -> None:
    picture = model(
        [node("Sigmoid", "x", "s"), node("Conv", "s w", "y")], {"x": [1, 8, 16, 64]}, ["y"], {"w": [8, 8, 1, 1]}
    )
    sequence = model([node("Sigmoid", "x", "y")], {"x": [16, 64, 8]}, ["y"])
    assert counts(picture)["transcendental"] == pytest.approx(32 * 16 * 64 / 1e6)
    assert counts(sequence)["transcendental"] == pytest.approx(16 * 64 * 32 / 1e6)


def test_products_with_weights_and_of_activations_are_told_apart() -> None:
    weights = counts(model([node("MatMul", "x w", "y")], {"x": [4, 20, 48]}, ["y"], {"w": [48, 64]}))
    assert weights["conv"] == pytest.approx(4 * 20 * 64 * 64 / 1e9)
    scores = counts(model([node("MatMul", "x z", "y")], {"x": [4, 20, 48], "z": [4, 48, 64]}, ["y"]))
    assert scores["attention"] == pytest.approx(4 * 20 * 64 * 64 / 1e9)  # 48 filled up to two blocks
    assert scores["operand"] == pytest.approx(4 * 48 * 64 / 1e6)
    assert scores["products"] == pytest.approx(4 / 1e3)
    assert "conv" not in scores


def transposed(shape: list[int], perm: list[int]) -> dict[str, float]:
    nodes = [node("Relu", "x", "a"), node("Transpose", "a", "t", perm=perm), node("Sigmoid", "t", "y")]
    return counts(model(nodes, {"x": shape}, ["y"]), 1)


def test_a_transposition_counts_only_where_data_moves() -> None:
    assert set(transposed([1, 64, 8, 32], [0, 2, 1, 3])) == {"op", "transpose"}  # heads before tokens
    assert set(transposed([1, 64, 32], [1, 0, 2])) == {"op"}  # only an axis of one moves
    assert set(transposed([1, 8, 8, 32], [0, 3, 1, 2])) == {"op"}  # back to channels second


def test_channels_go_last_for_nothing_in_a_picture_and_the_factor_of_a_product_is_read_either_way() -> None:
    nodes = [node("Conv", "x w", "c"), node("Transpose", "c", "t", perm=[0, 2, 3, 1]), node("Relu", "t", "y")]
    found = model(nodes, {"x": [1, 32, 8, 8]}, ["y"], {"w": [32, 32, 1, 1]})
    assert counts(found, 1) == {"op": pytest.approx(0.1)}
    nodes = [node("Relu", "k", "r"), node("Transpose", "r", "t", perm=[0, 2, 1]), node("MatMul", "q t", "y")]
    found = model(nodes, {"q": [4, 64, 32], "k": [4, 64, 32]}, ["y"])
    assert counts(found, 1) == {"op": pytest.approx(0.1)}


def test_a_cache_of_keys_is_no_picture() -> None:
    nodes = [node("Concat", "past new", "keys", axis=3), node("MatMul", "q keys", "y")]
    found = model(nodes, {"past": [1, 8, 32, 63], "new": [1, 8, 32, 1], "q": [1, 8, 1, 32]}, ["y"])
    assert "picture" not in counts(found, 0)


def test_what_leaves_the_local_memory_counts_beyond_it() -> None:
    assert "spill" not in counts(conv(channels=32, made=32, size=128))
    large = counts(conv(channels=32, made=32, size=512))
    assert large["spill"] == pytest.approx(2 * 32 * 512 * 512 / 1e6 - 4)


def test_a_picture_is_laid_out_once_and_as_narrow_as_it_is_then() -> None:
    nodes = [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "d"), node("Conv", "d w", "y")]
    found = model(nodes, {"x": [1, 3, 8, 8]}, ["y"], {"w": [8, 3, 1, 1], "s": [], "z": []}, z=TensorProto.UINT8)
    paid = [row for row in range(len(found.units)) if "picture" in counts(found, row)]
    assert len(paid) == 1
    assert found.units[paid[0]].op_type != "QuantizeLinear"


def test_what_is_known_before_the_first_run_costs_nothing() -> None:
    nodes = [node("Sigmoid", "w", "s"), node("Identity", "s", "t"), node("Add", "x t", "y")]
    found = model(nodes, {"x": [1, 64]}, ["y"], {"w": [1, 64]})
    assert counts(found, 0) == counts(found, 1) == {}
    assert counts(found, 2)["weights"] == pytest.approx(64 / 1e6)


def test_a_recurrent_operator_pays_for_every_step() -> None:
    def lstm(steps: int) -> dict[str, float]:
        weights = {"w": [1, 128, 16], "r": [1, 128, 32]}
        return counts(model([node("LSTM", "x w r", "y", hidden_size=32)], {"x": [steps, 1, 16]}, ["y"], weights))

    assert lstm(40)["op"] == 4 * lstm(10)["op"]
    assert lstm(40)["weights"] == pytest.approx(4 * lstm(10)["weights"])


def test_weights_of_four_bits_count_for_half() -> None:
    def quantized(kind: int) -> float:
        nodes = [node("DequantizeLinear", "w s", "d"), node("MatMul", "x d", "y")]
        found = model(nodes, {"x": [2, 64]}, ["y"], {"w": [64, 64], "s": [1]}, w=kind)
        return sum(of_model(found).weights)

    assert quantized(TensorProto.INT4) == pytest.approx(quantized(TensorProto.INT8) - 64 * 64 / 2e6, abs=1e-9)


def test_a_quantized_group_counts_like_its_operator() -> None:
    nodes = [
        *(node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "a")),
        *(node("DequantizeLinear", "w s z", "b"), node("Conv", "a b", "c")),
        *(node("QuantizeLinear", "c s z", "d"), node("DequantizeLinear", "d s z", "y")),
    ]
    kinds = {"w": TensorProto.UINT8, "z": TensorProto.UINT8}
    found = model(nodes, {"x": [1, 64, 16, 16]}, ["y"], {"w": [64, 64, 1, 1], "s": [], "z": []}, **kinds)
    row = next(i for i, unit in enumerate(found.units) if unit.op_type == "Conv")
    assert found.units[row].precision == "int8"
    plain = counts(conv())
    assert {name: counts(found, row)[name] for name in ("conv", "traffic", "op")} == {
        name: plain[name] for name in ("conv", "traffic", "op")
    }


def test_unknown_shapes_and_operators_are_counted_as_far_as_they_are_known() -> None:
    found = model([node("Relu", "x", "y")], {"x": ["n", 64]}, ["y"])  # type: ignore[list-item]
    assert counts(found)["elementwise"] == pytest.approx(64 / 1e6)


def test_counts_are_kept_with_the_model() -> None:
    found = conv()
    assert of_model(found) is of_model(found)
    assert of_model(conv()) is not of_model(found)
