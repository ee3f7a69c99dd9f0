"""What would happen on a Snapdragon, as far as it can be tried without one: the library's session is stood in for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import zif
from onnx import helper
from qnn_gpu.graphs import FLOAT, HALF, convolutions, model
from zif import Compiled
from zif.backends.defaults import compile as plain
from zif.model import Model
from zif_qnn_gpu import artifact, executable, report
from zif_qnn_gpu.options import GpuOptions
from zif_qnn_runtime import Status

HEAD = "Msg Timestamp,Message,Time,Unit of Measurement,Timing Source,Event Level,Event Identifier\n"
NOTED = HEAD + (
    "0,NODE,300,CYCLES,BACKEND,SUB-EVENT,a:OpId_1 (cycles)\n"
    "0,NODE,100,CYCLES,BACKEND,SUB-EVENT,b:OpId_2 (cycles)\n"
    "0,NODE,0,CYCLES,BACKEND,SUB-EVENT,fused:OpId_3 (cycles)\n"
    "0,EXECUTE,40,US,BACKEND,ROOT,QNN (execute) time\n"
)
X = np.random.default_rng(5).normal(size=(1, 3, 8, 8)).astype(np.float32)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[onnx.ModelProto]:
    """The models that were handed to libQnnGpu, which ONNX Runtime's CPU provider runs in its place."""
    seen: list[onnx.ModelProto] = []

    def session(data: bytes, backend: str, given: Any = None, **__: Any) -> onnxruntime.InferenceSession:
        assert backend == "gpu"
        if given is not None and given.profiling_file_path:  # what QNN would note of two runs, and of one before
            Path(given.profiling_file_path).write_text(NOTED * 3)
        seen.append(onnx.load_model_from_string(data))
        return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])

    there = Status("gpu", True, "hardware", path=None)
    monkeypatch.setattr(executable, "status", lambda _: there)
    monkeypatch.setattr(report, "status", lambda _: there)
    monkeypatch.setattr(executable, "open_session", session)
    return seen


def compiled(proto: onnx.ModelProto) -> Compiled:
    return plain(artifact.convert(Model.load(proto)))


def kinds(proto: onnx.ModelProto) -> set[int]:
    return {tensor.data_type for tensor in proto.graph.initializer if len(tensor.dims) > 1}


def test_a_real_gpu_is_hardware_without_a_label(opened: list[onnx.ModelProto]) -> None:
    found = report.report(zif.target("snapdragon-8-elite"), None)
    assert (found.kind, found.label, found.isolate) == ("hardware", "", False)


def test_the_library_gets_the_segment_in_float16_or_as_it_is(opened: list[onnx.ModelProto]) -> None:
    artifact = compiled(convolutions())
    exact = executable.load(artifact, GpuOptions(precision_mode="fp32")).run({"x": X})["y"]
    half = executable.load(artifact, GpuOptions()).run({"x": X})["y"]
    assert [kinds(proto) for proto in opened] == [{FLOAT}, {HALF}]
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, exact, atol=2e-3)
    assert not np.array_equal(half, exact)


def test_the_operators_are_timed_in_a_session_that_notes_them(opened: list[onnx.ModelProto]) -> None:
    loaded = executable.load(compiled(convolutions()), GpuOptions(precision_mode="fp32"))
    assert len(opened) == 1
    assert loaded.unit_times({"x": X}, 2) == {"a": 30.0, "b": 10.0}
    assert len(opened) == 2
    loaded.close()


def test_outputs_that_depend_on_no_input_are_given_beside_those_of_the_library(opened: list[onnx.ModelProto]) -> None:
    nodes = [
        helper.make_node("Exp", ["w"], ["k"], "constant"),
        helper.make_node("Relu", ["x"], ["y"], "relu"),
    ]
    weight = {"w": np.zeros((64, 64), np.float32)}
    proto = model(nodes, {"x": (FLOAT, [2])}, {"k": (FLOAT, [64, 64]), "y": (FLOAT, [2])}, weight)
    found = executable.load(compiled(proto), GpuOptions()).run({"x": np.array([-1, 2], np.float32)})
    np.testing.assert_array_equal(found["k"], np.ones((64, 64), np.float32))
    np.testing.assert_array_equal(found["y"], [0, 2])
    assert [value.name for value in opened[0].graph.output] == ["y"]


def test_a_closed_segment_says_so(opened: list[onnx.ModelProto]) -> None:
    one = executable.load(compiled(convolutions()), GpuOptions())
    one.close()
    one.close()
    with pytest.raises(zif.ZifError, match="closed"):
        one.run({"x": X})
