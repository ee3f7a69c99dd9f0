"""The toolkit itself, in an environment that `zif env create` makes: real models, a mixed plan, ONNX's node tests.

Making the environment takes minutes and a gigabyte. ZIF_RKNN names a data folder in which it is already.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from zoo import ZooUnavailable, entry

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow
#: What fp16 may cost these models, in dB of signal to noise.
LEAST = 50.0


def python(variables: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], env=variables, cwd=ROOT / "tests", capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="session")
def rknn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables under which zif has the backend `rknn`."""
    given = os.environ.get("ZIF_RKNN")
    variables = {**os.environ, "XDG_DATA_HOME": given or str(tmp_path_factory.mktemp("data"))}
    if not given:
        done = python(variables, "-m", "zif", "env", "create", "rockchip", str(ROOT / "plugins" / "rockchip"))
        if done.returncode:
            pytest.skip(f"no environment for rknn-toolkit2 can be made here: {done.stderr[-300:]}")
    answer = json.loads(python(variables, "-m", "zif", "backends", "--json").stdout)
    rows = {row["name"]: row for row in answer["backends"]}
    assert rows["rknn"]["available"], rows["rknn"]
    assert rows["rknn"]["label"] == "simulator"
    return variables


def run(variables: dict[str, str], name: str, pin: dict[str, str]) -> Any:
    try:
        _ = entry(name).path
    except ZooUnavailable as error:
        pytest.skip(str(error))
    done = python(variables, "-m", "rockchip.real", "model", name, json.dumps(pin))
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", ["mtcnn-rnet", "magika", "ppocr-cls"])
def test_a_real_model_runs_whole_and_gives_its_answer(rknn: dict[str, str], name: str) -> None:
    found = run(rknn, name, {"op:*": "rknn"})
    print(name, found)
    assert set(found["places"]) == {"rknn"}
    assert min(found["sqnr"].values()) > LEAST
    assert found["good"]


def test_a_mixed_plan_with_the_cpu(rknn: dict[str, str]) -> None:
    found = run(rknn, "magika", {"op:Tanh": "qnn_cpu"})
    print(found)
    assert found["places"]["qnn_cpu"] >= 2
    assert found["places"]["rknn"] >= 50
    assert min(found["sqnr"].values()) > LEAST
    assert found["good"]


def test_a_document_is_all_that_is_printed(rknn: dict[str, str], tmp_path: Path) -> None:
    """The toolkit prints in colours, to both streams, as it imports, builds and runs."""
    import onnx
    from onnx import parser

    text = '<ir_version: 8, opset_import: ["": 17]> g (float[1,3,8,8] x) => (float[1,3,8,8] y) { y = Relu(x) }'
    onnx.save(parser.parse_model(text), tmp_path / "m.onnx")
    words = ("run", str(tmp_path / "m.onnx"), "-t", "rk3588", "--only", "rknn", "--random", "0", "--json")
    done = python(rknn, "-m", "zif", *words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["schema"] == "zif.run/1"
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("part", range(4))
def test_no_node_test_is_wrong_with_the_npu_first(rknn: dict[str, str], part: int) -> None:
    done = python(rknn, "-m", "rockchip.real", "nodes", str(part), "4")
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    print(found)
    assert found["wrong"] == []
    assert found["ran"] > 300
    assert found["on the NPU"] > 100
