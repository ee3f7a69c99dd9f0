"""An exported plan in a program without Python: ONNX Runtime's C API on the library of the wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import zif
from qnn_htp.as_user import CHIP, entry

pytestmark = pytest.mark.usefixtures("htp")
SOURCE = Path(__file__).with_name("run_model.c")


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, compiled; skipped where there is no compiler of C."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        pytest.skip("no C compiler is here: install one, or name it in CC")
    made = tmp_path_factory.mktemp("c") / "run_model"
    done = subprocess.run([compiler, "-std=gnu11", "-O1", "-o", made, SOURCE, "-ldl"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return made


def libraries() -> tuple[Path, Path, Path]:
    """ONNX Runtime's own library, Qualcomm's provider and the backend, out of the wheels."""
    import onnxruntime
    import onnxruntime_qnn

    capi, qnn = Path(onnxruntime.__file__).parent / "capi", Path(onnxruntime_qnn.__file__).parent
    (own,) = capi.glob("libonnxruntime.so.*")
    return own, qnn / "libonnxruntime_providers_qnn.so", qnn / "libQnnHtp.so"


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("embed", [False, True])
def test_the_numbers_are_those_of_zif(program: Path, tmp_path: Path, split: bool, embed: bool) -> None:
    one = entry("mtcnn-rnet")
    convolutions = [unit.id for unit in zif.Model.load(one.path, one.shapes).units if unit.op_type == "Conv"]
    pin = {convolutions[1]: "qnn_cpu"} if split else {}
    made = zif.compile(one.path, tmp_path / "net.zif", CHIP, shapes=one.shapes, pin=pin, verify=False)
    zif.export(made.folder, tmp_path / "net_ctx.onnx", "onnxruntime", options={"embed": embed})
    ((_, value),) = one.inputs().items()
    value.astype(np.float32).tofile(tmp_path / "in.raw")
    words = [*libraries(), tmp_path / "net_ctx.onnx", tmp_path / "in.raw", tmp_path / "out.raw", *value.shape]
    alone = {} if split else {"NPU_ALONE": "1"}
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, env=os.environ | alone)
    assert done.returncode == 0, done.stderr
    with zif.load(made.folder) as session:
        ours = session.run(one.inputs())[session.outputs[0].name]
        assert len(session.plan.segments) == (3 if split else 1)
    found = np.fromfile(tmp_path / "out.raw", np.float32).reshape(ours.shape)
    np.testing.assert_allclose(found, ours, rtol=1e-5, atol=1e-6)


def test_the_program_fails_where_the_binary_is_missing(program: Path, tmp_path: Path) -> None:
    one = entry("mtcnn-rnet")
    made = zif.compile(one.path, tmp_path / "net.zif", CHIP, shapes=one.shapes, verify=False)
    zif.export(made.folder, tmp_path / "net_ctx.onnx", "onnxruntime")
    next(tmp_path.glob("net_ctx_*.bin")).unlink()
    ((_, value),) = one.inputs().items()
    value.astype(np.float32).tofile(tmp_path / "in.raw")
    words = [*libraries(), tmp_path / "net_ctx.onnx", tmp_path / "in.raw", tmp_path / "out.raw", *value.shape]
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "CreateSession" in done.stderr
