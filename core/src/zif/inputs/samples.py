"""Calibration data from files: a folder, one file with many samples, or an input list; read when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, overload, runtime_checkable

from zif.errors import InvalidInput, UsageError
from zif.files.limits import SAMPLES
from zif.files.opening import missing
from zif.inputs.filenames import safe_names

if TYPE_CHECKING:
    from zif.inputs.preprocess import Preprocess
    from zif.inputs.rows import Rows
    from zif.model import Model
    from zif.records import TensorInfo

Sample = Mapping[str, Any]
_STACKED = frozenset({".npz", ".npy"})


@runtime_checkable
class Labelled(Protocol):
    """Samples that know where each of them comes from."""

    def label(self, place: int) -> str: ...


class Samples(Sequence[Sample]):
    """Inputs by name, one sample after another, each read from its file when it is asked for.

    `files`: every file that is read.
    """

    def __init__(self, readers: Sequence[tuple[str, Callable[[], Sample]]], files: Iterable[Path] = ()) -> None:
        self._readers, self.files = readers, tuple(files)

    def __len__(self) -> int:
        return len(self._readers)

    @overload
    def __getitem__(self, place: int) -> Sample: ...

    @overload
    def __getitem__(self, place: slice) -> Samples: ...

    def __getitem__(self, place: int | slice) -> Sample | Samples:
        if isinstance(place, slice):
            return Samples(self._readers[place], self.files)
        return self._readers[place][1]()

    def label(self, place: int) -> str:
        """Where a sample comes from: a file, a line of a list, a row of an array."""
        return self._readers[place][0]


class Subset(Sequence[Sample]):
    """Some samples of a sequence, in the given order, read when they are asked for."""

    def __init__(self, samples: Sequence[Sample], places: Sequence[int]) -> None:
        self._samples, self._places = samples, places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> Sample: ...

    @overload
    def __getitem__(self, place: slice) -> Subset: ...

    def __getitem__(self, place: int | slice) -> Sample | Subset:
        if isinstance(place, slice):
            return Subset(self._samples, self._places[place])
        return self._samples[self._places[place]]

    def label(self, place: int) -> str:
        """Where a sample comes from."""
        where = self._places[place]
        return self._samples.label(where) if isinstance(self._samples, Labelled) else f"calibration sample {where + 1}"


def samples_of(path: Path, model: Model, preprocess: Mapping[str, Preprocess] | None = None) -> Samples:
    """The samples in `path`.

    A folder: one sample per file, all of one kind (npy, npz, pb, json, images or raw data); for a model of several
    inputs one npz per sample, or a folder per input with as many files in each. An .npz or .npy: samples stacked along
    a new first axis or along the batch. A text file: the files of one run per line. Each sample is read from its file
    when it is asked for, and none is kept (but those of a compressed .npz). Raises InvalidInput and UsageError.
    """
    infos = {info.name: info for info in model.inputs}
    if missing(path):
        raise UsageError(f"--calibration {path}: there is no such file or folder")
    if path.is_dir():
        return _folder(path, infos, preprocess)
    if path.suffix.lower() in _STACKED:
        return _stacked(path, infos)
    if path.suffix.lower() in (".txt", ".lst", ""):
        from zif.inputs import read_list

        lines = read_list(path, infos)
        readers = [(f"{path}, line {line.number}", partial(line.read, infos, preprocess)) for line in lines]
        return Samples(readers, [path, *(file for line in lines for file in line.files.values())])
    raise UsageError(f"--calibration {path}: give a folder, an .npz or .npy, or an input list (.txt)")


def _folder(path: Path, infos: Mapping[str, TensorInfo], preprocess: Mapping[str, Preprocess] | None) -> Samples:
    shown = sorted(file for file in path.iterdir() if not file.name.startswith("."))
    own = {name: path / safe for name, safe in safe_names(infos).items()}
    own = {name: path / name if (path / name).is_dir() else place for name, place in own.items()}
    if len(infos) > 1 and all(place.is_dir() for place in own.values()):
        return _by_input(path, own, infos, preprocess)
    files = [file for file in shown if file.is_file()]
    if not files:
        raise InvalidInput(f"{path} holds no files to calibrate with")
    kind = _one_kind(path, files)
    if kind == "npz":
        return Samples([(str(file), partial(_entries, file, infos)) for file in files], files)
    if len(infos) > 1:
        raise InvalidInput(
            f"{path}: the model has {len(infos)} inputs ({', '.join(infos)}), and one {kind} file holds one: "
            "use one .npz per sample, a folder for each input, or an input list"
        )
    ((name, info),) = infos.items()
    return Samples([(str(file), partial(_single, file, name, info, preprocess)) for file in files], files)


def _by_input(path: Path, folders: Mapping[str, Path], infos: Mapping[str, TensorInfo], preprocess: Any) -> Samples:
    """A folder per input; the first files belong together, and so on."""
    files = {name: sorted(file for file in place.iterdir() if file.is_file()) for name, place in folders.items()}
    counts = {name: len(paths) for name, paths in files.items()}
    if len(set(counts.values())) > 1 or not all(counts.values()):
        told = ", ".join(f"{name}: {count}" for name, count in counts.items())
        raise InvalidInput(f"{path}: the folders of the inputs must hold as many files each, but have {told}")
    for name, paths in files.items():
        _one_kind(folders[name], paths)

    def read(place: int) -> Sample:
        arrays = (_single(files[name][place], name, info, preprocess) for name, info in infos.items())
        return {key: value for part in arrays for key, value in part.items()}

    every = [file for paths in files.values() for file in paths]
    return Samples([(f"{path}, sample {k + 1}", partial(read, k)) for k in range(max(counts.values()))], every)


def _one_kind(path: Path, files: Sequence[Path]) -> str:
    """What all files are. Raises InvalidInput when they are not of one kind."""
    from zif.inputs.files import IMAGES

    plain = {".npy": "npy", ".npz": "npz", ".pb": "pb", ".json": "json"}
    kinds: dict[str, str] = {}
    for file in files:
        ending = file.suffix.lower()
        kinds.setdefault("image" if ending in IMAGES else plain.get(ending, "raw"), file.name)
    if len(kinds) > 1:
        told = ", ".join(f"{kind} ({name})" for kind, name in kinds.items())
        raise InvalidInput(f"{path} mixes kinds of files: {told}. Keep one kind; others would be read as raw data")
    return next(iter(kinds))


def _single(file: Path, name: str, info: TensorInfo, preprocess: Mapping[str, Preprocess] | None) -> Sample:
    from zif.inputs import read
    from zif.inputs.named import of

    return {name: read(file, info, of(preprocess, name))}


def _entries(file: Path, infos: Mapping[str, TensorInfo]) -> Sample:
    """All inputs from one npz; the only entry of a model with one input may have any name."""
    from zif.files.archives import read_arrays
    from zif.inputs.files import as_declared

    arrays = read_arrays(file)
    if len(infos) == 1 and len(arrays) == 1:
        return {name: as_declared(next(iter(arrays.values())), info) for name, info in infos.items()}
    missing = [name for name in infos if name not in arrays]
    if missing:
        raise InvalidInput(f"{file} has no entry {missing[0]!r}; it holds {', '.join(arrays) or 'nothing'}")
    return {name: as_declared(arrays[name], info) for name, info in infos.items()}


def _stacked(path: Path, infos: Mapping[str, TensorInfo]) -> Samples:
    from zif.inputs.rows import rows_of

    arrays = rows_of(path)
    if len(infos) == 1 and not set(arrays) & set(infos):
        (info,) = infos.values()
        if len(arrays) > 1:
            each = [(f"{path}, entry {key!r}", partial(_whole, info, rows)) for key, rows in arrays.items()]
            return Samples(each, [path])
        arrays = dict(zip([info.name], arrays.values(), strict=False))
    if "" in arrays:
        raise InvalidInput(f"{path}: the model has {len(infos)} inputs, and an .npy holds one: give an .npz with all")
    missing = [name for name in infos if name not in arrays]
    if missing:
        raise InvalidInput(f"{path} has no entry {missing[0]!r}; it holds {', '.join(arrays) or 'nothing'}")
    stacks = [_Stack(path, arrays[name], info) for name, info in infos.items()]
    counts = {stack.info.name: stack.count for stack in stacks}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name}: {count}" for name, count in counts.items())
        raise InvalidInput(f"{path}: the inputs have different numbers of samples: {told}")
    read = [(f"{path}, sample {k + 1}", partial(_of_each, stacks, k)) for k in range(stacks[0].count)]
    return Samples(read, [path])


class _Stack:
    """The samples of an array: along its first axis when it has one more than the input, else its batches."""

    def __init__(self, path: Path, rows: Rows, info: TensorInfo) -> None:
        self.rows, self.info = rows, info
        rank, total = len(info.shape or ()), (rows.shape or (1,))[0]
        batch = info.shape[0] if info.shape and isinstance(info.shape[0], int) else 1
        self.along = 0 if len(rows.shape) == rank + 1 else batch
        dims = ", ".join("?" if dim is None else str(dim) for dim in info.shape or ())
        takes = f"{path}: input {info.name!r} takes [{dims}], and the array is {list(rows.shape)}"
        if 0 in rows.shape:
            raise InvalidInput(f"{takes}: it holds no sample")
        if self.along and (len(rows.shape) != rank or not rank or total % batch):
            raise InvalidInput(f"{takes}: stack samples along a new first axis, or along the batch")
        self.count = total // (self.along or 1)
        if self.count > SAMPLES.value:
            raise InvalidInput(SAMPLES.exceeded(f"{path} holds samples:", self.count))

    def sample(self, place: int) -> Any:
        from zif.inputs.files import as_declared

        array = self.rows.read(place * self.along, self.along) if self.along else self.rows.read(place, 1)[0]
        return as_declared(array, self.info)


def _of_each(stacks: Sequence[_Stack], place: int) -> Sample:
    return {stack.info.name: stack.sample(place) for stack in stacks}


def _whole(info: TensorInfo, rows: Rows) -> Sample:
    from zif.inputs.files import as_declared

    array = rows.read(0, rows.shape[0] if rows.shape else 1).reshape(rows.shape)
    return {info.name: as_declared(array, info)}
