"""What the QNN tutorial holds that a reader may look for: commands, options, paths, keys, names, advice, troubles."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(text: str, kind: str) -> list[str]:
    """The fenced blocks of a kind; "" for those without a word."""
    return [body for word, body in _BLOCK.findall(text) if word == kind]


def commands(text: str) -> Iterator[str]:
    """Words of its shell blocks: programs, options with a value after them, variables, files that are read."""
    for block in blocks(text, "bash"):
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            if line.strip() and not line.startswith("#"):
                yield from _words(line)


def lines(text: str) -> Iterator[str]:
    """Its command lines, each as one, but for what only prints or joins folders."""
    for block in blocks(text, "bash"):
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            if line.strip() and not line.startswith("#"):
                yield re.sub(r"\s+", " ", line.strip())


def _words(line: str) -> Iterator[str]:
    words = shlex.split(line.replace("\\", "/"), comments=True)
    yield words[0].replace("/", "\\") if "Scripts" in words[0] else words[0]
    for word in words[1:]:
        if word.startswith(("-", "/sys", "$QNN", "lib")):
            yield word
        elif "=" in word and words[0] == "export":
            yield word.split("=")[0]
        elif words[0] == "pip" and word != "install":
            yield word


def keys(text: str) -> Iterator[str]:
    """Every key of its JSON files, and every text that is a value."""
    for block in blocks(text, "json"):
        yield from _keys(json.loads(re.sub(r"^//.*$", "", block, flags=re.MULTILINE)))


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, str):
        yield value


def names(text: str) -> Iterator[str]:
    """Classes, their methods, functions, and keys of dictionaries in its Python."""
    for block in blocks(text, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name not in ("__init__", "forward"):
                yield node.name
            if isinstance(node, ast.Dict):
                yield from (
                    key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
                )
            if isinstance(node, ast.Call):
                yield from _called(node)


def _called(node: ast.Call) -> Iterator[str]:
    called = ast.unparse(node.func)
    if called.split(".")[0] in ("torch", "tracemalloc", "psutil", "ctypes"):
        yield called
        yield from (word.arg for word in node.keywords if word.arg)


def files(text: str) -> Iterator[str]:
    """What its deployment folder holds."""
    for block in blocks(text, ""):
        yield from (found for found in re.findall(r"([\w]+(?:\.\w+|/))\s", block))


def advice(text: str) -> list[str]:
    """The terms of its best practices, in its own words."""
    part = text.split("## Bonnes pratiques\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^- \*\*(.+?)\*\* ?:", part, re.MULTILINE)


def troubles(text: str) -> list[str]:
    """The titles of its troubleshooting."""
    part = text.split("### Problèmes courants\n", 1)[1].split("\n### ", 1)[0]
    return re.findall(r"^#### \d+\. (.+)$", part, re.MULTILINE)
