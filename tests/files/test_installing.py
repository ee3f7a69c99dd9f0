"""What messages say to type to install something works where it is read: no index has zif's own distributions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from zif.files import installing
from zif.files.installing import to_install

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*ROOT.glob("core/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")])
#: A command that names a distribution of zif's own, or what is not known here (…), without saying where it comes from.
BARE = re.compile(r"pip install( '?…|\b[^\n`]*?[ '\"`]zif(?![\w.]*/)\b(?!/))")


def texts(source: str) -> Iterator[str]:
    """Every text that a module can print: its strings but for what documents it, adjoining parts as one."""
    tree = ast.parse(source)
    documented = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
            yield node.value


def test_no_message_tells_to_install_by_name_what_no_index_has() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in SOURCES
        for text in texts(path.read_text(encoding="utf-8"))
        if BARE.search(text)
    ]
    assert len(SOURCES) > 300
    assert wrong == [], "zif.files.installing.to_install says it"


@pytest.mark.parametrize(
    "text", ["`pip install zif-torch` brings it", "pip install …", "pip install 'zif[image]'", "pip install zif"]
)
def test_such_a_message_is_seen(text: str) -> None:
    assert BARE.search(next(texts(f"raise X({text!r})")))


def test_in_a_checkout_it_is_the_folder() -> None:
    assert to_install("zif-reference") == f"pip install {ROOT / 'plugins' / 'reference'}"
    assert to_install("zif_qnn_runtime<2") == f"pip install {ROOT / 'plugins' / 'qnn_runtime'}"
    assert to_install("zif") == f"pip install {ROOT / 'core'}"


def test_elsewhere_it_says_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "folders", dict)
    said = to_install("zif-reference")
    assert said.startswith("pip install --find-links WHEELS zif-reference (no package index has it: docs/hosts.md")
    assert "## Installing" in (ROOT / "docs" / "hosts.md").read_text(encoding="utf-8")


def test_an_extra_is_what_it_stands_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "folders", dict)
    assert re.fullmatch(r"pip install 'pillow[<>=,\d.]+'", to_install("zif[image]"))
    assert "'pytest" in to_install("zif[testing]")
    assert "zif-qnn-runtime" in to_install("zif-qnn-cpu[qnn]")


@pytest.mark.parametrize("requirement", ["numpy", "onnx"])
def test_what_an_index_has_stays(requirement: str) -> None:
    assert to_install(requirement) == f"pip install {requirement}"
    assert to_install(f"{requirement}>=1.18") == f"pip install '{requirement}>=1.18'"
