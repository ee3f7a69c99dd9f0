"""Which models a sweep is of: files, folders, globs and lists, each with a name that is its own."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path

from zif import UsageError
from zif.plugin import kind_of, read_text

_GLOB = frozenset("*?[")


def models_of(words: Iterable[str], folder: Path) -> dict[str, Path]:
    """The files by name, in the order of the words. folder: what relative ones are relative to.

    A folder stands for the ONNX files in it and below, or is a model itself, where it is one of another framework;
    `@list.txt` (or a file that ends in .txt) has one word a line. Raises UsageError for a word that names nothing.
    """
    paths = list(dict.fromkeys(path for word in words for path in _named(word, folder)))
    return dict(zip(_names(paths), paths, strict=True))


def _named(word: str, folder: Path, listed: bool = False) -> Iterator[Path]:
    if not listed and (word.startswith("@") or word.endswith(".txt")):
        yield from _listed(folder / word.removeprefix("@"))
        return
    path = folder / word
    if path.is_dir():
        yield from _inside(path)
    elif path.exists():
        yield path
    elif _GLOB & set(word):
        paths = sorted(Path(file) for file in glob.glob(str(path), recursive=True))
        if not paths:
            raise UsageError(f"no model matches {word!r} in {folder}")
        for file in paths:
            yield from _inside(file) if file.is_dir() else (file,)
    else:
        raise UsageError(f"there is no model {path}: name a file, a folder, a glob in quotes, or @LIST")


def _inside(path: Path) -> list[Path]:
    if kind_of(path) is not None:
        return [path]
    paths = sorted(file for file in path.rglob("*.onnx") if file.is_file())
    if not paths:
        raise UsageError(f"the folder {path} holds no .onnx file, at no depth")
    return paths


def _listed(path: Path) -> Iterator[Path]:
    for line in read_text(path, UsageError).splitlines():
        word = line.strip()
        if word and not word.startswith("#"):
            yield from _named(word, path.parent, listed=True)


def _names(paths: list[Path]) -> list[str]:
    """The stem where that is a name of its own, else with as many folders before it as it takes."""
    names = [path.stem for path in paths]
    for depth in range(2, 2 + max((len(path.parts) for path in paths), default=0)):
        twice = {name for name in names if names.count(name) > 1}
        if not twice:
            break
        names = [
            "/".join(path.with_suffix("").parts[-depth:]) if name in twice else name
            for name, path in zip(names, paths, strict=True)
        ]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]
