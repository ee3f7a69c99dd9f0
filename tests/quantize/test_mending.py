"""Units that a chip computes coarsely are found by halves, to the unit, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from quantized_nets import SAMPLES, cnn
from zif_quantize import on_target, recipe
from zif_quantize.groups import Group
from zif_quantize.measure import Reference
from zif_quantize.mending import MOST, mended

PARTS = [Group(f"g{n}", (f"g{n}", f"g{n}.act")) for n in range(16)]
OTHER = recipe("w8a8")


class Chip:
    """30 dB where the units to blame are in float, or in the precision that suits them; 8 dB where one is not."""

    def __init__(self, *blamed: str, suits: bool = False) -> None:
        self.blamed, self.suits, self.runs = blamed, suits, 0

    def __call__(self, levels: Mapping[str, Any]) -> float:
        self.runs += 1
        good = ("float", OTHER) if self.suits else ("float",)
        return 30.0 if all(levels.get(name) in good for name in self.blamed) else 8.0


@pytest.mark.parametrize("blamed", [("g0",), ("g15",), ("g6",), ("g3", "g4"), ("g1", "g14")])
def test_the_units_to_blame_are_found_and_no_others(blamed: tuple[str, ...]) -> None:
    chip = Chip(*blamed)
    found = mended(chip, 31.0, 8.0, PARTS, None)
    assert found == {unit: "float" for name in blamed for unit in (name, f"{name}.act")}
    assert chip.runs <= MOST


def test_another_precision_takes_the_place_of_float_where_it_does() -> None:
    assert mended(Chip("g5", suits=True), 31.0, 8.0, PARTS, OTHER) == {"g5": OTHER, "g5.act": OTHER}
    assert mended(Chip("g5"), 31.0, 8.0, PARTS, OTHER) == {"g5": "float", "g5.act": "float"}


def test_a_chip_that_loses_what_integers_must_is_left_alone() -> None:
    chip = Chip("g5")
    assert mended(chip, 31.0, 26.0, PARTS, None) == {}
    assert chip.runs == 0


def test_nothing_is_mended_where_float_is_no_better_or_all_are_to_blame() -> None:
    assert mended(lambda levels: 8.0, 31.0, 8.0, PARTS, None) == {}
    assert mended(Chip(*(part.name for part in PARTS)), 31.0, 8.0, PARTS, None) == {}


class Coarse(Reference):
    """A chip that adds noise to the result of a Conv whose weight is quantized."""

    def __init__(self, proto: onnx.ModelProto, blamed: str) -> None:
        super().__init__(proto)
        self.plan = SimpleNamespace(backends=("chip",), emulated=())
        makers = {name: node.op_type for node in proto.graph.node for name in node.output}
        read = next(node.input[1] for node in proto.graph.node if node.name == blamed)
        self.noise = 3.0 if makers.get(read) == "DequantizeLinear" else 0.0

    def run(self, inputs: Any) -> dict[str, Any]:
        chance = np.random.default_rng(0)
        found = super().run(inputs)
        return {name: value + self.noise * chance.standard_normal(value.shape) for name, value in found.items()}


def test_what_a_target_computes_coarsely_is_mended_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    net = cnn()
    blamed = next(node.name for node in reversed(net.graph.node) if node.op_type == "Conv")

    @contextmanager
    def accelerated(proto: onnx.ModelProto, target: str) -> Iterator[Coarse]:
        yield Coarse(proto, blamed)

    monkeypatch.setattr(on_target, "accelerated", accelerated)
    made = zif.quantize(net, SAMPLES, "w8a8", target="snapdragon-8-gen-3")
    assert set(made.mended) >= {blamed}
    assert set(made.mended.values()) == {"float"}
    assert len(made.mended) <= 2
    assert min(made.target_sqnr.values()) == pytest.approx(min(made.sqnr.values()), abs=6)
