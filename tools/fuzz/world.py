"""The small world that a case is run in: a home, a temporary folder, a working folder, and files that must stay."""

from __future__ import annotations

import base64
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

from attrs import frozen

#: What the user has, which no command may touch: below the world.
KEPT = {
    "home/.bashrc": b"# the user's own\n",
    "home/.ssh/id_ed25519": b"secret\n",
    "home/project/artifacts/app.bin": b"years of work\n",
    "work/keep.txt": b"keep\n",
    "work/w.bin": bytes(range(256)) * 16,
}
#: One thread each for whoever computes: a campaign is no benchmark, and its server forks.
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
#: Where zif may keep what it likes.
OWN = ("home/.cache", "home/.local/share/zif", "home/.config")


@frozen
class Case:
    """A command with the files that it meets: below the working folder, or with ~/ in front below the home.

    `writes` are the places, below the working folder, that the command was told to write to. "{world}" in a variable of
    the environment stands for the folder that all of this lies in.
    """

    arguments: tuple[str, ...]
    files: Mapping[str, bytes]
    environment: Mapping[str, str] = {}
    writes: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As JSON; files as text where they are text."""
        return {
            "arguments": list(self.arguments),
            "environment": dict(self.environment),
            "writes": list(self.writes),
            "files": {name: _shown(content) for name, content in self.files.items()},
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Case:
        """The case in a document."""
        files = {name: _hidden(content) for name, content in document["files"].items()}
        return cls(tuple(document["arguments"]), files, document["environment"], tuple(document["writes"]))


def _shown(content: bytes) -> Any:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}
    return (
        text
        if text.isprintable() or json.dumps(text).count("\\u") < 4
        else {"base64": base64.b64encode(content).decode()}
    )


def _hidden(content: Any) -> bytes:
    return content.encode() if isinstance(content, str) else base64.b64decode(content["base64"])


def with_json(rng: Random, words: tuple[str, ...]) -> tuple[str, ...]:
    """Now and then with --json."""
    return (*words, "--json") if rng.random() < 0.25 else words


class World:
    """A folder with everything that a command may see of its user."""

    def __init__(self, root: Path) -> None:
        self.root, self.work = root, root / "work"

    def make(self, case: Case) -> None:
        """Put the files of a case there, and nothing else."""
        shutil.rmtree(self.root, ignore_errors=True)
        for folder in ("home", "tmp", "work", "outside"):
            (self.root / folder).mkdir(parents=True)
        for name, content in KEPT.items():
            _put(self.root / name, content)
        os.mkfifo(self.work / "pipe")
        (self.work / "link").symlink_to("../home/.bashrc")
        for name, content in case.files.items():
            own = name.startswith("~/")
            _put(self.root / "home" / name[2:] if own else self.work / name, content, 0o600 if own else 0o644)

    def lock(self, names: str) -> None:
        """Let nobody write to these of its folders; "" for writing to all again."""
        for name in ("home", "tmp", "work"):
            (self.root / name).chmod(0o555 if name in names.split() else 0o755)

    def environment(self, case: Case) -> dict[str, str]:
        """The variables of the command: none of the user who runs the campaign, but the path."""
        plain = {
            "PATH": os.environ.get("PATH", ""),
            "COLUMNS": "120",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LANG": "C.UTF-8",
        }
        folders = {"HOME": str(self.root / "home"), "TMPDIR": str(self.root / "tmp")}
        own = {name: value.replace("{world}", str(self.root)) for name, value in case.environment.items()}
        return {**THREADS, **plain, **folders, "ZIF_DEADLINE": "60", **own}

    def seen(self) -> dict[str, tuple[Any, ...]]:
        """What lies where, and how it could be told that somebody wrote to it."""
        return dict(_entries(self.root, ""))

    def strange(self, case: Case, before: Mapping[str, Any]) -> list[str]:
        """What has changed since, outside of where the command may write."""
        after = self.seen()
        changed = [name for name in {*before, *after} if before.get(name) != after.get(name)]
        may = (*OWN, *(f"work/{name}" for name in case.writes))
        return sorted(name for name in changed if not any(name == place or _below(name, place) for place in may))


def _below(name: str, place: str) -> bool:
    """Inside of a place, or a folder on the way to it."""
    return name.startswith(f"{place}/") or place.startswith(f"{name}/")


def _put(path: Path, content: bytes, mode: int = 0o644) -> None:
    missing = [folder for folder in path.parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(0o700 if mode == 0o600 else 0o755)
    path.write_bytes(content)
    path.chmod(mode)


def _entries(folder: Path, name: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
    with os.scandir(folder) as rows:
        for row in rows:
            there = f"{name}/{row.name}" if name else row.name
            status = row.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                yield there, (status.st_mode,)
                yield from _entries(Path(row.path), there)
            else:
                yield there, (status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns)
