"""Other people's applications, from PyPI, run unchanged on zif: rapidocr, silero-vad, magika, ddddocr and two more.

Each is run with ONNX Runtime itself, with zif on this machine and with zif for a chip, and says the same. They live in
a folder of their own, which is made once and kept beside the zoo's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from zoo.fetch import cache as kept
from zoo.packages import POCKETSPHINX, SKIMAGE

HERE = Path(__file__).parent / "applications"
CHIP = "snapdragon-8-gen-3"
#: What is installed, without what these ask for: onnxruntime, numpy, OpenCV and Pillow are there.
PACKAGES = (
    *("rapidocr==3.10.0", "silero-vad==6.2.3", "magika==1.0.3", "ddddocr==1.6.1", "pyclipper==1.4.0", "shapely==2.2.0"),
    *("omegaconf==2.4.0", "colorlog==6.12.0", "requests==2.34.2", "tqdm==4.70.1", "six==1.17.0", "certifi", "urllib3"),
    *("charset-normalizer", "idna", "torch==2.13.0", "sympy", "mpmath", "networkx", "fsspec", "setuptools"),
)
#: Those that came later, in a folder of their own.
LATER = (
    *("nudenet==3.4.2", "basic-pitch==0.4.0", "librosa==0.11.0", "numba==0.68.1", "llvmlite==0.50.0", "soxr==1.1.0"),
    *("scikit-learn==1.9.1", "joblib==1.6.0", "threadpoolctl==3.8.0", "audioread==3.1.0", "soundfile==0.14.0"),
    *("cffi==2.1.1", "pycparser==3.12", "lazy_loader==0.6", "pooch==1.9.0", "msgpack==1.2.4", "decorator==5.3.1"),
    *("pretty_midi==0.2.11.post0", "mido==1.3.3", "mir_eval==0.8.2", "resampy==0.4.3", "setuptools==80.10.2"),
    *("platformdirs==4.14.9", "importlib_resources==7.1.0"),
)


@cache
def installed(packages: tuple[str, ...]) -> Path:
    """The folder with the applications. Skips where they cannot be had."""
    folder = kept() / ("applications" if packages is PACKAGES else "applications-later")
    if not (folder / "complete").exists():
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
        if links := os.environ.get("PIP_FIND_LINKS"):
            command += ["--find-links", links]
        done = subprocess.run([*command, *packages], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"the applications cannot be installed: {done.stderr.strip()[-300:]}")
        (folder / "complete").touch()
    return folder


def said(*words: str | Path, code: int = 0, packages: tuple[str, ...] = PACKAGES) -> str:
    """What a Python with the applications prints."""
    surroundings = {**os.environ, "PYTHONPATH": str(installed(packages)), "PYTHONWARNINGS": "ignore"}
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


def same(app: str, *words: Path, target: str = "", packages: tuple[str, ...] = PACKAGES) -> str:
    """What the application says with ONNX Runtime, once it says the same with zif."""
    script = HERE / app
    told = said(script, *words, packages=packages)
    assert told.strip()
    chip = ["--target", target] if target else []
    assert said("-m", "zif.ort", *chip, script, *words, packages=packages) == told
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
@pytest.mark.parametrize("target", ["", CHIP])
def test_nudenet(target: str) -> None:
    picture = SKIMAGE.path("skimage/data/astronaut.png")
    assert same("nudenet_faces.py", picture, target=target, packages=LATER).startswith("FACE_FEMALE 0.7 ")


@pytest.fixture
def chimes(tmp_path: Path) -> Path:
    """Three tones that fade: a, c and e."""
    seconds = np.arange(22050) / 22050
    tones = [np.sin(2 * np.pi * hertz * seconds) * np.exp(-1.5 * seconds) * 0.6 for hertz in (440, 523.25, 659.25)]
    with wave.open(str(tmp_path / "chimes.wav"), "wb") as file:
        file.setparams((1, 2, 22050, 0, "NONE", ""))
        file.writeframes((np.concatenate(tones) * 32767).astype(np.int16).tobytes())
    return tmp_path / "chimes.wav"


@pytest.mark.slow
@pytest.mark.parametrize("target", ["", CHIP])
def test_basic_pitch(chimes: Path, target: str) -> None:
    told = same("basic_pitch_notes.py", chimes, target=target, packages=LATER)
    assert [line.split()[2] for line in told.splitlines()[1:]] == ["69", "72", "76"]


@pytest.mark.slow
def test_the_command_of_rapidocr(picture: Path) -> None:
    told = said("-m", "zif.ort", "rapidocr", "-img", picture)
    assert "txts=('WORD7',)" in told
