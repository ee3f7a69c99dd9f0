"""Every model of the zoo on zif: whole on qnn_cpu exactly as ONNX Runtime alone, split over two backends nearly so."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from functools import cache
from itertools import cycle
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import zif
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zif.model import Model
from zoo import Entry, all_entries, entry

BOTH = ("qnn_cpu", "reference")
#: How far outputs may drift, as a part of the largest one: roundings grow with depth, and jump where one of them flips
#: an 8-bit step of a dynamically quantized model.
DRIFT = {"ddddocr-int8": 0.05, "basic-pitch": 5e-4}
#: A unit that the evaluator's Python loops need seconds for; a split that lands on it belongs in the long run.
SECONDS = ("mtcnn-rnet", "ppocr-det", "ppocr-rec", "basic-pitch", "light-")


def zoo(*, seconds: tuple[str, ...] = ()) -> list[Any]:
    """The zoo as test parameters; marked slow: what is large, and what starts with one of `seconds`."""
    slow = {e.name: e.slow or e.name.startswith(seconds) for e in all_entries()}
    return [pytest.param(name, id=name, marks=[pytest.mark.slow] if slow[name] else []) for name in slow]


def fixed(model: Entry) -> bytes:
    """The file with the dimensions of its inputs written in, and nothing else changed."""
    proto = onnx.load(model.path)
    for value in proto.graph.input:
        for dim, count in zip(value.type.tensor_type.shape.dim, model.shapes.get(value.name, ()), strict=False):
            dim.dim_value = count
    return proto.SerializeToString()


@cache
def truth(name: str, shapes: bool) -> dict[str, Any]:
    """The outputs of ONNX Runtime alone with its default options: on the file as it is, or with its shapes fixed."""
    model = entry(name)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    source = fixed(model) if shapes else model.path
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(model.inputs())), strict=True))


@pytest.mark.parametrize("shapes", [False, True], ids=["free", "fixed"])
@pytest.mark.parametrize("name", zoo())
def test_whole_on_qnn_cpu_equals_onnx_runtime(name: str, shapes: bool) -> None:
    model = entry(name)
    with zif.load(model.path, shapes=model.shapes if shapes else None, only=["qnn_cpu"], cache=False) as session:
        assert session.plan.backends == ("qnn_cpu",)
        outputs = session.run(model.inputs())
        answer = model.answer(session.run)
    assert outputs.keys() == truth(name, shapes).keys()
    for output, expected in truth(name, shapes).items():
        np.testing.assert_array_equal(outputs[output], expected, err_msg=output, strict=True)
    assert model.good(answer), f"{answer!r}, expected {model.expected!r}"


@pytest.mark.parametrize("name", zoo(seconds=SECONDS))
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(runs=st.lists(st.integers(1, 40), min_size=1, max_size=12), first=st.booleans())
def test_split_over_two_backends_agrees(name: str, runs: list[int], first: bool) -> None:
    """Runs of units alternate between the backends; `runs` gives their lengths, over and over."""
    model = entry(name)
    pin = alternating(model, runs, BOTH if first else BOTH[::-1])
    with zif.load(model.path, shapes=model.shapes, only=BOTH, pin=pin, cache=False) as session:
        outputs = session.run(model.inputs())
    for output, expected in truth(name, True).items():
        close(outputs[output], expected, DRIFT.get(name, 1e-4), output)


def alternating(model: Entry, runs: list[int], backends: tuple[str, ...]) -> Mapping[str, str]:
    """Pins that give the first units to one backend, the next to the other, and so on."""
    units = [unit.id for unit in Model.load(model.path, shapes=model.shapes).units]
    pin: dict[str, str] = {}
    for count, backend in zip(cycle(runs), cycle(backends), strict=False):
        for unit in units[len(pin) : len(pin) + count]:
            pin[glob.escape(unit)] = backend
        if len(pin) == len(units):
            return pin
    raise AssertionError("unreachable")


def close(got: Any, expected: Any, drift: float, name: str) -> None:
    assert got.dtype == expected.dtype, name
    assert got.shape == expected.shape, name
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(got, expected, err_msg=name)
    else:
        largest = float(np.abs(expected).max(initial=0))
        np.testing.assert_allclose(got, expected, rtol=0, atol=drift * largest, err_msg=name)
