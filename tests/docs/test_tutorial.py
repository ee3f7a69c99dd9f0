"""The walk from the QNN tutorial to zif: every block of the page is run, in order, as a reader would run it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from zif_qnn_runtime import status

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
BLOCKS = re.findall(r"^```(python|console)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def commands(block: str) -> list[list[str]]:
    return [line[2:].split() for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.slow
def test_every_block_runs_in_an_empty_folder(tmp_path: Path) -> None:
    if not status("htp").available:
        pytest.skip(status("htp").reason)
    zif = shutil.which("zif", path=str(Path(sys.executable).parent))
    assert zif, "zif's command is not beside this interpreter"
    told = ""
    for kind, block in BLOCKS:
        for command in commands(block) if kind == "console" else [[sys.executable, "-c", block]]:
            call = [zif, *command[1:]] if kind == "console" else command
            env = os.environ | {"ZIF_CACHE": str(tmp_path / "cache"), "COLUMNS": "160"}
            done = subprocess.run(call, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
            told += done.stdout
    assert (tmp_path / "plan.html").is_file()
    assert list((tmp_path / "simple_model.zif" / "context_binaries").iterdir())
    assert len(list((tmp_path / "outputs").rglob("*.npy"))) == 2
    assert "('qnn_htp',)" in told, "the session says that it was emulated"


def test_every_command_of_the_page_exists() -> None:
    """Quick: what the page calls is a command, with these options."""
    from typer.main import get_command
    from zif.cli.app import application

    root = get_command(application())
    for kind, block in BLOCKS:
        for words in commands(block) if kind == "console" else []:
            command = root
            names = [word for word in words[1:3] if not word.startswith("-")]
            for name in names:
                look_up = getattr(command, "get_command", lambda _, __: None)
                command = look_up(None, name) or command
            known = {option for parameter in command.params for option in parameter.opts}
            used = {word for word in words if word.startswith("-")}
            assert command is not root, words
            assert used <= known, (words, used - known)
