"""What is wrong with a Caffe network, as the command line tells it: one paragraph, exit 2, and nothing is written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from caffe.nets import saved
from caffe.test_networks import CONV, INPUT, WEIGHTS


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def unknown(path: Path) -> None:
    path.write_text(path.read_text().replace('"Convolution"', '"Kernel"'))


@pytest.mark.parametrize(
    ("given", "spoiled", "spoil", "said"),
    [
        ("net.prototxt", "net.prototxt", cut, "is no Caffe network"),
        ("net.prototxt", "net.caffemodel", cut, "net.caffemodel"),
        ("net.prototxt", "net.caffemodel", Path.unlink, "Put them there as net.caffemodel"),
        ("net.caffemodel", "net.prototxt", Path.unlink, "needs the text of the network beside it"),
        ("net.prototxt", "net.prototxt", unknown, "of the type 'Kernel'"),
    ],
)
def test_it_is_one_paragraph(
    tmp_path: Path, given: str, spoiled: str, spoil: Callable[[Path], None], said: str
) -> None:
    saved(tmp_path, INPUT + CONV, WEIGHTS)
    spoil(tmp_path / spoiled)
    command = [sys.executable, "-m", "zif", "convert", given, "-o", "made.onnx"]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "ZIF_CACHE": "off"}, capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert said in " ".join(done.stderr.split())
    assert not (tmp_path / "made.onnx").exists()
