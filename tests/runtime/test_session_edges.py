"""Sessions at the edges of a graph: inputs that nothing reads, outputs known before running, defaults, scalars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import parser

X = np.array([1, -2], np.float32)
BOTH = ("qnn_cpu", "reference")


def parsed(text: str) -> onnx.ModelProto:
    return parser.parse_model(f'<ir_version: 9, opset_import: ["" : 18]> {text}')


def load(text: str, **wishes: Any) -> zif.Session:
    return zif.load(parsed(text), **{"only": BOTH, "cache": False, **wishes})


@pytest.mark.parametrize("only", BOTH)
def test_an_input_that_nothing_reads(only: str) -> None:
    with load("g (float[2] x, float[2] unread) => (float[2] y) { y = Neg(x) }", only=[only]) as session:
        assert [info.name for info in session.inputs] == ["x", "unread"]
        assert session.run({"x": X, "unread": X})["y"].tolist() == [-1, 2]
        with pytest.raises(zif.InvalidInput, match="'unread' is missing"):
            session.run({"x": X})


def test_outputs_known_before_running() -> None:
    text = "g (float[2] x) => (float[2] y, float[2] w) <float[2] w = {3, 4}> { y = Add(x, w) }"
    with load(text) as session:
        for _ in range(2):
            outputs = session.run({"x": X})
            assert list(outputs) == ["y", "w"]
            assert (outputs["y"].tolist(), outputs["w"].tolist()) == ([4, 2], [3, 4])
            outputs["w"][:] = 99  # the caller's own


def test_a_model_without_any_unit() -> None:
    with load("g () => (float[2] w) { w = Constant<value_floats = [3.0, 4.0]>() }") as session:
        assert session.plan.segments == ()
        assert session.run()["w"].tolist() == [3, 4]


DEFAULT = "g (float[2] x, float[2] w) => (float[2] y) <float[2] w = {1, 2}> { a = Add(x, w) b = Neg(a) y = Abs(b) }"


@pytest.mark.parametrize("pin", [{}, {"op:Neg": "reference"}, {"op:Add": "reference"}, {"*": "reference"}])
def test_an_input_with_a_default(pin: dict[str, str]) -> None:
    """Only the segments that read it are handed what the caller gives instead."""
    with load(DEFAULT, pin=pin) as session:
        assert session.run({"x": X})["y"].tolist() == [2, 0]
        assert session.run({"x": X, "w": X})["y"].tolist() == [2, 4]
        assert session.run({"x": X})["y"].tolist() == [2, 0]


def test_an_input_with_a_default_in_a_bundle(tmp_path: Path) -> None:
    zif.compile(parsed(DEFAULT), tmp_path / "b.zif", pin={"op:Neg": "reference"}, only=BOTH, cache=False)
    with zif.load(tmp_path / "b.zif") as session:
        assert len(session.plan.segments) == 3
        assert session.run({"x": X})["y"].tolist() == [2, 0]
        assert session.run({"x": X, "w": X})["y"].tolist() == [2, 4]


def test_numpy_scalars_are_arrays_of_rank_0() -> None:
    with load("g (float x) => (float y) { y = Neg(x) }", only=["qnn_cpu"]) as session:
        assert session.run({"x": np.float32(3)})["y"].item() == -3
