"""Layers of the NPU and of the GPU in a profile: their times, or the reason why there are none."""

from __future__ import annotations

import numpy as np
import pytest
import zif
from qnn_htp.graphs import cnn, quantized
from typer.testing import CliRunner
from zif.cli.app import application
from zif.evaluation.profiling import measure
from zif.model import Model
from zif_qnn_runtime import host_kind

CHIP = "snapdragon-8-gen-3"
pytestmark = pytest.mark.usefixtures("htp")


@pytest.mark.parametrize("build", [cnn, quantized])
@pytest.mark.parametrize("isolate", [False, True])
def test_the_npu_tells_its_layers(build: object, isolate: bool) -> None:
    model: Model = build()  # type: ignore[operator]
    with zif.load(model.proto, CHIP, only=["qnn_htp", "qnn_cpu"], pin=_pins(model), isolate=isolate) as session:
        inputs = {
            i.name: np.ones([d if isinstance(d, int) else 1 for d in i.shape or ()], i.dtype) for i in session.inputs
        }
        found = measure(session, inputs, runs=1, warmup=0)
    (on_npu,) = [one for one in found.segments if one.backend == "qnn_htp"]
    assert on_npu.untimed == ""
    assert set(on_npu.units_us) <= set(on_npu.units)
    assert len(on_npu.units_us) >= len(on_npu.units) - 1
    assert sum(on_npu.parts_us.values()) == pytest.approx(on_npu.ms.p50 * 1e3)
    timed = found.slowest_emulated if on_npu.kind == "emulator" else found.slowest
    assert {one.name for one in timed if one.backend == "qnn_htp"} == set(on_npu.parts_us)
    if on_npu.kind == "emulator":
        assert all(one.backend != "qnn_htp" for one in found.slowest)


def _pins(model: Model) -> dict[str, str]:
    return {unit.id: "qnn_htp" for unit in model.units if unit.op_type in ("Conv", "Relu")}


@pytest.mark.skipif(host_kind() == "hardware", reason="needs a machine without an Adreno GPU")
def test_the_command_shows_layers_or_says_why_not(tmp_path) -> None:
    import onnx

    onnx.save(cnn().proto, tmp_path / "m.onnx")
    words = ["profile", str(tmp_path / "m.onnx"), "--random", "0", "--runs", "1", "--warmup", "0", "-t", CHIP]
    told = CliRunner().invoke(application(), [*words, "--pin", "op:Conv=qnn_htp", "--pin", "op:Relu=qnn_htp"])
    assert told.exit_code == 0, told.output
    assert "units inside the emulator" in told.output
    assert "conv" in told.output.split("units inside the emulator")[1]
    told = CliRunner().invoke(application(), [*words, "--pin", "op:Conv=qnn_gpu"])
    assert told.exit_code == 0, told.output
    assert "there is no Adreno GPU here" in told.output
    assert "worker of qnn_gpu" in told.output
