"""What `zif run` feeds a model: one or several sets of inputs from the options, checked before anything is built."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from zif.errors import UsageError

if TYPE_CHECKING:
    from zif.cli.options import FeedOptions
    from zif.inputs.samples import Samples
    from zif.model import Model
    from zif.records import TensorInfo


@frozen
class Feed:
    """One set of inputs, from `files`. `folder` is where its outputs go below the output folder; "" for one run."""

    folder: str
    source: str
    read: Callable[[], Mapping[str, Any]]
    files: tuple[Path, ...] = ()


def feeds(options: FeedOptions, inputs: Sequence[TensorInfo], optional: Sequence[TensorInfo]) -> list[Feed]:
    """The sets of inputs, the first of them checked against the model. Raises UsageError or InvalidInput."""
    from zif.runtime.session.admit import Admission

    made = _listed(options, inputs, optional) if options.input_list else [_single(options, inputs, optional)]
    Admission(inputs, optional).admit(made[0].read())
    return made


def _listed(options: FeedOptions, inputs: Sequence[TensorInfo], optional: Sequence[TensorInfo]) -> list[Feed]:
    from zif.inputs import parse, read_list

    if options.input or options.random is not None:
        raise UsageError("--input-list goes without --input and --random: the list names the files of every run")
    assert options.input_list is not None
    descriptions = parse(options.preprocess) if options.preprocess else {}
    infos = {info.name: info for info in inputs}
    every = infos | {info.name: info for info in optional}
    lines = read_list(options.input_list, infos, every)
    return [
        Feed(
            f"Result_{number}",
            f"{options.input_list}, line {line.number}",
            partial(line.read, every, descriptions),
            (options.input_list, *line.files.values()),
        )
        for number, line in enumerate(lines)
    ]


def _single(options: FeedOptions, inputs: Sequence[TensorInfo], optional: Sequence[TensorInfo]) -> Feed:
    from zif.inputs import parse, random_inputs, read_named
    from zif.inputs.named import split

    descriptions = parse(options.preprocess) if options.preprocess else {}
    if any((info.dtype or "").startswith("float") for info in inputs):
        note_pixels(options.input, options.preprocess)
    every = {info.name: info for info in (*inputs, *optional)}
    values = read_named(options.input, every, descriptions)
    missing = [info for info in inputs if info.name not in values]
    if missing and options.random is None:
        names = ", ".join(f"{info.name!r} ({told(info)})" for info in missing)
        raise UsageError(f"no value for input {names}: use --input NAME=FILE, --input-list FILE or --random SEED")
    if options.random is not None:
        values |= random_inputs(missing, options.random)
    files = tuple(split(option, every)[1] for option in options.input)
    return Feed("", "random values" if missing else "files", lambda: values, files)


def note_pixels(files: Iterable[str], preprocess: str) -> None:
    """Say that pictures go in as they are when nothing says how: most networks want them scaled, and give nonsense."""
    from zif.cli.views.terminal import note
    from zif.inputs.files import IMAGES

    picture = None if preprocess else next((file for file in files if Path(file).suffix.lower() in IMAGES), None)
    if picture and Path(picture.rpartition("=")[2]).is_file():
        note(
            f"{picture}: pixels are 0 to 255, as no --preprocess says otherwise; where the network was trained on "
            "scaled ones, give for example --preprocess scale=1/255,mean=0.5,std=0.5"
        )


def note_folder(calibration: Path | None, preprocess: str) -> None:
    """The same for the pictures of a folder with calibration data."""
    if calibration is not None and calibration.is_dir():
        note_pixels(map(str, sorted(calibration.iterdir())), preprocess)


def samples_at(path: Path, model: Model, preprocess: str) -> Samples:
    """Sets of inputs from a folder, an array file or a list. Raises InvalidInput and UsageError."""
    from zif.inputs import parse
    from zif.inputs.samples import samples_of

    return samples_of(path, model, parse(preprocess) if preprocess else None)


def told(info: TensorInfo) -> str:
    """An input as people read it: "float32 [N, 3]"."""
    if not info.dtype or info.shape is None:
        return info.type or "unknown type"
    return f"{info.dtype} [{', '.join('?' if dim is None else str(dim) for dim in info.shape)}]"
