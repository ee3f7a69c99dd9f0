"""The documents: every example runs, every hook has a section with its signature, every code and error is explained."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from zif import errors
from zif.hookspecs import BackendHooks
from zif.records import CODES, STAGES

DOCS = Path(__file__).resolve().parents[2] / "docs"
#: The tutorial is one long example, run by test_tutorial.
PAGES = [page for page in sorted(DOCS.glob("*.md")) if page.name != "tutorial.md"]
EXAMPLES = [
    pytest.param(code, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE))
]


@pytest.mark.parametrize("code", EXAMPLES)
def test_every_example_runs(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("hook", STAGES)
def test_every_hook_has_a_section_with_its_signature(hook: str) -> None:
    text = (DOCS / "contract.md").read_text()
    section = text.split(f"\n## {hook}\n", 1)[1].split("\n## ", 1)[0]
    signature = inspect.signature(getattr(BackendHooks, hook))
    names = [p for name, p in signature.parameters.items() if name != "self"]
    arguments = ", ".join(f"{p.name}: {p.annotation}" for p in names)
    assert f"    {hook}({arguments}) -> {signature.return_annotation}\n" in section


def test_no_section_describes_a_hook_that_is_not_there() -> None:
    titles = re.findall(r"^## (\w+)$", (DOCS / "contract.md").read_text(), re.MULTILINE)
    assert set(titles) == set(STAGES)


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_is_explained(code: str) -> None:
    assert f"`{code}`" in (DOCS / "reports.md").read_text()


def test_every_error_is_in_the_hosts_table() -> None:
    kinds = [n for n, c in vars(errors).items() if inspect.isclass(c) and issubclass(c, errors.ZifError)]
    text = (DOCS / "hosts.md").read_text()
    assert [name for name in kinds if f"`{name}`" not in text and name != "ZifError"] == []


@pytest.mark.slow
def test_the_site_builds_and_its_links_hold(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="the documents are built with mkdocs: pip install mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=DOCS.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "contract.html").is_file()
