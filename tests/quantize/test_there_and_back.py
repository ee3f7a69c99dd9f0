"""From a quantized model to its encodings and back: the same scales, the same zero points, the same units."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper
from quantized_nets import SAMPLES, cnn, feeds, run
from random_nets import networks
from small_nets import activations, carried, net, values
from test_transformer import SAMPLES as MASKED
from test_transformer import transformer
from zif.errors import UsageError
from zif.inputs import random_inputs
from zif.model import Model
from zif.model.encodings.export import export
from zif_quantize import PRESETS, calibrate, prepare, quantize_model
from zif_quantize.qdq import FORMATS, Encoding, Encodings, apply, filled, read, settled, write
from zoo import entry

HALVES = [{"x": sample["x"].astype(np.float16)} for sample in SAMPLES]


def residual(dtype: Any = np.float32) -> onnx.ModelProto:
    """Conv → Clip → Conv, added to the first → Relu → Conv → Clip to −1 … 1, an output."""
    conv = [
        helper.make_node("Conv", [x, w, "b"], [y], f"conv_{y}", pads=[1, 1, 1, 1])
        for x, w, y in (("x", "w1", "c"), ("d", "w2", "e"), ("r", "w3", "g"))
    ]
    nodes = [
        conv[0],
        helper.make_node("Clip", ["c", "zero", "six"], ["d"], "clip"),
        conv[1],
        helper.make_node("Add", ["d", "e"], ["a"], "add"),
        helper.make_node("Relu", ["a"], ["r"], "relu"),
        conv[2],
        helper.make_node("Clip", ["g", "least", "one"], ["y"], "last"),
    ]
    limits: dict[str, Any] = {"zero": 0, "six": 6, "least": -1, "one": 1}
    weights = {"w1": values(4, 3, 3, 3), "w2": values(4, 4, 3, 3), "w3": values(4, 4, 3, 3), "b": values(4)}
    arrays = {name: np.asarray(one, dtype) for name, one in (weights | limits).items()}
    return net(nodes, {"x": (dtype, 1, 3, 16, 16)}, {"y": (dtype, 1, 4, 16, 16)}, arrays)


RESIDUAL = prepare(residual())
MIXTURES = [{}, {"add": "float"}, {"conv_c": "float"}, {"conv_e": "w8a16"}, {"conv_g": "float", "add": "w16a16"}]


@pytest.mark.parametrize("mixture", MIXTURES)
@pytest.mark.parametrize("precision", PRESETS)
def test_a_models_own_encodings_give_the_same_units(precision: str, mixture: dict[str, str]) -> None:
    made = quantize_model(RESIDUAL, calibrate(RESIDUAL, SAMPLES), precision, mixture)
    again = apply(RESIDUAL, read(json.loads(json.dumps(write(export(made), "qnn")))))
    assert _all(again.model) == _all(made)
    assert _units(again.model) == _units(made)
    np.testing.assert_array_equal(run(again.model, SAMPLES[0]), run(made, SAMPLES[0]))


def _units(model: onnx.ModelProto) -> dict[str, str]:
    return {unit.id: unit.op_type for unit in Model.load(model).units}


def test_a_clip_is_left_out_only_where_quantizing_clips_as_well() -> None:
    def kept(*entries: Encoding) -> bool:
        return "clip" in _units(apply(RESIDUAL, Encodings(entries)).model)

    def d(high: float, zero: int = 0) -> Encoding:
        return Encoding("d", "activation", "uint8", (float(np.float32(high / 255)),), (zero,))

    assert not kept(d(6.0))
    assert not kept(d(4.0))
    assert kept(d(6.1))
    assert kept(d(4.0, 3))
    assert kept(d(6.0), *activations("c"))
    assert kept(d(6.0), Encoding("c", "activation", "float32"))
    assert kept()


def net_of_one_channel() -> onnx.ModelProto:
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], "conv")
    return net([node], {"x": (1, 3, 16, 16)}, {"y": (1, 1, 14, 14)}, {"w": values(1, 3, 3, 3), "b": values(1)})


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("made", [cnn, residual, net_of_one_channel, transformer])
def test_networks_encodings_and_back(made: Any, format: str) -> None:
    samples = MASKED if made is transformer else SAMPLES
    _there_and_back(prepare(made()), samples, "w8a8", format)


@pytest.mark.parametrize("mixture", [{}, {"gemm_h": "float"}, {"gemm_y": "float"}])
def test_a_weight_with_a_copy_for_another_use(mixture: dict[str, str]) -> None:
    nodes = [
        helper.make_node("Gemm", [x, "w"], [y], f"gemm_{y}", transB=turned)
        for x, y, turned in (("x", "h", 0), ("h", "y", 1))
    ]
    model = prepare(net(nodes, {"x": (2, 8)}, {"y": (2, 8)}, {"w": values(8, 8)}))
    samples = [{"x": values(2, 8, seed=seed)} for seed in range(4)]
    made = quantize_model(model, calibrate(model, samples), "w8a8", mixture)
    again = apply(model, export(made)).model
    assert carried(again) == carried(made)
    assert _units(again) == _units(made)


@pytest.mark.parametrize("filled_by", [None, "w8a8"])
def test_half_floats_are_float32_inside_and_named_as_outside(filled_by: str | None) -> None:
    model = prepare(residual(np.float16))
    made = quantize_model(model, calibrate(model, HALVES), "w8a8")
    found = export(made)
    assert {"x", "w1", "r", "y"} <= carried(made).keys()
    some = Encodings(found.entries[::2]) if filled_by else found
    again = apply(model, filled(model, some, found) if filled_by else some)
    assert not again.unmatched
    assert carried(again.model) == carried(made)
    assert _units(again.model) == _units(made)
    assert [one.name for one in settled(model, found).entries] == [one.name for one in found.entries]
    np.testing.assert_array_equal(run(again.model, HALVES[0]), run(made, HALVES[0]))


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(networks(), st.sampled_from(sorted(PRESETS)), st.sampled_from(FORMATS), st.data())
def test_random_networks_encodings_and_back(
    model: onnx.ModelProto, precision: str, format: str, data: st.DataObject
) -> None:
    """With one unit in another precision, or in float."""
    ready = prepare(model)
    unit = data.draw(st.sampled_from([unit.id for unit in ready.units]))
    level = data.draw(st.sampled_from(["float", *PRESETS]))
    _there_and_back(ready, feeds(model, 2), precision, format, {unit: level})


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["w8a8", "w4a16"])
@pytest.mark.parametrize("name", ["mtcnn-rnet", "ppocr-cls", "ppocr-det", "silero-sequence", "basic-pitch"])
def test_real_networks_encodings_and_back(name: str, precision: str) -> None:
    chosen = entry(name)
    loaded = Model.load(chosen.path)
    real = chosen.inputs()
    shapes = {info.name: real[info.name].shape for info in loaded.inputs if not info.static}
    model = prepare(loaded, shapes)
    _there_and_back(model, [random_inputs(model.inputs, seed) for seed in range(2)], precision, "qnn")


def _there_and_back(
    model: Model, samples: list[Any], precision: str, format: str, mixture: dict[str, str] | None = None
) -> None:
    try:
        made = quantize_model(model, calibrate(model, samples), precision, mixture)
    except UsageError:  # three types for one value
        return
    again = apply(model, read(json.loads(json.dumps(write(export(made), format)))))
    assert not again.unmatched
    assert _all(again.model) == _all(made)
    assert _units(again.model) == _units(made)
    np.testing.assert_array_equal(run(again.model, samples[0]), run(made, samples[0]))


def _all(model: onnx.ModelProto) -> dict[Any, Encoding]:
    return {(one.name, one.readers): one for one in export(model).entries}
