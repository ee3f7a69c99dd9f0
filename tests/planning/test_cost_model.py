"""The cost model: what it promises whatever the figures are."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning.graphs import conv, model, node
from zif.errors import UsageError
from zif.model import Model
from zif.planning.costs import CostModel
from zif.records import Capabilities, Processor, Rates, Target
from zif.targets import host, target, targets

CHIP = "snapdragon-8-gen-3"
PRECISIONS = ("fp16", "int8", "int16")


def us(found: Model, chip: str = CHIP, processor: Processor = "npu", precision: str = "fp16") -> float:
    return CostModel(target(chip)).model_us(found, processor, precision).us


@settings(max_examples=60, deadline=None)
@given(
    channels=st.integers(1, 300),
    made=st.integers(1, 300),
    size=st.integers(1, 60),
    kernel=st.sampled_from([1, 3, 5]),
    processor=st.sampled_from(["npu", "gpu", "cpu"]),
    precision=st.sampled_from(PRECISIONS),
)
def test_more_work_never_costs_less(
    channels: int, made: int, size: int, kernel: int, processor: Processor, precision: str
) -> None:
    base = us(conv(channels, made, size, kernel), processor=processor, precision=precision)
    assert base > 0
    assert us(conv(channels, made + 7, size, kernel), processor=processor, precision=precision) >= base
    assert us(conv(channels, made, size + 3, kernel), processor=processor, precision=precision) >= base
    if channels > 4:  # up to four channels are packed, as a picture's are
        assert us(conv(channels + 7, made, size, kernel), processor=processor, precision=precision) >= base


def test_every_chip_prices_every_processor() -> None:
    found = conv(kernel=3)
    for one in targets():
        for processor in ("npu", "gpu", "cpu"):
            assert 0 < CostModel(one).model_us(found, processor).us < 1e6, (one.name, processor)  # type: ignore[arg-type]


def test_where_a_figure_comes_from_is_told() -> None:
    found, costs = conv(), CostModel(target(CHIP))
    fitted = costs.model_us(found, "npu", "int8")
    assert (fitted.source, fitted.note) == ("fitted", "")
    assert fitted.error is not None
    assert 0 < fitted.error < 0.5
    assert costs.model_us(found, "gpu").source == "roofline"
    assert costs.model_us(found, "cpu").error is None


def test_a_chip_that_was_not_measured_borrows_and_says_so() -> None:
    estimate = CostModel(target("snapdragon-8-elite")).model_us(conv(), "npu")
    assert estimate.source == "fitted"
    assert estimate.error is None
    assert "snapdragon-8-elite-for-galaxy" in estimate.note
    newer = CostModel(target("snapdragon-8-elite-gen-5")).model_us(conv(256, 256, 56, 3), "npu")
    assert newer.us < CostModel(target("snapdragon-8-elite")).model_us(conv(256, 256, 56, 3), "npu").us


def test_a_chip_known_by_its_architecture_only_takes_the_mean_of_its_relatives() -> None:
    chip = attrs.evolve(target("qcs8275"), name="new", costs_like="")
    estimate = CostModel(chip).model_us(conv(), "npu")
    assert estimate.source == "fitted"
    assert "qcs8275" in estimate.note
    assert "snapdragon-8-gen-3" in estimate.note


def test_a_users_faster_chip_is_faster(tmp_path: Path) -> None:
    def latency(rate: float) -> float:
        path = tmp_path / "chips.toml"
        text = f'[[target]]\nname = "mine"\nlike = "{CHIP}"\n[target.processors.npu.macs_per_s]\nfp16 = {rate}\n'
        path.write_text(text, encoding="utf-8")
        mine = target("mine", [path])
        return CostModel(mine).model_us(conv(256, 256, 56, 3), "npu").us

    known = target(CHIP).processors["npu"].macs_per_s["fp16"]
    assert latency(known) == pytest.approx(CostModel(target(CHIP)).model_us(conv(256, 256, 56, 3), "npu").us)
    assert latency(4 * known) < latency(2 * known) < latency(known)


def test_a_users_chip_without_a_relative_is_priced_by_its_rates() -> None:
    rates = Rates({"int8": 1e12}, 1e10, op_us=1.0)
    estimate = CostModel(Target("bare", processors={"npu": rates})).model_us(conv(), "npu", "int8")
    assert estimate.source == "roofline"


def test_a_processor_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"host has no npu; its processors are cpu"):
        CostModel(attrs.evolve(host(), processors={"cpu": host().processors["cpu"]})).model_us(conv(), "npu")


def test_a_backends_own_rates_win() -> None:
    own = Rates({"fp32": 1e6}, 1e6, launch_us=7.0, source="declared by the backend")
    backend = Capabilities(processor="npu", rates=own)
    costs = CostModel(target(CHIP))
    priced, source = costs.unit_costs(conv(), backend)
    assert set(source) == {"roofline"}
    assert priced[0] > 1e6
    assert costs.rates(backend) is own


def test_the_launch_of_the_npu_is_the_fitted_one() -> None:
    rates = CostModel(target(CHIP)).rates(Capabilities(processor="npu", preferred_precision="fp16"))
    assert 10 < rates.launch_us < 1000
    assert rates.launch_us != target(CHIP).processors["npu"].launch_us
    assert "launch is fitted" in rates.source


def test_a_model_is_the_sum_of_its_parts() -> None:
    found, costs = _block(), CostModel(target(CHIP))
    backend = Capabilities(processor="npu", preferred_precision="fp16")
    units, source = costs.unit_costs(found, backend)
    assert units.shape == source.shape == (len(found.units),)
    edges = sum(costs.transfer_us(value.nbytes or 0, "npu") for value in (*found.inputs, *found.outputs))
    whole = costs.rates(backend).launch_us + units.sum() + edges
    assert costs.model_us(found, "npu", "fp16").us == pytest.approx(whole, rel=1e-3)


def _block() -> Model:
    nodes = [node("Conv", "x w", "c"), node("Relu", "c", "r"), node("Softmax", "r", "s"), node("Add", "s x", "y")]
    return model(nodes, {"x": [1, 32, 8, 8]}, ["y"], {"w": [32, 32, 1, 1]})


def test_quantized_is_faster_than_float_for_a_large_convolution_on_every_chip() -> None:
    found = conv(512, 512, 32, 3)
    for one in targets():
        if one.vendor["qualcomm"]["htp_fp16"]:
            costs = CostModel(one)
            assert costs.model_us(found, "npu", "int8").us < costs.model_us(found, "npu", "fp16").us, one.name


def test_a_float_unit_runs_in_the_precision_that_the_backend_prefers() -> None:
    costs, found = CostModel(target(CHIP)), conv(256, 256, 56, 3)
    half, _ = costs.unit_costs(found, Capabilities(processor="gpu", preferred_precision="fp16"))
    single, _ = costs.unit_costs(found, Capabilities(processor="gpu", preferred_precision="fp32"))
    assert half[0] < single[0]


def test_moving_is_free_for_the_cpu_only() -> None:
    costs = CostModel(target(CHIP))
    assert costs.transfer_us(1e6, "cpu") == 0
    assert costs.transfer_us(2e6, "npu") > costs.transfer_us(1e6, "npu") > 0


def test_energy_is_power_times_time() -> None:
    costs = CostModel(target(CHIP))
    assert costs.energy_uj(10.0, "npu") == pytest.approx(10 * target(CHIP).processors["npu"].watts)


def test_the_same_input_gives_the_same_figures() -> None:
    first, _ = CostModel(target(CHIP)).unit_costs(_block(), Capabilities(processor="npu"))
    second, _ = CostModel(target(CHIP)).unit_costs(_block(), Capabilities(processor="npu"))
    assert np.array_equal(first, second)


def test_a_model_of_no_units_costs_its_launch() -> None:
    graph = model([], {"x": [1, 4]}, ["x"])
    assert CostModel(target(CHIP)).unit_costs(graph, Capabilities(processor="npu"))[0].shape == (0,)
