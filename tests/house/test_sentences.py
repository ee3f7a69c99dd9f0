"""Every sentence with which zif refuses is collected here once, and tells what to do next or why nothing can be done.

A sentence does it in its own words, or the class of the error has a step that the command line says behind it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from attrs import frozen
from zif import errors
from zif.cli.views import failure
from zif.files.wording import names_step

ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.ZifError)
}


@frozen
class Sentence:
    """What one place in the source says: the class that it raises, and its words, with {…} for what is filled in."""

    where: str
    kind: str
    words: str


@cache
def sentences() -> tuple[Sentence, ...]:
    """Of core and of every plugin, each place once."""
    files = sorted((*ROOT.glob("core/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")))
    return tuple(one for path in files for one in _of(path))


def _of(path: Path) -> Iterator[Sentence]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = _name(node.func) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and name in KINDS and node.args:
            yield Sentence(f"{path.relative_to(ROOT)}:{node.lineno}", name, _words(node.args[0]))


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _words(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_words, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _words(node.left) + _words(node.right)
    return "{…}"


def test_the_walk_finds_them() -> None:
    assert len(sentences()) > 400
    assert {one.kind for one in sentences()} >= {"UsageError", "InvalidInput", "InvalidModel", "Unsupported"}


def test_each_names_a_step_or_its_class_does() -> None:
    silent = [one for one in sentences() if not names_step(one.words) and not KINDS[one.kind].step]
    assert not silent, "\n".join(f"{one.where}: {one.kind}: {one.words}" for one in silent)


def test_every_class_but_the_root_has_a_step_that_is_one() -> None:
    for name, kind in KINDS.items():
        if name != "ZifError":
            assert kind.step, name
            assert names_step(kind.step), f"{name}: {kind.step}"
            assert not kind.step.endswith(".")


@pytest.mark.parametrize(
    "error", [kind for name, kind in KINDS.items() if name != "ZifError"], ids=lambda kind: kind.__name__
)
def test_the_command_line_says_it(error: type[errors.ZifError], capsys: pytest.CaptureFixture[str]) -> None:
    assert failure.report(error("x.onnx: no")) == error.exit_code
    assert capsys.readouterr().err == f"zif: error: x.onnx: no. Next: {error.step}\n"
    failure.report(error("x.onnx: no; name another file"))
    assert "Next:" not in capsys.readouterr().err


@pytest.mark.parametrize("word", ["Traceback", "TODO", "..", " ,", "  "])
def test_none_of_them_is_unfinished(word: str) -> None:
    odd = [one for one in sentences() if word in one.words.replace("../", "").replace("...", "").replace("\n  ", "\n")]
    assert not odd, "\n".join(f"{one.where}: {one.words}" for one in odd)


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("the model is empty. Export it again.", True),
        ("unknown policy 'fast'; known: balanced", True),
        ("give each input once", True),
        ("no operator Foo: install a backend that has it", True),
        ("`zif doctor` says more", True),
        ("the file cannot be read: Permission denied", False),
        ("node 'run' has a name", False),
        ("there are no samples", False),
    ],
)
def test_what_counts_as_a_step(text: str, step: bool) -> None:
    assert names_step(text) is step
