"""Reading: what is accepted, and one clear sentence for everything else."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model.graphs import dense_pair, relu
from zif.errors import InvalidModel, UsageError, ZifError
from zif.model import Model, load


def test_path_bytes_and_proto_give_the_same(tmp_path: Path) -> None:
    proto = dense_pair()
    path = tmp_path / "dense.onnx"
    path.write_bytes(proto.SerializeToString())
    models = [load(path), load(str(path)), load(proto.SerializeToString()), load(proto)]
    assert len({m.digest for m in models}) == 1
    assert [m.units for m in models] == [models[0].units] * 4
    assert (models[0].path, models[0].base_dir, models[0].name) == (path, tmp_path, "dense")
    assert (models[3].path, models[3].base_dir, models[3].name) == (None, None, "g")


def test_the_callers_proto_is_left_alone() -> None:
    proto = relu(["N", 4])
    before = proto.SerializeToString()
    load(proto, {"x": [2, 4]})
    assert proto.SerializeToString() == before


def test_a_model_is_returned_as_it_is() -> None:
    model = load(relu([1]))
    assert load(model) is model
    assert isinstance(model, Model)


@pytest.mark.parametrize("keep", [0, 1, 20, -5])
def test_cut_off_file(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "cut.onnx"
    path.write_bytes(dense_pair().SerializeToString()[:keep])
    with pytest.raises(InvalidModel, match=r"cut\.onnx"):
        load(path)


@pytest.mark.parametrize("data", [b"PK\x03\x04 a zip", b'{"a": 1}', b"\x89PNG\r\n\x1a\n", b"", b"\x08\x07"])
def test_not_a_model(data: bytes) -> None:
    with pytest.raises(InvalidModel, match="the given bytes"):
        load(data)


def test_directory_and_missing_path_and_wrong_type(tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match="is an empty folder"):
        load(tmp_path)
    (tmp_path / "notes.txt").write_text("no model")
    with pytest.raises((UsageError, InvalidModel), match="directory|folder"):
        load(tmp_path)
    with pytest.raises(UsageError, match="does not exist"):
        load(tmp_path / "none.onnx")
    with pytest.raises(UsageError, match="not int"):
        load(3)  # type: ignore[arg-type]


def test_text_format_says_how_to_convert(tmp_path: Path) -> None:
    path = tmp_path / "m.onnxtxt"
    onnx.save(relu([1]), path)
    with pytest.raises(InvalidModel, match="text format"):
        load(path)


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_never_gives_a_traceback(place: int, value: int) -> None:
    """Whatever is in the file: a model or one of our errors."""
    data = bytearray(dense_pair().SerializeToString())
    data[place % len(data)] = value
    with contextlib.suppress(ZifError):
        model = load(bytes(data))
        for unit in model.units:
            model.slice([unit.id], "one")


def test_importing_zif_does_not_import_onnx() -> None:
    code = "import sys, zif; sys.exit(any(m in sys.modules for m in ('onnx', 'numpy', 'zif.model')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(UsageError, match="is a pipe, not a file"):
        load(tmp_path / "pipe.onnx")


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: File name too long"):
        load(tmp_path / ("n" * 5000))
