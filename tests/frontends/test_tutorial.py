"""The tutorial's SimpleModel in each framework: one command to a plan, one to a run on the emulated chip.

In Caffe it is in tests/caffe/test_tutorial.py, which needs no framework.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.needs("zif-qnn-htp", "zif-qnn-cpu")]

TORCH = """
import torch
import torch.nn as nn


class SimpleModel(nn.Module):
    def __init__(self):
        super(SimpleModel, self).__init__()
        torch.manual_seed(0)
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = self.relu(self.conv1(x))
        x = self.relu(self.conv2(x))
        x = self.pool(x)
        x = x.view(x.size(0), -1)
        x = self.fc(x)
        return x
"""
KERAS = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np, tensorflow as tf

keras.utils.set_random_seed(0)
layers = keras.layers
net = keras.Sequential([
    keras.Input((224, 224, 3), batch_size=1, name="input"),
    layers.Conv2D(32, 3, padding="same", activation="relu", name="conv1"),
    layers.Conv2D(64, 3, padding="same", activation="relu", name="conv2"),
    layers.GlobalAveragePooling2D(name="pool"),
    layers.Dense(10, name="output"),
])
net.save("simple.keras")


def pictures():
    for seed in range(4):
        yield [np.random.default_rng(seed).standard_normal((1, 224, 224, 3)).astype(np.float32)]


converter = tf.lite.TFLiteConverter.from_keras_model(net)
open("simple.tflite", "wb").write(converter.convert())
converter = tf.lite.TFLiteConverter.from_keras_model(net)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = pictures
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
open("int8.tflite", "wb").write(converter.convert())
"""
JAX = """
import jax
from flax import nnx


class SimpleModel(nnx.Module):
    def __init__(self):
        rngs = nnx.Rngs(0)
        self.conv1 = nnx.Conv(3, 32, (3, 3), rngs=rngs)
        self.conv2 = nnx.Conv(32, 64, (3, 3), rngs=rngs)
        self.fc = nnx.Linear(64, 10, rngs=rngs)

    def __call__(self, x):
        x = nnx.relu(self.conv2(nnx.relu(self.conv1(x))))
        return self.fc(x.mean((1, 2)))
"""


def told(found: Any, folder: Path, *words: str) -> Any:
    done = found.zif(*words, "-t", "snapdragon-8-gen-3", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def reach_the_chip(found: Any, folder: Path, source: str, *words: str) -> Any:
    """Plan and run; gives how the conversion was held against its source."""
    assert "qnn_htp" in {row["backend"] for row in told(found, folder, "plan", source, *words)["segments"]}
    ran = told(found, folder, "run", source, *words, "--random", "0")
    assert ran["emulated"]
    assert ran["agreement"]["word"] == "right", ran["agreement"]
    reports = [json.loads(one.read_text()) for one in Path(found.environment["ZIF_CACHE"]).rglob("zif-report.json")]
    (check,) = [one["check"] for one in reports if one["source"] == source]
    assert (check["skipped"], check["samples"]) == ("", 3)
    return check["outputs"][0]


def test_in_pytorch(frameworks: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "tutorial.py").write_text(TORCH)
    found = frameworks("torch", "zif-torch", "torchvision", "torchao")
    source = "tutorial.py:SimpleModel"
    assert "qnn_htp" in str(told(found, tmp_path, "plan", source, "--shape", "x=1,3,224,224")["segments"])
    ran = told(found, tmp_path, "run", source, "--shape", "x=1,3,224,224", "--random", "0")
    assert ran["emulated"]
    assert ran["agreement"]["word"] == "right", ran["agreement"]


@pytest.fixture(scope="module")
def keras(frameworks: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    found, folder = frameworks("tensorflow", "zif-tensorflow"), tmp_path_factory.mktemp("keras")
    found.python("tensorflow", KERAS, folder)
    return found, folder


@pytest.mark.parametrize("source", ["simple.keras", "simple.tflite"])
def test_in_keras_and_tflite(keras: tuple[Any, Path], source: str) -> None:
    row = reach_the_chip(*keras, source)
    assert row["equal"] or row["sqnr_db"] > 90


def test_in_tflite_int8(keras: tuple[Any, Path]) -> None:
    row = reach_the_chip(*keras, "int8.tflite")
    assert row["equal"] or row["sqnr_db"] > 40


def test_in_jax(frameworks: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "tutorial.py").write_text(JAX)
    found = frameworks("jax", "zif-jax", "flax")
    ran = told(found, tmp_path, "run", "tutorial.py:SimpleModel", "--shape", "x=1,224,224,3", "--random", "0")
    assert ran["emulated"]
    assert ran["agreement"]["word"] == "right", ran["agreement"]
    assert "qnn_htp" in str(told(found, tmp_path, "plan", "tutorial.py:SimpleModel", "--shape", "x=1,224,224,3"))
