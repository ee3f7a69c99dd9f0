"""Encodings in four formats: round trips to the bit, exact application, and what can be wrong with a file."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quantized_nets import SAMPLES, cnn, run, sqnr
from zif.errors import InvalidInput, UsageError
from zif.model import Model
from zif.model.encodings.export import export
from zif_quantize import PRESETS, calibrate, prepare, quantize_model
from zif_quantize.qdq import FORMATS, Encoding, Encodings, apply, filled, read, repaired, settled, strip, write

MODEL = prepare(cnn())
RANGES = calibrate(MODEL, SAMPLES)


def by_name(encodings: Encodings) -> dict[Any, Encoding]:
    return {(one.name, one.readers): one for one in encodings.entries}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("mixture", [{}, {"add": "w8a16", "gemm": "float"}, {"conv2": "w16a16", "sigmoid": "w8a16"}])
@pytest.mark.parametrize("precision", PRESETS)
def test_model_to_encodings_to_model_is_equal_to_the_bit(precision: str, mixture: dict[str, str], format: str) -> None:
    made = quantize_model(MODEL, RANGES, precision, mixture)
    document = json.loads(json.dumps(write(export(made), format)))
    found = read(document)
    assert found.format == format
    assert not found.problems
    for float_model in (MODEL, Model.load(strip(made))):
        again = apply(float_model, found)
        onnx.checker.check_model(again.model, full_check=True)
        assert not again.unmatched
        assert by_name(export(again.model)) == by_name(export(made))
        np.testing.assert_array_equal(run(again.model, SAMPLES[0]), run(made, SAMPLES[0]))


SCALES = st.floats(2.0**-40, 2.0**20, width=32)


@st.composite
def random_encodings(draw: st.DrawFn) -> Encodings:
    """Activations of any type and zero point, weights per tensor or per channel, for tensors of the network."""
    entries = []
    for name in draw(st.sets(st.sampled_from(["x", "r1", "c2", "a", "s", "y"]))):
        dtype = draw(st.sampled_from(["uint8", "uint16", "int8", "int16"]))
        bits = int(dtype.lstrip("uint"))
        low = 0 if dtype.startswith("u") else -(2 ** (bits - 1))
        zero = draw(st.integers(low, low + 2**bits - 1))
        entries.append(Encoding(name, "activation", dtype, (draw(SCALES),), (zero,)))
    for name, channels, axis in (("w1", 8, 0), ("w2", 8, 0), ("w3", 5, 1)):
        if draw(st.booleans()):
            dtype = draw(st.sampled_from(["int8", "int16", "int4"]))
            count = channels if draw(st.booleans()) else 1
            scales = tuple(draw(st.lists(SCALES, min_size=count, max_size=count)))
            entries.append(Encoding(name, "param", dtype, scales, (0,) * count, axis if count > 1 else None))
    return Encodings(tuple(entries))


@settings(max_examples=60, deadline=None)
@given(random_encodings(), st.sampled_from(FORMATS), st.sampled_from(FORMATS))
def test_any_encodings_survive_every_format_and_a_model(given_: Encodings, first: str, second: str) -> None:
    once = read(json.loads(json.dumps(write(given_, first))))
    twice = read(json.loads(json.dumps(write(settled(MODEL, once), second))))
    assert not once.problems
    assert not twice.problems
    made = apply(MODEL, twice)
    assert set(made.matched) == {one.name for one in given_.entries}
    carried = {one.name: one for one in export(made.model).entries if one.dtype != "int32"}
    wanted = {one.name: one for one in given_.entries}
    assert {name: attrs.evolve(one, kind="param") for name, one in carried.items()} == {
        name: attrs.evolve(one, kind="param") for name, one in wanted.items()
    }


def test_a_derived_bias_has_the_scale_of_input_times_weight() -> None:
    entries = (
        Encoding("x", "activation", "uint8", (0.03125,), (128,)),
        Encoding("w1", "param", "int8", tuple(np.float32(0.001 * k).item() for k in range(1, 9)), (0,) * 8, 0),
    )
    made = {one.name: one for one in export(apply(MODEL, Encodings(entries)).model).entries}
    assert made["b1"].dtype == "int32"
    assert made["b1"].scale == tuple(float(np.float32(0.03125) * np.float32(s)) for s in entries[1].scale)


def test_what_matched_nothing_and_what_nothing_matched_is_told() -> None:
    entries = (
        Encoding("x", "activation", "uint8", (0.1,), (0,)),
        Encoding("gone", "activation", "uint8", (0.1,), (0,)),
    )
    made = apply(MODEL, Encodings(entries))
    assert made.matched == ("x",)
    assert made.unmatched == ("gone",)
    assert {"c1", "a", "y", "w1", "w2", "w3"} <= set(made.uncovered)
    assert not {"x", "b1"} & set(made.uncovered)


def test_calibration_fills_what_a_file_leaves_open_and_changes_nothing_that_it_says() -> None:
    said = Encoding("r1", "activation", "uint8", (0.015625,), (3,))
    full = filled(MODEL, Encodings((said,)), export(quantize_model(MODEL, RANGES)))
    made = apply(MODEL, full).model
    found = by_name(export(made))
    assert found["r1", ()] == said
    assert found["b2", ()].scale == tuple(float(np.float32(0.015625) * np.float32(s)) for s in found["w2", ()].scale)
    assert sqnr(run(cnn(), SAMPLES[0]), run(made, SAMPLES[0])) > 20


TUTORIAL = {
    "activation_encodings": {
        "conv1/Relu:0": {"bitwidth": 8, "max": 6.0, "min": 0.0, "scale": 0.023529, "offset": 0},
    },
    "param_encodings": {
        "conv1.weight": {"bitwidth": 8, "max": 2.5, "min": -2.5, "scale": 0.019608, "offset": 127},
    },
    "activation_bitwidth": 8,
    "param_bitwidth": 8,
    "bias_bitwidth": 32,
}


def test_the_tutorials_file_is_read_and_its_wrong_sign_is_told() -> None:
    found = read(TUTORIAL)
    assert found.format == "qnn"
    assert found.defaults == {"activation": 8, "param": 8, "bias": 32}
    (right,) = found.entries
    assert (right.name, right.dtype, right.zero_point) == ("conv1/Relu:0", "uint8", (0,))
    assert right.scale == (float(np.float32(0.023529)),)
    (wrong,) = found.problems
    assert wrong.name == "conv1.weight"
    assert wrong.text.startswith("offset 127 is positive, but real = (stored + offset) × scale")
    assert wrong.text.endswith("min and max give -127") or wrong.text.endswith("min and max give -128")
    fixed = {one.name: one for one in repaired(found).entries}["conv1.weight"]
    assert fixed.zero_point[0] in (127, 128)
    assert fixed.scale == (float(np.float32(5 / 255)),)


def entry(**changes: Any) -> dict[str, Any]:
    good = {"bitwidth": 8, "min": -1.0, "max": 1.55, "scale": 0.01, "offset": -100}
    return {"activation_encodings": {"x": [{**good, **changes}]}, "param_encodings": {}}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"bitwidth": 7}, "bitwidth 7 is none of 4, 8, 16, 32"),
        ({"bitwidth": None}, "bitwidth None is none of"),
        ({"min": 2.0}, "min 2 is greater than max 1.55"),
        ({"scale": 0.0}, "scale 0 is zero"),
        ({"scale": -0.01}, "scale -0.01 is negative"),
        ({"scale": float("nan")}, "scale nan is no number"),
        ({"scale": 1e-40}, "outside what float32 holds"),
        ({"scale": 0.02}, "scale 0.02 does not follow from min -1, max 1.55 and 8 bits, which give 0.01"),
        ({"offset": -50}, "offset -50 does not follow from min -1 and scale 0.01, which give -100"),
        ({"offset": 100}, "offset 100 is positive"),
        ({"offset": -300}, "offset -300 is below -255"),
        ({"offset": -100.5}, "offset -100.5 is no whole number"),
        ({"scale": "0.01"}, "scale '0.01' is no number"),
        ({"scale": None}, "has an offset without a scale"),
        ({"offset": [-100]}, "offset [-100] is no number"),
        ({"scale": 10**400}, "scale inf is no number"),
        ({"max": 10**400}, "max is far too large"),
        ({"axis": "k"}, "axis 'k' is no dimension"),
    ],
)
def test_a_wrong_entry_is_told_and_never_gets_into_a_model(changes: dict[str, Any], text: str) -> None:
    found = read(entry(**changes))
    assert not found.entries
    assert text in str(found.problems[0])
    with pytest.raises(InvalidInput) as told:
        apply(MODEL, found)
    assert text in str(told.value)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"y_zero_point": math.inf}, "y_zero_point holds inf, which is no whole number"),
        ({"y_zero_point": math.nan}, "y_zero_point holds nan"),
        ({"axis": [0]}, "axis [0] is no dimension"),
        ({"output_dtype": None, "dtype": "float"}, "dtype 'float' is none of float8, float16, float32"),
    ],
)
def test_a_wrong_entry_of_version_2_is_told(changes: dict[str, Any], text: str) -> None:
    good = {"name": "x", "output_dtype": "uint8", "y_scale": 0.01, "y_zero_point": 100}
    found = read({"version": "2.0.0", "encodings": [{**good, **changes}]})
    assert not found.entries
    assert text in str(found.problems[0])


def test_min_and_max_alone_are_enough() -> None:
    (found,) = read(entry(scale=None, offset=None)).entries
    assert found.scale == (float(np.float32(0.01)),)
    assert found.zero_point == (100,)


def test_channels_that_do_not_fit_are_told() -> None:
    wrong = Encoding("w1", "param", "int8", (0.1,) * 5, (0,) * 5)
    with pytest.raises(
        InvalidInput, match=r"'w1' has 5 channels, but the weight is \[8, 3, 3, 3\] and has 8 on axis 0"
    ):
        apply(MODEL, Encodings((wrong,)))
    with pytest.raises(InvalidInput, match=r"'r1' has 2 channels, but the tensor is an activation"):
        apply(MODEL, Encodings((Encoding("r1", "activation", "uint8", (0.1, 0.2), (0, 0)),)))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), 1e-40])
def test_a_bad_scale_is_refused_whatever_way_it_comes(scale: float) -> None:
    with pytest.raises(InvalidInput, match="must never get into a model"):
        apply(MODEL, Encodings((Encoding("x", "activation", "uint8", (scale,), (0,)),)))


def test_versions_of_aimet_as_its_specification_has_them() -> None:
    flat = {"version": "1.0.0", "activation_encodings": [], "param_encodings": []}
    flat["activation_encodings"].append(  # type: ignore[attr-defined]
        {
            "name": "x",
            "enc_type": "PER_TENSOR",
            "dtype": "INT",
            "bw": 8,
            "is_sym": False,
            "scale": [0.1],
            "offset": [-3],
        }
    )
    flat["param_encodings"].append(  # type: ignore[attr-defined]
        {
            "name": "w1",
            "enc_type": "PER_CHANNEL",
            "dtype": "INT",
            "bw": 8,
            "is_sym": True,
            "scale": [0.1] * 8,
            "offset": [-128] * 8,
        }
    )
    activation, weight = read(flat).entries
    assert (activation.dtype, activation.zero_point) == ("uint8", (3,))
    assert (weight.dtype, weight.zero_point) == ("int8", (0,) * 8)
    second = {"name": "x", "y_scale": 0.01, "y_zero_point": 41, "output_dtype": "uint8"}
    (standard,) = read({"version": "2.0.0", "encodings": [second]}).entries
    assert (standard.dtype, standard.zero_point) == ("uint8", (41,))
    blocks = {"name": "w", "y_scale": [[0.1]], "axis": 1, "block_size": 32, "output_dtype": "int4"}
    (problem,) = read({"version": "2.0.0", "encodings": [blocks]}).problems
    assert "per block" in str(problem)
    legacy = {"version": "0.6.1", "activation_encodings": {"x": [{"bitwidth": 16, "dtype": "float"}]}}
    assert read(legacy).entries[0].is_float


def test_files_that_are_no_encodings(tmp_path: Path) -> None:
    path = tmp_path / "e.json"
    for text, told in (("{", "is not valid JSON"), ("[]", "not a JSON object"), ('{"a": 1}', "has no encodings")):
        path.write_text(text)
        with pytest.raises(InvalidInput, match=told):
            read(path)
    for odd in (5, "mm", [5]):
        conversion = {"name": "x", "bw": 8, "readers": odd}
        with pytest.raises(InvalidInput, match="readers of 'x' in zif_conversions"):
            read({"version": "1.0.0", "activation_encodings": [], "zif_conversions": [conversion]})
    for odd in (None, [], "x"):
        document = {"version": "1.0.0", "activation_encodings": [], "quantizer_args": odd, "param_bitwidth": 8}
        assert read(document).defaults == {"param": 8}
    with pytest.raises(InvalidInput, match="cannot be read"):
        read(tmp_path / "none.json")
    channels = Encodings((Encoding("w", "param", "int8", (0.1, 0.2), (0, 0)),))
    with pytest.raises(UsageError, match=r"needs the axis of the 2 channels of 'w'.* give the model too"):
        write(channels, "2.0.0")
    with pytest.raises(UsageError, match="unknown format"):
        write(Encodings(()), "3.0.0")
