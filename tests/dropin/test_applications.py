"""Other people's applications run unchanged on zif: rapidocr, silero-vad, magika, ddddocr, from PyPI.

Each is run with ONNX Runtime itself, with zif on this machine and with zif for a chip, and says the same. They live in
a folder of their own, which is made once and kept beside the zoo's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from zoo.fetch import cache as kept
from zoo.packages import POCKETSPHINX

HERE = Path(__file__).parent / "applications"
CHIP = "snapdragon-8-gen-3"
#: What is installed, without what these ask for: onnxruntime, numpy, OpenCV and Pillow are there.
PACKAGES = (
    *("rapidocr==3.10.0", "silero-vad==6.2.3", "magika==1.0.3", "ddddocr==1.6.1", "pyclipper==1.4.0", "shapely==2.2.0"),
    *("omegaconf==2.4.0", "colorlog==6.12.0", "requests==2.34.2", "tqdm==4.70.1", "six==1.17.0", "certifi", "urllib3"),
    *("charset-normalizer", "idna", "torch==2.13.0", "sympy", "mpmath", "networkx", "fsspec", "setuptools"),
)


@cache
def installed() -> Path:
    """The folder with the applications. Skips where they cannot be had."""
    folder = kept() / "applications"
    if not (folder / "complete").exists():
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
        if links := os.environ.get("PIP_FIND_LINKS"):
            command += ["--find-links", links]
        done = subprocess.run([*command, *PACKAGES], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"the applications cannot be installed: {done.stderr.strip()[-300:]}")
        (folder / "complete").touch()
    return folder


def said(*words: str | Path, code: int = 0) -> str:
    """What a Python with the applications prints."""
    surroundings = {**os.environ, "PYTHONPATH": str(installed()), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, *map(str, words)], env=surroundings, capture_output=True, text=True)
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    image = Image.new("RGB", (160, 64), "white")
    ImageDraw.Draw(image).text((20, 15), "WORD7", fill="black", font=ImageFont.load_default(32))
    image.save(tmp_path / "word.png")
    return tmp_path / "word.png"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """One that is long, one that is short (fp16 does not hold what the model makes of it), one that is no text."""
    (tmp_path / "long.py").write_bytes(Path(__file__).read_bytes())
    (tmp_path / "short.py").write_text(
        '"""Scripts for maintainers."""\n\nfrom __future__ import annotations\n\nX = 1\n'
    )
    (tmp_path / "page.html").write_text("<!DOCTYPE html><html><body><p>hello</p></body></html>\n" * 20)
    return [tmp_path / name for name in ("long.py", "short.py", "page.html")]


def same(app: str, *words: Path, target: str = "") -> str:
    """What the application says with ONNX Runtime, once it says the same with zif."""
    script = HERE / app
    told = said(script, *words)
    assert told.strip()
    assert said("-m", "zif.ort", *(["--target", target] if target else []), script, *words) == told
    return told


@pytest.mark.slow
@pytest.mark.parametrize("target", ["", CHIP])
def test_magika(files: list[Path], target: str) -> None:
    assert same("magika_files.py", *files, target=target) == "long.py python\npage.html html\nshort.py python\n"


@pytest.mark.slow
@pytest.mark.parametrize("target", ["", CHIP])
def test_ddddocr(picture: Path, target: str) -> None:
    assert same("ddddocr_word.py", picture, target=target).splitlines()[:2] == ["WORD7", "WORD7"]


@pytest.mark.slow
@pytest.mark.parametrize("target", ["", CHIP])
def test_silero(target: str) -> None:
    wav = POCKETSPHINX.path(next(name for name in POCKETSPHINX.files if name.endswith("0870.wav")))
    assert "'start'" in same("silero_speech.py", wav, target=target)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["", CHIP])
def test_rapidocr(picture: Path, target: str) -> None:
    assert "WORD7" in same("rapidocr_lines.py", picture, target=target)


@pytest.mark.slow
def test_the_command_of_rapidocr(picture: Path) -> None:
    told = said("-m", "zif.ort", "rapidocr", "-img", picture)
    assert "txts=('WORD7',)" in told
