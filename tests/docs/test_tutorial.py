"""The walk from the QNN tutorial to zif: every block of the page is run, and every word of the tutorial is answered."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from docs.pages import Block, Line, blocks
from zif_qnn_runtime import status

from docs import foreign

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = list(blocks(PAGE))
SHARED = Path(os.environ.get("ZIF_SHARED", ROOT.parent / "shared"))
TUTORIAL = SHARED / "tutorial.fr.md"


@pytest.fixture(scope="module")
def tutorial() -> str:
    if not TUTORIAL.is_file():
        pytest.skip(f"the tutorial itself is not part of this repository: {TUTORIAL} is not there")
    return TUTORIAL.read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_block_runs_in_an_empty_folder(tmp_path: Path) -> None:
    if not status("htp").available:
        pytest.skip(status("htp").reason)
    told = "".join(_run(block, tmp_path) for block in BLOCKS if not block.reason)
    assert (tmp_path / "plan.html").is_file()
    bundle = tmp_path / "simple_model.zif"
    assert list((bundle / "context_binaries").iterdir())
    assert (bundle / "input_specs.json").is_file()
    assert (bundle / "quantization_config.json").is_file()
    assert len(list((tmp_path / "outputs").rglob("*.npy"))) == 1
    assert "('qnn_htp',)" in told, "the session says that it was emulated"
    assert "offset 127 is positive" in told
    assert "1 entry matches no tensor: conv1/Relu:0" in told
    assert "1 entry repaired from min and max" in told
    assert "units inside the emulator" in told
    for code in ("fusion", "depthwise", "activations", "batch", "static", "heat", "idle"):
        assert f"advice [{code}]" in told, code


def _run(block: Block, folder: Path) -> str:
    """What a block prints, done as its reader would."""
    if block.kind == "file":
        (folder / block.name).write_text(block.text, encoding="utf-8")
        return ""
    if block.kind == "python":
        return _call([sys.executable, "-c", block.text], folder, Line("python", frozenset({0})))
    return "".join(_call(_typed(line), folder, line) for line in block.lines) if block.kind == "shell" else ""


def _typed(line: Line) -> list[str]:
    zif = shutil.which("zif", path=str(Path(sys.executable).parent))
    assert zif, "zif's command is not beside this interpreter"
    words = shlex.split(line.text)
    assert words[0] == "zif", line
    return [zif, *words[1:]]


def _call(command: list[str], folder: Path, line: Line) -> str:
    env = os.environ | {"ZIF_CACHE": str(folder / "cache"), "ZIF_DATA": str(folder / "own"), "COLUMNS": "160"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode in line.codes, f"{line.text}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def test_every_command_of_the_page_exists() -> None:
    """Quick: what the page calls is a command, with these options."""
    from docs.typed import unknown

    wrong = {line.text: unknown(line) for block in BLOCKS if block.kind == "shell" for line in block.lines}
    assert {text: words for text, words in wrong.items() if words} == {}


@pytest.mark.parametrize("kind", ["commands", "keys", "names", "files", "advice", "troubles"])
def test_every_word_of_the_tutorial_is_on_the_page(tutorial: str, kind: str) -> None:
    wanted = list(dict.fromkeys(getattr(foreign, kind)(tutorial)))
    assert len(wanted) > 5
    whole = {word: re.escape(word) for word in wanted}
    missing = [word for word, pattern in whole.items() if not re.search(rf"(?<![\w-]){pattern}(?![\w-])", TEXT)]
    assert missing == []


def test_every_command_line_of_the_tutorial_stands_there_whole(tutorial: str) -> None:
    lines = list(foreign.lines(tutorial))
    assert len(lines) > 15
    page = TEXT.replace("\\|", "|")
    assert [line for line in lines if line not in page] == []


def test_both_json_files_stand_there_as_they_are_printed(tutorial: str) -> None:
    printed = foreign.blocks(tutorial, "json")
    assert len(printed) == 2
    ours = {block.name: block.text for block in BLOCKS if block.kind == "file"}
    assert sorted(ours) == ["backend_config.json", "quantization_config.json"]
    for text in printed:
        assert text in ours.values()


def test_each_of_its_classes_is_a_heading_or_a_table(tutorial: str) -> None:
    classes = re.findall(r"^class (\w+)", tutorial, re.MULTILINE)
    assert set(classes) >= {"QNNInference", "DynamicQuantization", "QNNProfiler", "BackendSelector", "QNNDebugger"}
    for name in classes:
        assert re.search(rf"^(## .*|\| )`{name}`", TEXT, re.MULTILINE) or name == "SimpleModel", name


def test_blocks_that_are_not_run_say_why() -> None:
    reasons = [block.reason for block in BLOCKS if block.reason]
    assert len(reasons) == 1
    assert "PyTorch" in reasons[0]
