"""`make demo`: a person sees the page, what it says, where it ran and where the time went."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from zoo import ocr
from zoo.packages import RAPIDOCR, SKIMAGE

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.py"


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"} | environment
    return subprocess.run([sys.executable, str(DEMO)], capture_output=True, text=True, env=env, check=False)


@pytest.fixture(scope="module")
def told() -> str:
    SKIMAGE.path("skimage/data/page.png")
    RAPIDOCR.path(ocr.REC)
    done = run()
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "words",
    [
        "Region-based segmentation",
        "Let us first determine markers of the coins and the",
        "background. These markers are pixels that we can label",
        "unambiguously as either object or background. Here,",
        "the markers are found at the two extreme parts of the",
        "find 7 lines of text",
    ],
)
def test_reads_the_page(told: str, words: str) -> None:
    assert words in told


def test_shows_both_backends_and_the_picture(told: str) -> None:
    assert told.count(" qnn_cpu ") >= 3
    assert told.count(" reference ") >= 3
    assert sum(0x2800 < ord(letter) <= 0x28FF for letter in told) > 500, "braille dots"


def test_reads_the_title_as_on_a_chip_and_says_that_it_is_an_emulator(told: str) -> None:
    assert "placed for snapdragon-8-gen-3" in told
    assert "It reads “Region-based segmentation”" in told
    assert " emulator " in told


def test_says_in_a_sentence_that_the_registry_is_out_of_reach(tmp_path: Path) -> None:
    done = run(ZIF_ZOO=str(tmp_path), PIP_NO_INDEX="1", PIP_FIND_LINKS="", PIP_CONFIG_FILE=os.devnull)
    assert done.returncode == 1
    assert "rapidocr==3.10.0 could not be fetched" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
