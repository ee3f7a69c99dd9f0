"""Whether what a page calls is there: the command, and each of its options."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

from docs.pages import Line

MAKEFILE = (Path(__file__).resolve().parents[2] / "Makefile").read_text(encoding="utf-8")


@cache
def _root() -> Any:
    from typer.main import get_command
    from zif.cli.app import application

    return get_command(application())


def unknown(line: Line) -> list[str]:
    """Words of a line with zif or make that those do not know; none where the line is another program's."""
    words = shlex.split(re.sub(r"\s+[<>|].*$", "", line.text))
    while words and "=" in words[0]:
        words.pop(0)
    if words and words[0] == "make":
        return [
            word
            for word in words[1:]
            if "=" not in word and not re.search(rf"^[\w -]*\b{word}\b.*:", MAKEFILE, re.MULTILINE)
        ]
    if not words or words[0] != "zif":
        return []
    command, depth = _root(), 1
    for word in words[1:3]:
        found = getattr(command, "get_command", lambda *_: None)(None, word)
        if found is None:
            break
        command, depth = found, depth + 1
    if depth == 1 and len(words) > 1 and not words[1].startswith("-"):
        return [words[1]]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    used = [word.split("=", 1)[0] for word in words[depth:] if re.match(r"^-{1,2}[A-Za-z]", word)]
    return [word for word in used if word not in known and word not in ("--help", "--debug")]
