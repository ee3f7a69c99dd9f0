"""Reading a model from a path, bytes or a ModelProto, without loading external data."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import onnx
from attrs import frozen

from zif.errors import InvalidModel, UsageError
from zif.files.formats import Kind
from zif.files.kinds import HEAD, kind_of, kind_of_file
from zif.files.opening import length, open_plain
from zif.model.installed_onnx import NEWEST_IR, upgrade

_TEXT_FORMATS = {".onnxtxt", ".onnxtext", ".textproto", ".txt", ".json", ".onnxjson", ".prototxt"}


@frozen(eq=False)
class Source:
    """A parsed file. `proto` belongs to the reader and may be changed; `label` names the source in errors.

    `folders`: where external data may lie, the folder to look it up in first; the other is the one that the path links
    to, as in download caches that keep every file as a link.
    """

    proto: onnx.ModelProto
    label: str
    path: Path | None = None
    folders: tuple[Path, ...] = ()


def read(source: str | Path | bytes | onnx.ModelProto) -> Source:
    """Parse `source`. A ModelProto is copied, so that the caller's stays as it is.

    Raises UsageError for a path that is not there or is no file, InvalidModel for content that is no ONNX model.
    """
    if isinstance(source, onnx.ModelProto):
        proto = onnx.ModelProto()
        proto.CopyFrom(source)
        return _checked(Source(proto, "the given ModelProto"))
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _checked(Source(_parse(source, "the given bytes"), "the given bytes"))
    if isinstance(source, (str, Path)):
        return _checked(_read_file(Path(source)))
    raise UsageError(f"a model is a path, bytes or an onnx.ModelProto, not {type(source).__name__}.")


def _read_file(path: Path) -> Source:
    label = str(path)
    try:
        _check_path(path, label)
        with open_plain(path, UsageError) as file:
            if not length(file):
                raise InvalidModel(f"{label} is empty. Export or copy the model again.")
            # Parsing from a map keeps the file's bytes out of the heap: half the peak for a large inline model.
            with _mapped(file) as view:
                _check_kind(kind_of_file(path, bytes(view[:HEAD])), path)
                proto = _parse(view, label)
    except OSError as error:  # a name that is too long, too
        raise UsageError(f"{label[:200]} cannot be read: {error.strerror or error}.") from error
    folders = dict.fromkeys((path.absolute().parent, path.resolve().parent))
    return Source(proto, label, path, tuple(folders))


@contextmanager
def _mapped(file: BinaryIO) -> Iterator[memoryview]:
    """The bytes of a file, mapped. What a parser that failed still holds goes when it lets go of it."""
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    view = memoryview(mapped)
    try:
        yield view
    finally:
        with suppress(BufferError):
            view.release()
            mapped.close()


def _check_path(path: Path, label: str) -> None:
    """Say what is named instead of a model, before it is opened."""
    if path.is_dir():
        _check_kind(kind_of(path), path)
        if (Path(path) / "manifest.json").is_file():
            raise UsageError(f"{label} is a bundle: `zif run` runs it. Name the .onnx file that it was compiled from.")
        raise UsageError(f"{label} is a directory. Name the .onnx file inside it.")
    if not _there(path):
        raise UsageError(f"{label} does not exist. Check the path.")
    if path.suffix.lower() in _TEXT_FORMATS:
        _check_kind(kind_of(path), path)
        hint = f"onnx.save(onnx.load({path.name!r}), {path.stem + '.onnx'!r})"
        raise InvalidModel(f"{label} is a text format; zif reads binary ONNX. Convert it first: {hint}.")


def _check_kind(kind: Kind | None, path: Path) -> None:
    if kind is not None:
        way = kind.way or f"`zif convert {path.name} -o {path.stem}.onnx` makes it one, and zif.load takes it as it is"
        raise InvalidModel(f"{path} is {kind.what}, not an ONNX model: {way}.")


def _there(path: Path) -> bool:
    """Whether a path names anything; `Path.exists` of newer Pythons hides a name that is too long."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    return True


def _parse(data: bytes | bytearray | memoryview, label: str) -> onnx.ModelProto:
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
    except Exception as error:  # protobuf's own classes, which have no types
        what = "is cut off or is not an ONNX model"
        if len(data) > 2**31 - 1:
            what = "is over 2 GiB, which one ONNX file cannot hold: save it with external data"
        raise InvalidModel(f"{label} {what}. ({error}) Export or copy it again.") from error
    return proto


def _checked(source: Source) -> Source:
    proto, label = source.proto, source.label
    if not proto.HasField("graph"):
        raise InvalidModel(f"{label} is not an ONNX model: it holds no graph. Export or copy it again.")
    if not proto.ir_version and not proto.opset_import:
        raise InvalidModel(f"{label} is not an ONNX model: it names neither IR version nor opset. Export it again.")
    if proto.ir_version < 0:
        raise InvalidModel(f"{label} has the IR version {proto.ir_version}, which is none. Export it again.")
    if proto.ir_version > NEWEST_IR:
        opset = max((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), default=0)
        raise InvalidModel(
            f"{label} has IR version {proto.ir_version} (opset {opset}), and onnx {onnx.__version__} knows IR versions "
            f"up to {NEWEST_IR}: {upgrade(ir_version=proto.ir_version, opset=opset)}, or export with an older onnx."
        )
    return source
