"""The tutorial's SimpleModel, written in Caffe: one command to a plan, one to a run on the emulated chip."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from caffe.nets import saved, values

CHIP = ("-t", "snapdragon-8-gen-3")
TEXT = """
name: "simple_model"
input: "input"
input_shape { dim: 1 dim: 3 dim: 224 dim: 224 }
layer { name: "conv1" type: "Convolution" bottom: "input" top: "conv1"
        convolution_param { num_output: 32 kernel_size: 3 pad: 1 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "conv2" type: "Convolution" bottom: "conv1" top: "conv2"
        convolution_param { num_output: 64 kernel_size: 3 pad: 1 } }
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
layer { name: "pool" type: "Pooling" bottom: "conv2" top: "pool" pooling_param { pool: AVE global_pooling: true } }
layer { name: "output" type: "InnerProduct" bottom: "pool" top: "output" inner_product_param { num_output: 10 } }
"""


def simple_model(folder: Path) -> Path:
    weights = {
        "conv1": [values(1, 32, 3, 3, 3) * 0.2, values(2, 32) * 0.1],
        "conv2": [values(3, 64, 32, 3, 3) * 0.06, values(4, 64) * 0.1],
        "output": [values(5, 10, 64) * 0.1, values(6, 10) * 0.1],
    }
    return saved(folder, TEXT, weights, "simple_model")


def told(folder: Path, *words: str | Path) -> Any:
    command = [sys.executable, "-m", "zif", *map(str, words), *CHIP, "--json"]
    environment = {**os.environ, "ZIF_CACHE": str(folder / "cache")}
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.needs("zif-qnn-htp", "zif-qnn-cpu")
def test_the_tutorials_model_in_caffe_is_one_command_away_from_the_chip(tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="OpenCV 4 runs the source")
    path = simple_model(tmp_path)
    assert told(tmp_path, "plan", path)["segments"][0]["backend"] == "qnn_htp"
    ran = told(tmp_path, "run", path, "--random", "0")
    assert ran["emulated"]
    assert ran["agreement"]["word"] == "right"
    made = next((tmp_path / "cache").rglob("zif-report.json"))
    check = json.loads(made.read_text())["check"]
    assert (check["skipped"], check["samples"]) == ("", 3)
    assert check["outputs"][0]["sqnr_db"] > 100
