"""Every model of the zoo on zif: whole on qnn_cpu exactly as ONNX Runtime alone, split over two backends nearly so."""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import zif
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from zif.model import Model
from zoo import Entry, all_entries, entry

BOTH = ("qnn_cpu", "reference")
#: How far outputs may drift, as a part of the largest one: roundings grow with depth, and jump where one of them flips
#: an 8-bit step of a dynamically quantized model.
DRIFT = {"ddddocr-int8": 0.05, "basic-pitch": 5e-4}
#: A failing split is told as it is: to make it smaller takes minutes of the evaluator's time.
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
#: A unit that the evaluator's Python loops need seconds for; a split that lands on it belongs in the long run.
SECONDS = ("mtcnn-rnet", "ppocr-det", "ppocr-rec", "basic-pitch", "light-")


def zoo(*, seconds: tuple[str, ...] = ()) -> list[Any]:
    """The zoo as test parameters; marked slow: what is large, and what starts with one of `seconds`."""
    slow = {e.name: e.slow or e.name.startswith(seconds) for e in all_entries()}
    return [pytest.param(name, id=name, marks=[pytest.mark.slow] if slow[name] else []) for name in slow]


def free(model: Entry) -> Path:
    """The file as it is."""
    return model.path


def fixed(model: Entry) -> bytes:
    """The file with the dimensions of its inputs written in, and nothing else changed."""
    proto = onnx.load(model.path)
    for value in proto.graph.input:
        for dim, count in zip(value.type.tensor_type.shape.dim, model.shapes.get(value.name, ()), strict=False):
            dim.dim_value = count
    return proto.SerializeToString()


def well_posed(model: Entry) -> bytes:
    """As `fixed`, and the light CNNs without the Softmax at their end.

    Their weights are all one number, so all classes have one logit, up to 1e10, and Softmax tells its last bits apart.
    """
    proto = onnx.load_from_string(fixed(model))
    last = proto.graph.node[-1]
    if model.name.startswith("light-") and last.op_type == "Softmax":
        del proto.graph.node[-1], proto.graph.output[:]
        proto.graph.output.add(name=last.input[0]).type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    return proto.SerializeToString()


@cache
def truth(name: str, source: Callable[[Entry], Path | bytes]) -> dict[str, Any]:
    """The outputs of ONNX Runtime alone with its default options."""
    model = entry(name)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(source(model), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(model.inputs())), strict=True))


@pytest.mark.parametrize("source", [free, fixed])
@pytest.mark.parametrize("name", zoo())
def test_whole_on_qnn_cpu_equals_onnx_runtime(name: str, source: Callable[[Entry], Path | bytes]) -> None:
    model = entry(name)
    with zif.load(
        model.path, shapes=model.shapes if source is fixed else None, only=["qnn_cpu"], cache=False
    ) as session:
        assert session.plan.backends == ("qnn_cpu",)
        outputs = session.run(model.inputs())
        answer = model.answer(session.run)
    assert outputs.keys() == truth(name, source).keys()
    for output, expected in truth(name, source).items():
        np.testing.assert_array_equal(outputs[output], expected, err_msg=output, strict=True)
    assert model.good(answer), f"{answer!r}, expected {model.expected!r}"


@pytest.mark.parametrize("name", zoo(seconds=SECONDS))
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), phases=UNSHRUNK)
@given(runs=st.lists(st.integers(1, 40), min_size=1, max_size=12), first=st.booleans())
def test_split_over_two_backends_agrees(name: str, runs: list[int], first: bool) -> None:
    """Runs of units alternate between the backends; `runs` gives their lengths, over and over."""
    model = entry(name)
    source = well_posed(model)
    pin = alternating(source, runs, BOTH if first else BOTH[::-1])
    escaped = {glob.escape(unit): backend for unit, backend in pin.items()}
    with zif.load(source, only=BOTH, pin=escaped, cache=False) as session:
        assert {unit.name: unit.backend for unit in session.plan.units} == pin
        outputs = session.run(model.inputs())
    for output, expected in truth(name, well_posed).items():
        close(outputs[output], expected, DRIFT.get(name, 1e-4), output)
    if not (model.task or name.startswith("light-")):
        assert model.good(model.check(outputs))


def alternating(source: bytes, runs: list[int], backends: tuple[str, ...]) -> Mapping[str, str]:
    """Pins that give the first units to one backend, the next to the other, and so on.

    ONNX Runtime's own operators stay with it: nobody else has them.
    """
    units = Model.load(source).units
    pin: dict[str, str] = {}
    for count, backend in zip(cycle(runs), cycle(backends), strict=False):
        for unit in units[len(pin) : len(pin) + count]:
            pin[unit.id] = "qnn_cpu" if unit.domain == "com.microsoft" else backend
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
