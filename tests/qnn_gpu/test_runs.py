"""Sessions on the emulated GPU: numbers, labels, several backends, the artifact's way through a bundle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import zif
from onnx import helper
from qnn_gpu.graphs import FLOAT, convolutions, model
from qnn_gpu.test_rounding import one_by_one
from typer.testing import CliRunner
from zif.cli.app import application
from zif.model import Model
from zif_qnn_gpu.report import LABEL
from zif_qnn_runtime import host_kind

CHIP = "snapdragon-8-elite"
X = np.random.default_rng(3).normal(size=(1, 3, 8, 8)).astype(np.float32)
pytestmark = pytest.mark.skipif(host_kind() == "hardware", reason="needs a machine without an Adreno GPU")


def test_a_session_gives_what_rounding_at_every_tensor_gives() -> None:
    with zif.load(convolutions(), CHIP, only="qnn_gpu", cache=False) as session:
        found = session.run({"x": X})["y"]
    np.testing.assert_array_equal(found, one_by_one(Model.load(convolutions()), {"x": X})["y"])
    assert session.plan.emulated == ("qnn_gpu",)
    assert session.plan.emulation == f"qnn_gpu: {LABEL}"
    assert {segment.label for segment in session.plan.segments} == {LABEL}


def test_in_fp32_nothing_is_rounded_and_that_is_said() -> None:
    config = {"gpu_config": {"precision_mode": "fp32"}}
    with zif.load(convolutions(), CHIP, only="qnn_gpu", config=config, cache=False) as session:
        found = session.run({"x": X})["y"]
    with zif.load(convolutions(), CHIP, only="qnn_cpu", cache=False) as session2:
        np.testing.assert_allclose(found, session2.run({"x": X})["y"], rtol=1e-5)
    assert any("rounds nothing" in note for note in session.plan.notes)


def test_gpu_and_cpu_share_a_model() -> None:
    """Erf is not on Qualcomm's list for the GPU, so the CPU has to take it."""
    proto = convolutions()
    proto.graph.node.insert(4, helper.make_node("Erf", ["d"], ["d2"], "erf"))
    proto.graph.node[5].input[0] = "d2"
    pins = {"conv*": "qnn_gpu", "matmul": "qnn_gpu", "erf": "qnn_cpu"}
    with zif.load(proto, CHIP, only=["qnn_gpu", "qnn_cpu"], pin=pins, cache=False) as session:
        found = session.run({"x": X})["y"]
    assert set(session.plan.backends) == {"qnn_gpu", "qnn_cpu"}
    with zif.load(proto, CHIP, only="qnn_cpu", cache=False) as plain:
        np.testing.assert_allclose(found, plain.run({"x": X})["y"], atol=2e-3)


def test_every_output_has_the_label(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(convolutions(), path)
    only = ["--target", CHIP, "--only", "qnn_gpu"]

    def zif_says(*words: str) -> str:
        done = CliRunner(env={"COLUMNS": "200"}).invoke(application(), [*words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    page = tmp_path / "plan.html"
    assert LABEL in zif_says("plan", str(path), *only, "--html", str(page))
    assert LABEL in page.read_text()
    assert LABEL in zif_says("run", str(path), *only, "--random", "0")
    told = json.loads(zif_says("run", str(path), *only, "--random", "0", "--json"))
    assert [(one["kind"], one["label"]) for one in told["segments"]] == [("emulator", LABEL)]
    assert LABEL in zif_says("profile", str(path), *only, "--random", "0", "-n", "2", "--warmup", "0")
    bundle = str(tmp_path / "m.zif")
    assert LABEL in zif_says("compile", str(path), *only, "-o", bundle)
    assert LABEL in zif_says("run", bundle, "--random", "0")
    assert LABEL in zif_says("backends")


def test_weights_in_files_are_rounded_where_they_are(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(convolutions(), path, save_as_external_data=True, location="w.bin", size_threshold=100)
    with zif.load(path, CHIP, only="qnn_gpu", cache=False) as session:
        found = session.run({"x": X})["y"]
    np.testing.assert_array_equal(found, one_by_one(Model.load(convolutions()), {"x": X})["y"])


def test_overflow_comes_out_as_infinity() -> None:
    nodes = [helper.make_node("Mul", ["x", "x"], ["y"], "mul")]
    proto = model(nodes, {"x": (FLOAT, [2])}, {"y": (FLOAT, [2])})
    with zif.load(proto, CHIP, only="qnn_gpu", cache=False) as session:
        found = session.run({"x": np.array([300.0, 2.0], np.float32)})["y"]
    np.testing.assert_array_equal(found, np.array([np.inf, 4.0], np.float32))


def test_the_float16_model_for_a_real_gpu_is_whole_and_taken_by_the_library(gpu_library: None) -> None:
    """What a Snapdragon would open: types are float16 inside, and libQnnGpu says yes to every node of it."""
    from zif_qnn_gpu.half import halved
    from zif_qnn_runtime import ProviderOptions, query, stand_ins
    from zif_qnn_runtime.graph import build

    data = halved(build(Model.load(convolutions())).data)
    proto = onnx.load_model_from_string(data)
    kinds = {t.data_type for t in proto.graph.initializer if t.name.startswith(("w", "m"))}
    assert kinds == {onnx.TensorProto.FLOAT16}
    assert [value.type.tensor_type.elem_type for value in (*proto.graph.input, *proto.graph.output)] == [FLOAT] * 2
    with stand_ins():
        answer = query(data, "gpu", ProviderOptions())
    assert answer.nodes
    assert all(node.accepted for node in answer.nodes.values()), answer
