"""PyTorch comes in: real torch, in an environment of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

pytestmark = pytest.mark.slow

#: The tutorial's model, an RNN, one with a trap, and files of each kind.
NETS = """
import torch
from torch import nn


class SimpleModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)
        self.relu = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        return self.fc(torch.flatten(self.pool(self.relu(self.conv1(x))), 1))


class Speech(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells = nn.GRU(8, 16, batch_first=True)
        self.out = nn.Linear(16, 3)

    def forward(self, sound):
        return self.out(self.cells(sound)[0])


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 8)
        self.out = nn.Linear(8, 4)

    def forward(self, ids, mask):
        rows = self.table(ids) * mask.unsqueeze(-1)
        return {"pooled": rows.mean(1), "scores": self.out(rows)}


class Gap(nn.Module):
    def forward(self, a, b=None, *, c):
        return {"sum": a + c if b is None else a - b}


def spoken():
    ids = torch.ones(2, 6, dtype=torch.int64)
    rows, length = torch.export.Dim("rows", min=1, max=9), torch.export.Dim("length", min=2, max=64)
    open_dims = {"ids": {0: rows, 1: length}, "mask": {0: rows, 1: length}}
    return torch.export.export(make(Words), (), {"ids": ids, "mask": ids}, dynamic_shapes=open_dims)


def exits():
    raise SystemExit("enough")


def make(kind=SimpleModel):
    torch.manual_seed(0)
    return kind().eval()


def speech():
    return make(Speech)


def words():
    return make(Words)


class Guarded(nn.Module):
    def forward(self, x):
        return x / 2 if x.abs().max() > 1e6 else x * 2


def guarded():
    return Guarded()


def broken():
    raise RuntimeError("no weights here")


def number():
    return 3
"""
FILES = """
import torch, nets
x = torch.randn(2, 3, 16, 16)
net = nets.make()
batch = torch.export.Dim("batch", min=1, max=64)
torch.export.save(torch.export.export(net, (x,), dynamic_shapes=({0: batch},)), "net.pt2")
torch.jit.trace(net, x).save("script.pt")
torch.save(net.state_dict(), "state.pt")
torch.save(net, "whole.pt")
for name in ("net.pt2", "script.pt", "state.pt"):
    data = open(name, "rb").read()
    open("cut-" + name, "wb").write(data[: len(data) // 2])
"""
CHIP = ("-t", "snapdragon-8-gen-3")


@pytest.fixture(scope="module")
def torch(frameworks: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    found = frameworks("torch", "zif-torch", "torchvision", "torchao")
    folder = tmp_path_factory.mktemp("torch")
    (folder / "nets.py").write_text(NETS)
    found.python("torch", FILES, folder)
    return found, folder


def converted(torch: tuple[Any, Path], source: str, *words: str) -> Any:
    found, folder = torch
    return found.converted(folder, source, *words)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nets.py:make", ["--shape", "x=1,3,16,16"]),
        ("nets.py:SimpleModel", ["--shape", "x=2,3,8,8", "--opset", "20"]),
        ("nets.py:speech", ["--shape", "sound=1,7,8"]),
        ("nets.py:words", ["--shape", "ids=1,6", "--shape", "mask=1,6", "--input-dtype", "ids=int64"]),
        ("nets.py:Gap", ["--shape", "a=2,3", "--shape", "c=2,3"]),
        ("net.pt2", []),
        ("script.pt", ["--shape", "x=1,3,16,16"]),
        ("whole.pt", ["--trust", "--shape", "x=1,3,16,16"]),
    ],
)
def test_a_source_is_what_torch_computes(torch: tuple[Any, Path], source: str, words: list[str]) -> None:
    told = converted(torch, source, *words)
    assert told["check"]["samples"] == 3
    assert not told["check"]["skipped"]
    assert all(row["equal"] or row["sqnr_db"] > 90 for row in told["check"]["outputs"])


def test_the_tutorials_opset_is_what_is_written(torch: tuple[Any, Path]) -> None:
    told = converted(torch, "nets.py:make", "--shape", "x=1,3,224,224", "--opset", "11")
    assert (told["opset"], told["opset_asked"]) == (11, 11)
    assert not list(torch[1].glob("made.onnx.data*"))


def test_what_only_the_older_exporter_can_is_told(torch: tuple[Any, Path]) -> None:
    told = converted(torch, "nets.py:guarded", "--shape", "x=1,8")
    assert "(older)" in told["tool"]
    assert any(note.startswith("written by the older exporter, since dynamo said: ") for note in told["notes"])


def test_open_dimensions_stay_open(torch: tuple[Any, Path]) -> None:
    told = converted(torch, "net.pt2")
    assert not isinstance(told["inputs"][0]["shape"][0], int)
    model = onnx.load(torch[1] / "made.onnx")
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param


def test_a_program_that_takes_names_is_compared_at_two_lengths(torch: tuple[Any, Path]) -> None:
    told = converted(torch, "nets.py:spoken")
    assert [port["name"] for port in told["inputs"]] == ["ids", "mask"]
    assert [port["name"] for port in told["outputs"]] == ["pooled", "scores"]
    assert told["check"]["resized"] == "ids=4,12 mask=4,12"


def test_a_script_runs_on_the_emulated_chip(torch: tuple[Any, Path]) -> None:
    found, folder = torch
    done = found.zif("run", "script.pt", "--shape", "x=1,3,224,224", *CHIP, "--random", "0", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["emulated"]
    assert told["agreement"]["word"] == "right"


@pytest.mark.parametrize(
    ("source", "words", "code", "said"),
    [
        ("state.pt", [], 2, "it holds arrays and no operators"),
        ("whole.pt", ["--shape", "x=1,3,16,16"], 2, "converting it runs what its pickle names (nets.SimpleModel"),
        ("cut-net.pt2", [], 2, "cut off or damaged"),
        ("cut-script.pt", [], 2, "cut off or damaged"),
        ("cut-state.pt", [], 2, "cut off or damaged"),
        ("nets.py:make", [], 2, "give --shape x=1,3,224,224"),
        ("nets.py:make", ["--shape", "y=1"], 2, "has no input 'y'; it has x"),
        ("nets.py:mane", ["--shape", "x=1,3,16,16"], 2, "nets.py has no 'mane'"),
        ("nets.py:exits", ["--shape", "x=1"], 2, "makes no model: it calls for the end of the process (exit enough)"),
        ("nets.py:Gap", ["--shape", "a=2,3"], 2, "needs the input 'c', too: give --shape c="),
        ("nets.py:broken", ["--shape", "x=1,3,16,16"], 2, "makes no model: RuntimeError: no weights here"),
        ("nets.py:number", ["--shape", "x=1,3,16,16"], 2, "makes int, not a torch.nn.Module"),
    ],
)
def test_what_is_wrong_is_one_paragraph(
    torch: tuple[Any, Path], source: str, words: list[str], code: int, said: str
) -> None:
    found, folder = torch
    done = found.zif("convert", source, "-o", folder / "wrong.onnx", *words, cwd=folder)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert said in " ".join(done.stderr.split())
    assert not (folder / "wrong.onnx").exists()
