"""JAX comes in: real JAX and Flax, in an environment of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

NETS = """
import jax
from flax import nnx

key = jax.random.PRNGKey(0)
kernel, last = jax.random.normal(key, (3, 3, 3, 16)) * 0.2, jax.random.normal(key, (16, 10)) * 0.3


def predict(x):
    layout = ("NHWC", "HWIO", "NHWC")
    y = jax.nn.relu(jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=layout))
    return y.mean((1, 2)) @ last


def masks(x):
    layout = ("NHWC", "HWIO", "NHWC")
    y = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=layout)
    return {"mask": jax.nn.softmax(y), "mean": y.mean((1, 2))}


def two(x, y, scale=1.0):
    return x + y * scale


def pooled(x):
    return nnx.max_pool(x, (2, 2), (2, 2))


class Net(nnx.Module):
    def __init__(self):
        rngs = nnx.Rngs(0)
        self.first, self.last = nnx.Linear(8, 16, rngs=rngs), nnx.Linear(16, 3, rngs=rngs)

    def __call__(self, x):
        return self.last(nnx.relu(self.first(x)))
"""


@pytest.fixture(scope="module")
def jax(frameworks: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    found = frameworks("jax", "zif-jax", "flax")
    folder = tmp_path_factory.mktemp("jax")
    (folder / "nets.py").write_text(NETS)
    return found, folder


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nets.py:predict", ["--shape", "x=1,16,16,3"]),
        ("nets.py:predict", ["--shape", "x=1,16,16,3", "--layout", "nchw"]),
        ("nets.py:Net", ["--shape", "x=2,8"]),
    ],
)
def test_a_source_is_what_jax_computes(jax: tuple[Any, Path], source: str, words: list[str]) -> None:
    found, folder = jax
    told = found.converted(folder, source, *words)
    assert told["check"]["samples"] == 3
    assert all(row["equal"] or row["sqnr_db"] > 90 for row in told["check"]["outputs"])


def test_pictures_turn_at_the_outputs_too(jax: tuple[Any, Path]) -> None:
    found, folder = jax
    words = ["nets.py:masks", "--shape", "x=1,12,16,3", "--layout", "nchw"]
    done = found.zif("convert", *words, "-o", folder / "made.onnx", "--overwrite", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [port["shape"] for port in told["outputs"]] == [[1, 16, 12, 16], [1, 16]]
    assert [line.partition(" ")[2].split()[0] for line in told["layout"]] == ["input", "output"]
    assert told["check"]["samples"] == 3


@pytest.mark.parametrize(
    ("source", "words", "said"),
    [
        ("nets.py:predict", [], "give --shape x=1,28,28,1"),
        ("nets.py:predict", ["--shape", "y=1"], "has no input 'y'; it has x"),
        ("nets.py:two", ["--shape", "x=2,3"], "needs the input 'y', too: give --shape y="),
        ("nets.py:two", ["--shape", "x=2", "--shape", "y=2", "--shape", "z=2"], "has no input 'z'"),
        ("nets.py:pooled", ["--shape", "x=1,8,8,3"], "give max_pool its arguments by name"),
        ("nets.py:nothing", ["--shape", "x=1"], "nets.py has no 'nothing'"),
        ("nets.py:predict", ["--shape", "x=1,16,16,3", "--opset", "17"], "writes opset 21 or newer"),
    ],
)
def test_what_is_wrong_is_one_paragraph(jax: tuple[Any, Path], source: str, words: list[str], said: str) -> None:
    found, folder = jax
    done = found.zif("convert", source, "-o", folder / "wrong.onnx", *words, cwd=folder)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert said in " ".join(done.stderr.split())
