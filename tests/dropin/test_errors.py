"""Errors have ONNX Runtime's names, bases and words: what a host catches there, it catches here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as real
import pytest
from dropin import small_models as small
from onnxruntime.capi import onnxruntime_pybind11_state as native

X = np.ones((3, 2), np.float32)


def test_every_class_is_there_with_the_same_bases(ort: Any) -> None:
    theirs = {name for name in dir(native) if isinstance(getattr(native, name), type)}
    errors = {name for name in theirs if issubclass(getattr(native, name), BaseException)}
    assert len(errors) > 10
    for name in errors:
        ours = getattr(ort.capi.onnxruntime_pybind11_state, name)
        assert ours.__name__ == name
        assert ours.__mro__[1:] == getattr(native, name).__mro__[1:]


def raised(call: Any) -> BaseException:
    with pytest.raises(Exception) as caught:
        call()
    return caught.value


def unknown() -> bytes:
    model = small.product()
    model.graph.node[0].op_type = "Nonsense"
    return model.SerializeToString()


OPENING = {
    "no file": lambda ort, folder: ort.InferenceSession(str(folder / "nowhere.onnx")),
    "no model": lambda ort, folder: ort.InferenceSession(str(folder / "garbage.onnx")),
    "bytes of none": lambda ort, _: ort.InferenceSession(b"garbage"),
    "no bytes": lambda ort, _: ort.InferenceSession(b""),
    "a folder": lambda ort, folder: ort.InferenceSession(str(folder)),
    "no such operator": lambda ort, _: ort.InferenceSession(unknown()),
    "a proto": lambda ort, _: ort.InferenceSession(small.product()),
}
RUNNING = {
    "wrong type": lambda s: s.run(None, {"X": X.astype(np.float64)}),
    "wrong rank": lambda s: s.run(None, {"X": X[0]}),
    "wrong size": lambda s: s.run(None, {"X": X[:1]}),
    "unknown input": lambda s: s.run(None, {"X": X, "Q": X}),
    "unknown output": lambda s: s.run(["Q"], {"X": X}),
    "missing": lambda s: s.run(None, {}),
    "a number": lambda s: s.run(None, {"X": 1.0}),
    "a text": lambda s: s.run(None, {"X": "abc"}),
    "a list that does not fit": lambda s: s.run(None, {"X": [[1, 2]]}),
    "no mapping": lambda s: s.run(None, X),
}


@pytest.mark.parametrize("case", OPENING)
def test_opening_fails_alike(ort: Any, case: str, tmp_path: Path) -> None:
    (tmp_path / "garbage.onnx").write_bytes(b"garbage")
    ours, theirs = (raised(lambda one=one: OPENING[case](one, tmp_path)) for one in (ort, real))
    assert type(ours).__name__ == type(theirs).__name__
    assert str(ours)[:30] == str(theirs)[:30]


@pytest.mark.parametrize("case", RUNNING)
def test_running_fails_alike(ort: Any, case: str) -> None:
    model = small.product().SerializeToString()
    sessions = [one.InferenceSession(model, providers=["CPUExecutionProvider"]) for one in (ort, real)]
    ours, theirs = (raised(lambda one=one: RUNNING[case](one)) for one in sessions)
    assert type(ours).__name__ == type(theirs).__name__
    assert case == "a text" or str(ours)[:30] == str(theirs)[:30]


def test_a_run_that_was_ended_before_it_began(ort: Any, session: Any) -> None:
    options = ort.RunOptions()
    options.terminate = True
    with pytest.raises(ort.capi.onnxruntime_pybind11_state.Fail, match="terminate flag"):
        session.run(None, {"X": X}, options)


def test_a_model_in_orts_own_format_is_refused_by_name(ort: Any, tmp_path: Path) -> None:
    onnx.save(small.product(), tmp_path / "model.onnx")
    (tmp_path / "model.onnx").rename(tmp_path / "model.ort")
    with pytest.raises(ort.capi.onnxruntime_pybind11_state.InvalidProtobuf, match="give it the .onnx file"):
        ort.InferenceSession(str(tmp_path / "model.ort"))
