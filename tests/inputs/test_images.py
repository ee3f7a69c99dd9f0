"""Pictures as inputs, by a description."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from zif.errors import InvalidInput, UsageError
from zif.inputs import Preprocess, parse, read
from zif.records import TensorInfo

#: 4 rows, 6 columns; red counts columns, green counts rows, blue is 200.
PIXELS = np.stack(np.broadcast_arrays(np.arange(6) * 10, np.arange(4)[:, None] * 20, 200), axis=-1).astype(np.uint8)
NCHW = TensorInfo("data", "tensor(float)", (1, 3, 4, 6))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.fromarray(PIXELS).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


def get(path: Path, info: TensorInfo, description: str = "") -> Any:
    return read(path, info, parse(description)[""] if description else None)


def test_layout_size_and_color_follow_from_the_input(picture: Path) -> None:
    found = get(picture, NCHW)
    assert (found.dtype, found.shape) == (np.float32, (1, 3, 4, 6))
    assert np.array_equal(found[0].transpose(1, 2, 0), PIXELS)
    assert np.array_equal(get(picture, TensorInfo("d", "tensor(uint8)", ("N", 4, 6, 3)))[0], PIXELS)
    assert get(picture, TensorInfo("d", "tensor(float16)", (3, 4, 6))).shape == (3, 4, 6)
    assert get(picture, TensorInfo("d", "tensor(float)", (1, 1, 4, 6))).shape == (1, 1, 4, 6)
    assert get(picture, TensorInfo("d", "tensor(float)", (4, 6))).shape == (4, 6)
    assert get(picture, TensorInfo("d", "tensor(float)", (1, 3, "h", "w"))).shape == (1, 3, 4, 6)
    assert get(picture, TensorInfo("d", "tensor(float)", (1, 3, 8, 8))).shape == (1, 3, 8, 8)


def test_scale_mean_and_std_in_that_order(picture: Path) -> None:
    found = get(picture, NCHW, "scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225,layout=nchw,color=rgb")
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = ((PIXELS / 255.0 - mean) / std).transpose(2, 0, 1)
    np.testing.assert_allclose(found[0], expected, rtol=1e-5, atol=1e-6)


def test_bgr_turns_the_channels(picture: Path) -> None:
    assert np.array_equal(get(picture, NCHW, "color=bgr")[0], PIXELS[:, :, ::-1].transpose(2, 0, 1))


def test_resize_the_short_side_then_crop_the_centre(picture: Path) -> None:
    open_size = TensorInfo("d", "tensor(float)", (1, 3, "h", "w"))
    assert get(picture, open_size, "resize=8").shape == (1, 3, 8, 12)
    assert get(picture, open_size, "resize=8x10,filter=nearest").shape == (1, 3, 8, 10)
    assert np.array_equal(get(picture, open_size, "crop=2x2")[0], PIXELS[1:3, 2:4].transpose(2, 0, 1))
    with pytest.raises(InvalidInput, match=r"crop 9x9 is larger than the picture, 4x6"):
        get(picture, open_size, "crop=9")


def test_whole_numbers_are_rounded_and_kept_in_range(picture: Path) -> None:
    found = get(picture, TensorInfo("d", "tensor(int8)", (1, 3, 4, 6)), "mean=100")
    assert np.array_equal(found[0], np.clip(PIXELS.astype(int) - 100, -128, 127).transpose(2, 0, 1))


def test_turned_cameras_are_turned_back(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.fromarray(PIXELS).save(tmp_path / "turned.png", exif=exif)
    assert get(tmp_path / "turned.png", TensorInfo("d", "tensor(float)", (1, 3, "h", "w"))).shape == (1, 3, 6, 4)


@pytest.mark.parametrize("ending", ["toml", "json"])
def test_a_file_can_describe_each_input(tmp_path: Path, ending: str) -> None:
    table = {"scale": "1/2", "color": "rgb", "input": {"left": {"mean": [1, 2, 3], "resize": [4, 5]}}}
    toml = 'scale = "1/2"\ncolor = "rgb"\n[input.left]\nmean = [1, 2, 3]\nresize = [4, 5]\n'
    (tmp_path / f"p.{ending}").write_text(toml if ending == "toml" else json.dumps(table))
    found = parse(str(tmp_path / f"p.{ending}"))
    assert found[""] == Preprocess(scale=0.5, color="rgb")
    assert found["left"] == Preprocess(scale=0.5, color="rgb", mean=(1.0, 2.0, 3.0), resize=(4, 5))


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("scale", "'scale' has no value"),
        ("size=3", "unknown key 'size'; known: resize, crop, scale"),
        ("scale=1/0", "scale cannot be '1/0'; it takes a number or a fraction"),
        ("resize=0x3", "resize cannot be '0x3'; it takes HEIGHTxWIDTH"),
        ("resize=1x2x3", "resize cannot be '1x2x3'"),
        ("mean=a:b", "mean cannot be 'a:b'"),
        ("std=1:0:1", "std must not be 0"),
        ("layout=nhcw", "layout cannot be 'nhcw'; it takes nchw"),
        ("color=cmyk", "color cannot be 'cmyk'; it takes rgb, bgr, gray"),
        ("gone.toml", "gone.toml cannot be read: there is no such file"),
        ("scale=1e999999999", "scale cannot be '1e999999999'"),  # as a fraction, it would fill the memory
        ("mean=nan", "mean cannot be 'nan'"),
        ("resize=100000x100000", "resize cannot be '100000x100000'"),
    ],
)
def test_a_wrong_description_says_what_is_known(description: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(description)
    assert message in str(caught.value)


def test_a_broken_description_file_is_named(tmp_path: Path) -> None:
    for name, text in (("a.json", "["), ("b.json", "[]"), ("c.toml", "x"), ("d.toml", "input = 3")):
        (tmp_path / name).write_text(text)
        with pytest.raises(UsageError, match=name):
            parse(str(tmp_path / name))


def test_numbers_per_channel_must_fit_the_channels(picture: Path) -> None:
    with pytest.raises(UsageError, match="mean has 2 numbers for the 3 channels of 'data'"):
        get(picture, NCHW, "mean=1:2")
    with pytest.raises(UsageError, match="layout hw has no place for 3 channels"):
        get(picture, TensorInfo("d", "tensor(float)", (4, 6)), "layout=hw,color=rgb")


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n but nothing more", b"GIF89a"])
def test_what_is_no_picture_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.png").write_bytes(content)
    with pytest.raises(InvalidInput, match=r"broken\.png is no picture that can be read"):
        get(tmp_path / "broken.png", NCHW)


def test_an_input_that_takes_no_picture(picture: Path) -> None:
    with pytest.raises(InvalidInput, match=r"takes tensor\(int64\) \[1\], which is no picture"):
        get(picture, TensorInfo("ids", "tensor(int64)", (1,)))


def test_without_pillow_the_extra_is_named(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "PIL":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"pip install '(zif\[image\]|pillow)"):
        get(picture, NCHW)
