"""Pictures from strangers: of the formats that are named, however they are called, and no larger than they may be."""

from __future__ import annotations

import io
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zif.errors import InvalidInput
from zif.files.pictures import open_picture
from zif.inputs import parse, random_inputs, read
from zif.records import TensorInfo

Image = pytest.importorskip("PIL.Image")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int) -> bytes:
    """A PNG that says to be so large; its rows are not there."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def saved(form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (6, 4), (10, 20, 30)).save(stream, form, **options)
    return stream.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "MPO"])
def test_the_formats_that_are_named_are_read_whatever_they_are_called(tmp_path: Path, form: str) -> None:
    (tmp_path / "a.png").write_bytes(saved(form))
    assert open_picture(tmp_path / "a.png", "RGB").size == (6, 4)


def test_a_program_in_postscript_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow would hand an EPS to Ghostscript, whatever the file is called."""
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a program was started"))
    (tmp_path / "a.png").write_bytes(saved("EPS"))
    with pytest.raises(InvalidInput, match="is no picture that can be read"):
        open_picture(tmp_path / "a.png", "RGB")


@pytest.mark.parametrize("size", [(60_000, 60_000), (2**31 - 1, 1), (8000, 7000)])
def test_a_bomb_is_not_unpacked(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "a.png").write_bytes(png(*size))
    with pytest.raises(InvalidInput, match="more than the 50,000,000 that zif takes: set ZIF_MAX_PIXELS|no picture"):
        open_picture(tmp_path / "a.png", "L")


def test_the_limit_can_be_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(saved("PNG"))
    monkeypatch.setenv("ZIF_MAX_PIXELS", "20")
    with pytest.raises(InvalidInput, match="so many dots: 24, more than the 20 that zif takes"):
        open_picture(tmp_path / "a.png", "RGB")
    monkeypatch.setenv("ZIF_MAX_PIXELS", "24")
    assert open_picture(tmp_path / "a.png", "RGB").size == (6, 4)


def test_a_strip_is_not_resized_without_end(tmp_path: Path) -> None:
    """The shorter side of 1 × 60,000 dots as 2,240 is a picture of 300,000,000,000."""
    stream = io.BytesIO()
    Image.new("L", (60_000, 1)).save(stream, "PNG")
    (tmp_path / "a.png").write_bytes(stream.getvalue())
    info = TensorInfo("x", "tensor(float)", (1, 1, "h", "w"))
    with pytest.raises(InvalidInput, match="would be resized to so many dots: 301,056,000,000"):
        read(tmp_path / "a.png", info, parse("resize=2240")[""])


def test_scaling_in_place_gives_what_it_gave(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(saved("PNG"))
    steps = parse("scale=1/255,mean=0.5:0.4:0.3,std=0.2:0.3:0.4,color=bgr")[""]
    found = read(tmp_path / "a.png", TensorInfo("x", "tensor(float)", (1, 3, 4, 6)), steps)
    dots = np.array([30, 20, 10], np.float32) * np.float32(1 / 255)
    wanted = (dots - np.array([0.5, 0.4, 0.3], np.float32)) / np.array([0.2, 0.3, 0.4], np.float32)
    np.testing.assert_array_equal(found, np.broadcast_to(wanted.reshape(1, 3, 1, 1), (1, 3, 4, 6)))


def test_what_is_cut_off_is_told(tmp_path: Path) -> None:
    for form in ("PNG", "JPEG", "GIF", "TIFF"):
        data = saved(form)
        for end in (10, len(data) // 2):
            (tmp_path / "a.png").write_bytes(data[:end])
            with pytest.raises(InvalidInput, match=r"a\.png is no picture that can be read"):
                open_picture(tmp_path / "a.png", "RGB")


def test_random_values_have_a_limit_too() -> None:
    with pytest.raises(InvalidInput, match="'x' would take .* more than the 4 GiB that zif takes: set ZIF_MAX_ARRAY"):
        random_inputs([TensorInfo("x", "tensor(float)", (1 << 20, 1 << 20))], 0)
