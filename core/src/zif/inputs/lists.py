"""Input lists as the runners of vendors take them: a text file with the input files of one run on each line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from zif.errors import InvalidInput
from zif.files.opening import is_plain
from zif.files.text import read_text
from zif.files.unused import unused
from zif.files.wording import cut
from zif.inputs.files import read
from zif.inputs.named import info_of, of

if TYPE_CHECKING:
    from zif.inputs.preprocess import Preprocess
    from zif.records import TensorInfo, Value


#: The head of a list: the outputs that are wanted. A comment has a blank, or nothing, behind its #.
_HEAD = re.compile(r"[#%][^\s#%].*")


@frozen
class Line:
    """The files of one run by input name. `number` counts the file's lines from 1."""

    number: int
    files: Mapping[str, Path]

    def read(
        self, infos: Mapping[str, TensorInfo], preprocess: Mapping[str, Preprocess] | None = None
    ) -> dict[str, Value]:
        """The values of this run. Raises InvalidInput."""
        return {name: read(path, infos[name], of(preprocess, name), infos) for name, path in self.files.items()}


def read_list(
    path: Path, infos: Mapping[str, TensorInfo], every: Mapping[str, TensorInfo] | None = None
) -> tuple[Line, ...]:
    """The runs of an input list. Files are parted by blanks and stand in the order of `infos`, or as name:=file.

    `every` has the inputs that may be named; those beyond `infos` are the optional ones.

    A relative file is looked for from the current folder, as those runners do, then from the list's own. Empty lines
    and lines that start with # do not count; a first line "#y" or "%y", which names the outputs that a runner shall
    write, is told as not used. Raises InvalidInput for a list that is empty or wrong, with the line.
    """
    text = read_text(path, lambda text: InvalidInput(f"input list {text}"))
    rows = [(number, row.strip()) for number, row in enumerate(text.split("\n"), 1)]
    rows = [(number, row) for number, row in rows if row]
    if rows and (head := _HEAD.match(rows[0][1])):
        unused(
            f"{path}, line {rows[0][0]}: {head[0]!r} chooses outputs, and is not used: zif gives every output of "
            "the model; `zif compare` shows tensors inside it"
        )
        rows = rows[1:]
    lines = tuple(_line(path, number, row, infos, every or infos) for number, row in rows if not row.startswith("#"))
    if not lines:
        raise InvalidInput(f"input list {path} names no file: each line holds the input files of one run")
    return lines


def _line(path: Path, number: int, row: str, infos: Mapping[str, TensorInfo], every: Mapping[str, TensorInfo]) -> Line:
    where = f"{path}, line {number}"
    words = row.split()
    named = [":=" in word for word in words]
    if not any(named):
        if len(words) != len(infos):
            raise InvalidInput(f"{where}: {len(words)} files, but the model takes {len(infos)}: {', '.join(infos)}")
        return Line(number, {name: _path_of(word, path, where) for name, word in zip(infos, words, strict=True)})
    if not all(named):
        raise InvalidInput(f"{where}: name every file (name:=file) or none")
    pairs = [word.split(":=", 1) for word in words]
    files = {_known(name, every, where): _path_of(word, path, where) for name, word in pairs}
    if len(files) < len(pairs):
        raise InvalidInput(f"{where}: an input is named twice")
    return Line(number, files)


def _known(name: str, infos: Mapping[str, TensorInfo], where: str) -> str:
    """The model's own name for an input; in lists for compiled models, all but letters, digits and _ is replaced."""
    plain = {known: re.sub(r"\W", "_", known, flags=re.ASCII) for known in infos}
    alike = Counter(plain.values())
    matches = [known for known in infos if known == name or (plain[known] == name and alike[name] == 1)]
    try:
        return matches[0] if matches else info_of(name, infos).name
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error}") from None


def _path_of(word: str, path: Path, where: str) -> Path:
    for candidate in (Path(word), path.parent / word):
        if is_plain(candidate):
            return candidate
    raise InvalidInput(f"{where}: there is no file {cut(word, 200)}, neither here nor beside the list")
