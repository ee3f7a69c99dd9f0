"""What a command writes, held against all that it reads and against each other: before minutes of work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from zif.cli.files import check_output
from zif.errors import InvalidModel, UsageError


def check_outputs(outputs: Iterable[Path], read: Callable[[], Iterable[Path]]) -> None:
    """Raise UsageError for an output that cannot be written, that another one is, or that is a file that is read.

    `read` is asked only when there is a file to lose.
    """
    written: list[Path] = []
    for path in outputs:
        check_output(path)
        if any(_same(path, other) for other in written):
            raise UsageError(f"{path} would be written twice by this command: name another file")
        written.append(path)
    there = {_key(path): path for path in written if path.exists()}
    for file in read() if there else ():
        if file.exists() and _key(file) in there:
            raise UsageError(f"{there[_key(file)]} is read by this command, and would be lost: name another file")


def check_folder(folder: Path, read: Callable[[], Iterable[Path]]) -> None:
    """Raise UsageError for a folder that is replaced as a whole while a file in it is read."""
    whole = folder.resolve()
    for file in read() if whole.exists() else ():
        if file.resolve().is_relative_to(whole):
            raise UsageError(f"{file} is read by this command, and would be lost with {folder}: name another folder")


def read_by(
    model: Path,
    shapes: Mapping[str, Sequence[int]] | None = None,
    calibration: Path | None = None,
    preprocess: str = "",
    others: Iterable[Path | None] = (),
    custom_ops: Sequence[Path] = (),
) -> Iterator[Path]:
    """Every file that is read: the model with its data, calibration with what a folder or list names, and others.

    Raises what reading them does: UsageError, InvalidInput and InvalidModel; data of the model that are missing count
    for nothing here.
    """
    from zif.inputs import parse
    from zif.inputs.samples import samples_of
    from zif.model import Model, external

    yield from (path for path in (model, calibration, *others, *custom_ops) if path is not None)
    if preprocess.endswith((".toml", ".json")):
        yield Path(preprocess)
    loaded = Model.load(model, shapes, custom_ops)
    for tensor in filter(external.is_external, external.tensors(loaded.proto.graph)):
        with suppress(InvalidModel):
            yield external.locate(external.reference(tensor), loaded.folders)
    if calibration is not None:
        yield from samples_of(calibration, loaded, parse(preprocess) if preprocess else None).files


def _same(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other))


def _key(path: Path) -> tuple[int, int]:
    """What an existing file is, whatever its name."""
    status = path.stat()
    return status.st_dev, status.st_ino
