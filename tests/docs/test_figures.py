"""Figures on pages: each table of them names the command that prints them, and when; cheap ones are printed again."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import frozen
from transcript import Command
from zif_qnn_runtime import status

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: A cell that holds a quantity: a number with a unit, decimals alone, or a part of a whole.
_FIGURE = re.compile(r"\d[\d.,]*\s*(µs|ms|s\b|dB|MiB|KiB|GiB|%|µJ|mJ|W\b|×)|^\s*[−-]?\d+\.\d+\s*$|^\s*\d+ of \d+\s*$")
_SOURCE = re.compile(
    r"^Figures: `(?P<command>.+)`, (?:at (?P<commit>[0-9a-f]{7})|(?P<checked>checked))\.$", re.MULTILINE
)
#: Tables of limits and of words, whose numbers nothing prints: other tests hold them against the code.
NOT_MEASURED = {("verification.md", "| word | when |")}


@frozen
class Table:
    """A table with figures: its page, its head, and the first paragraph after it."""

    page: Path
    head: str
    after: str


def tables() -> list[Table]:
    found = []
    for page in PAGES:
        for match in re.finditer(r"(?:^\|.*\n)+", page.read_text(encoding="utf-8"), re.MULTILINE):
            head, _, *rows = match[0].splitlines()
            cells = [cell for row in rows for cell in row.strip("|").split("|")]
            figures = sum(bool(_FIGURE.search(cell)) for cell in cells)
            if figures >= 3 and figures >= len(cells) / 5 and (page.name, head) not in NOT_MEASURED:
                rest = page.read_text(encoding="utf-8")[match.end() :].strip()
                found.append(Table(page, head, rest.split("\n\n", 1)[0]))
    return found


TABLES = tables()


def test_tables_are_seen() -> None:
    assert len(TABLES) >= 9


@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"{table.page.stem}: {table.head[:40]}")
def test_a_table_of_figures_names_its_command_and_commit(table: Table) -> None:
    assert _SOURCE.fullmatch(table.after), (
        f"{table.page.name} {table.head}: a line 'Figures: `command`, at commit.' is missing"
    )


@pytest.mark.parametrize(
    "page", [page for page in PAGES if _SOURCE.search(page.read_text())], ids=lambda page: page.name
)
def test_the_command_and_the_commit_are_there(page: Path) -> None:
    for source in _SOURCE.finditer(page.read_text(encoding="utf-8")):
        words = shlex.split(source["command"])
        if words[0] == "python":
            name = words[2].replace(".", "/") if words[1] == "-m" else words[1].removesuffix(".py")
            assert (ROOT / f"{name}.py").is_file() or (ROOT / name / "__main__.py").is_file(), source["command"]
        if source["commit"]:
            assert _is_commit(source["commit"]), source["commit"]


def _is_commit(name: str) -> bool:
    asked = ["git", "rev-parse", "--is-shallow-repository"]
    here = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    if here.stdout.strip() != "false":
        pytest.skip("commits cannot be looked up in what is no whole repository")
    done = subprocess.run(["git", "cat-file", "-e", f"{name}^{{commit}}"], cwd=ROOT, capture_output=True, check=False)
    return done.returncode == 0


def checked() -> list[tuple[Path, str, str]]:
    """Of each block that is checked: page, command, and the lines that it should print."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for source in _SOURCE.finditer(text):
            if source["checked"]:
                lines = text[: source.start()].rstrip().splitlines()
                shown: list[str] = []
                while lines and lines[-1].startswith("    "):
                    shown.insert(0, lines.pop())
                found.append((page, source["command"], "\n".join(shown)))
    return found


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("newcomer")
    command = [sys.executable, str(ROOT / "examples" / "newcomer.py"), str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(("page", "command", "shown"), checked(), ids=lambda value: getattr(value, "name", None))
def test_a_cheap_figure_is_what_its_command_prints(newcomer: Path, page: Path, command: str, shown: str) -> None:
    if "snapdragon" in command and not status("htp").available:
        pytest.skip(status("htp").reason)
    lines = [line.strip().replace("…", "...") for line in shown.splitlines() if line.strip(" …")]
    assert lines[0] == f"$ {command}"
    assert len(lines) > 2
    env = os.environ | {"COLUMNS": "400", "ZIF_DATA": str(newcomer / "own")}
    words = [sys.executable, "-m", "zif", *shlex.split(command)[1:]]
    done = subprocess.run(words, cwd=newcomer, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Command(command, lines[1:]).missing(done.stdout) == "", done.stdout


def test_there_are_figures_that_are_checked() -> None:
    assert len(checked()) >= 2
