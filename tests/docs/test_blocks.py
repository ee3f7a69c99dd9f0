"""Every line for a shell on every page: known to zif, run in a prepared folder, or kept from it with a reason."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from docs.pages import Block, blocks
from docs.typed import unknown
from zif_qnn_runtime import status

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "decisions").glob("*.md"))]
#: Pages with a walk of their own: test_tutorial, and test_wheels for first-backend, from wheels in a fresh environment.
WALKED = {"tutorial.md", "first-backend.md"}
SHELL = {page: [block for block in blocks(page) if block.kind == "shell"] for page in PAGES}
RUN = [page for page in PAGES if page.name not in WALKED and any(not block.reason for block in SHELL[page])]


@pytest.mark.parametrize("page", [page for page in PAGES if SHELL[page]], ids=lambda page: page.name)
def test_every_line_is_one_that_zif_knows(page: Path) -> None:
    wrong = {line.text: unknown(line) for block in SHELL[page] for line in block.lines if "FILE" not in line.text}
    assert {text: words for text, words in wrong.items() if words} == {}


def test_the_pages_are_seen() -> None:
    """The parser itself: a page that it stops seeing lines on would pass everything."""
    lines = [line for page in PAGES for block in SHELL[page] for line in block.lines]
    assert len(lines) > 80
    for page in PAGES:
        typed = re.findall(r"^(?:    |\$ )+(zif [a-z].*|make [a-z].*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        seen = " ".join(line.text for block in SHELL[page] for line in block.lines)
        missed = [line for line in typed if line.split("#")[0].strip() not in seen and page.name not in WALKED]
        assert missed == [], page.name


def test_what_is_not_run_says_why_in_a_sentence() -> None:
    kept = [(page.name, block) for page in PAGES for block in blocks(page) if block.reason]
    for name, block in kept:
        assert len(block.reason.split()) >= 2, (name, block.number)
    shells = [block for _, block in kept if block.kind == "shell"]
    assert len(shells) <= 20, "most lines are run"


def test_where_shells_differ_powershell_stands_beside() -> None:
    """A block that only bash understands has its twin; a line of variables has one in words."""
    for page in PAGES:
        if page.name in WALKED:
            continue
        text = page.read_text(encoding="utf-8")
        for block in SHELL[page]:
            if any(line.text.startswith(("source ", "export ")) for line in block.lines):
                assert "```powershell" in text.split(block.text, 1)[1][:300], (page.name, block.number)
        if re.search(r"^(?:    )?[A-Z_]+=\S+ zif", text, re.MULTILINE):
            assert "$env:" in text, page.name
        if "source .venv/bin/activate" in text:
            assert "Activate.ps1" in text, page.name


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages name: the files of the newcomer's folder, under the names that pages give such files."""
    import numpy as np

    folder = tmp_path_factory.mktemp("ground")
    _bash(folder, folder, f"{sys.executable} {ROOT / 'examples' / 'newcomer.py'} .")
    for name in ("float", "net", "mobilenet"):
        shutil.copy(folder / "model.onnx", folder / f"{name}.onnx")
    for name in ("mobilenet.w8a8", "outside"):
        shutil.copy(folder / "quantized.onnx", folder / f"{name}.onnx")
    shutil.copy(folder / "x.npy", folder / "cat.npy")
    shutil.copy(folder / "photos" / "0.png", folder / "cat.png")
    photos = np.load(folder / "photos.npy")
    for name, count in (("data.npz", 4), ("8.npz", 8)):
        np.savez(folder / name, image=np.concatenate([photos, photos])[:count, None])
    (folder / "samples").mkdir()
    for number, photo in enumerate(photos[:2]):
        np.save(folder / "samples" / f"{number}.npy", photo[None])
        photo[None].tofile(folder / f"{number}.raw")
    for name in ("photos.txt", "input_list.txt"):
        (folder / name).write_text("image:=0.raw\nimage:=1.raw\n")
    for name in ("model.zif", "mobilenet.zif"):
        _bash(folder, folder, f"zif compile model.onnx -o {name} -t snapdragon-8-gen-3 --no-verify")
    return folder


def _bash(folder: Path, kept: Path, line: str) -> tuple[int, str]:
    env = os.environ | {"ZIF_CACHE": str(kept / "cache"), "ZIF_DATA": str(folder / "own"), "COLUMNS": "160"}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    done = subprocess.run(["bash", "-c", line], cwd=folder, env=env, capture_output=True, text=True, check=False)
    return done.returncode, f"{line}\n{done.stdout}\n{done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_every_line_does_what_the_page_says(page: Path, ground: Path, tmp_path: Path) -> None:
    if not status("htp").available:
        pytest.skip(status("htp").reason)
    folder = tmp_path / "folder"
    shutil.copytree(ground, folder, ignore=shutil.ignore_patterns("cache"))
    for block in blocks(page):
        if not block.reason:
            _do(block, folder, ground)


def _do(block: Block, folder: Path, ground: Path) -> None:
    if block.kind == "file":
        (folder / block.name).write_text(block.text, encoding="utf-8")
    for line in block.lines if block.kind == "shell" else ():
        if line.text.startswith("make "):  # that the Makefile has it is held above; what it does takes hours
            continue
        for bundle in re.findall(r"-o (\S+\.zif)", line.text):
            shutil.rmtree(folder / bundle, ignore_errors=True)
        code, said = _bash(folder, ground, line.text)
        assert code in line.codes, said
