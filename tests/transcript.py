"""A page of the documents, done as it says: files written, commands run, what they print compared with what is shown.

A block ```py, ```toml or ```text after a line that names a file in backquotes is that file. A block ```console holds
commands after `$ `, each with the output that a reader should see; `...` stands for anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from attrs import field, frozen

_BLOCK = re.compile(
    r"(?:^`(?P<file>[^`\n]+)`[^\n]*:\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@frozen
class Write:
    """A file to be written."""

    path: str
    text: str


@frozen
class Command:
    """A command to be run, and what it has to print, line by line."""

    words: str
    shown: list[str] = field(factory=list)

    def missing(self, printed: str) -> str:
        """The first line that should have been printed and was not, in this order; "" when all were."""
        rest = printed
        for line in self.shown:
            pattern = ".*?".join(re.escape(part) for part in re.split(r"\.\.\.|\s+", line.strip()) if part)
            found = re.search(pattern, rest)
            if found is None:
                return line
            rest = rest[found.end() :]
        return ""


def steps(page: Path) -> Iterator[Write | Command]:
    """What a reader does, in the order of the page."""
    for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        if block["kind"] == "console":
            yield from _commands(block["text"])
        elif block["file"]:
            yield Write(block["file"], block["text"])


def _commands(text: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        words, *shown = part.splitlines()
        yield Command(words, [line for line in shown if line.strip(" .")])
