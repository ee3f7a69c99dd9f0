"""The third-party example: on public names only, short, and one of several in a real model's plan."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zif
import zif.plugin
from onnx import TensorProto, helper, numpy_helper
from zoo import entry

SOURCE = Path(__file__).resolve().parents[2] / "examples/zif-openvino/src/zif_openvino"
installed = pytest.mark.skipif(
    importlib.util.find_spec("zif_openvino") is None,
    reason="zif-openvino is not installed: pip install ./examples/zif-openvino",
)


def test_it_is_short_and_uses_public_names_only() -> None:
    texts = [file.read_text() for file in SOURCE.glob("*.py")]
    assert len(texts) == 4
    assert sum(len(text.splitlines()) for text in texts) < 300
    for node in (node for text in texts for node in ast.walk(ast.parse(text))):
        if isinstance(node, ast.ImportFrom) and (node.module or "") in ("zif", "zif.plugin"):
            public = {"zif": zif.__all__, "zif.plugin": zif.plugin.__all__}[node.module or ""]
            assert all(alias.name in public for alias in node.names)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "zif":
            assert node.attr in zif.__all__


@installed
def test_a_real_model_runs_on_it_and_beside_others() -> None:
    """Every other unit of a network that somebody trained is given to OpenVINO, the rest to ONNX Runtime."""
    one = entry("mtcnn-rnet")
    inputs = one.inputs()
    model = zif.Model.load(one.path, shapes=one.shapes)
    taken = zif.backend("openvino").capabilities(zif.target("host"), model).verdicts
    units = [unit.id for unit in model.units if taken[unit.id].supported]
    assert len(units) > len(model.units) / 2
    pins = dict.fromkeys(units[::2], "openvino") | dict.fromkeys(units[1::2], "qnn_cpu")
    with zif.load(model, only=["qnn_cpu"], cache=False) as alone:
        want = alone.run(inputs)
    with zif.load(model, pin=pins, only=["openvino", "qnn_cpu"], cache=False) as mixed:
        have = mixed.run(inputs)
        assert set(mixed.plan.backends) == {"openvino", "qnn_cpu"}
    for name, value in want.items():
        np.testing.assert_allclose(have[name], value, rtol=1e-3, atol=1e-4)


@installed
def test_a_device_that_is_not_there_is_a_backend_that_says_what_is_missing() -> None:
    import openvino as ov

    there = {one.partition(".")[0] for one in ov.Core().available_devices}
    assert "CPU" in there
    for name, device in (("openvino", "CPU"), ("openvino_gpu", "GPU"), ("openvino_npu", "NPU")):
        answer = zif.backend(name).capabilities(zif.target("host"))
        assert answer.available == (device in there), answer.reason
        assert answer.available or f"no {device} here" in answer.reason


class Everywhere:
    """An engine that has every device: each is the CPU, so that what is computed is real."""

    def __init__(self, core: Any) -> None:
        self._core = core
        self.asked: set[str] = set()
        self.available_devices = ["CPU", "GPU.0", "GPU.1", "NPU"]

    def __getattr__(self, name: str) -> Any:
        def call(model: Any, device: str, *settings: Any) -> Any:
            self.asked.add(device)
            return getattr(self._core, name)(model, "CPU", *settings)

        return call

    def read_model(self, content: bytes) -> Any:
        return self._core.read_model(content)


@installed
def test_one_model_over_three_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    import openvino as ov
    from zif_openvino import device

    engine = Everywhere(ov.Core())
    monkeypatch.setattr(device, "_engine", lambda: engine)
    monkeypatch.setenv("ZIF_IN_PROCESS", "all")  # the engine is this process's
    monkeypatch.setattr("zif.backends.registry._opened", {})
    names = {"a": "openvino", "b": "openvino_gpu", "c": "openvino_npu"}
    made = helper.make_graph(
        [helper.make_node(kind, [i], [o], n) for kind, i, o, n in (("Relu", "x", "p", "a"), ("Exp", "p", "q", "b"))]
        + [helper.make_node("Neg", ["q"], ["y"], "c")],
        "three",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    x = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    with zif.load(model, pin=names, only=list(names.values()), cache=False) as session:
        assert session.plan.backends == tuple(names.values())
        have = session.run({"x": x})["y"]
    np.testing.assert_allclose(have, -np.exp(np.maximum(x, 0)), rtol=1e-2)
    assert engine.asked == {"CPU", "GPU", "NPU"}


@installed
def test_a_weight_that_is_read_in_two_forms() -> None:
    weight, x = (np.random.default_rng(seed).standard_normal((8, 8)).astype(np.float32) for seed in (0, 1))
    nodes = [helper.make_node("Gemm", ["x", "w"], [f"y{k}"], f"gemm{k}", transB=k) for k in (0, 1)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [8, 8]) for name in ("x", "y0", "y1")]
    graph = helper.make_graph(nodes, "shared", ends[:1], ends[1:], [numpy_helper.from_array(weight, "w")])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    with zif.load(made, only=["openvino"], cache=False) as session:
        have = session.run({"x": x})
    np.testing.assert_allclose(have["y0"], x @ weight, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(have["y1"], x @ weight.T, rtol=1e-4, atol=1e-4)
