"""How much memory a command may take that was handed files: what is written in a small file must not fill the machine.

A model of a few bytes can ask an engine for any amount, by its dimensions or by what its operators make. So the system
is told to refuse this process, and the workers that it starts, more than a limit, which grows with the files; what is
refused then is exit code 1 with a sentence. Only where the system counts a process's own data: Linux.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from zif.errors import ZifError

#: Commands that are handed what others made. An own script (`--eval`) may take what it likes, and so may a framework
#: that a model is first converted with.
COMMANDS = frozenset(
    {"cache", "compare", "compile", "encodings", "plan", "profile", "quantize", "run", "verdicts", "verify"}
)
#: Files of a folder that are looked at to see how large what was named is.
_LOOKED_AT = 10_000

#: The least that a command can work with: open files, and address space beyond that of the interpreter. With less,
#: modules are not found, and the C library ends the process from inside an engine: nobody could say why.
FILES, SPACE = 32, 400 << 20
#: Commands that need no engine.
_LIGHT = frozenset({"--help", "--version", "version", "schema", "targets"})


class NoRoom(ZifError):
    """The process may take less of something than any command needs: raise its limit."""


def check_room(words: Sequence[str]) -> None:
    """Raise NoRoom where the limits of this process are below what a command needs; raise those that may be."""
    if os.name != "posix":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FILES:
        if hard != resource.RLIM_INFINITY and hard < FILES:
            raise NoRoom(
                f"the process may not open more than {hard} files, and zif needs {FILES}: `ulimit -n` raises that"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY and sys.platform == "linux" and not _LIGHT.intersection(words[:1]):
        left = soft - int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        if left < SPACE:
            more = max(0, left) >> 20
            raise NoRoom(f"the process may take {more} MiB more, and zif needs {SPACE >> 20}: `ulimit -v` raises that")


def bound(words: Sequence[str]) -> None:
    """Keep this process, when it runs such a command, to what files of that size may take. Raises UsageError."""
    if sys.platform != "linux" or not COMMANDS.intersection(words[:1]) or not _is_for(words):
        return
    import resource

    from zif.files.limits import EXPANSION, MEMORY

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = max(MEMORY.value, EXPANSION.value * sum(_sizes(words)))
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (min(most, 2**62), hard))


def _is_for(words: Sequence[str]) -> bool:
    """Whether what is worked on is a model, a bundle or a document, and nothing of the user's own runs."""
    first = next((name for name in _names(words) if os.path.exists(name)), "")
    ours = first.endswith((".onnx", ".json", ".toml")) or os.path.isfile(os.path.join(first, "manifest.json"))
    return (ours or not first) and not any(word.endswith(".py") for word in words)


def _names(words: Sequence[str]) -> list[str]:
    """What may be names of files: words, and what stands in them before or behind =, @ and commas."""
    pieces = [part for word in words[1:] for part in (word, *re.split(r"[=@,]", word))]
    return [part for part in dict.fromkeys(pieces) if part and "\0" not in part]


def _sizes(words: Sequence[str]) -> Iterator[int]:
    """The bytes of every file that is named, with what lies in its folder: weights, the samples of a list."""
    seen: set[str] = set()
    for name in filter(os.path.exists, _names(words)):
        folder = name if os.path.isdir(name) else os.path.dirname(name) or "."
        if (folder := os.path.realpath(folder)) not in seen:
            seen.add(folder)
            yield from _of_files(folder)


def _of_files(folder: str) -> Iterator[int]:
    left = _LOOKED_AT
    for place, folders, names in os.walk(folder):
        if place.count(os.sep) - folder.count(os.sep) >= 3:
            folders.clear()
        for name in names:
            left -= 1
            if left < 0:
                return
            try:
                yield os.lstat(os.path.join(place, name)).st_size
            except OSError:  # gone meanwhile
                continue
