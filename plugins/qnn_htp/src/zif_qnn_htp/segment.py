"""What an HTP artifact says of itself, read from a file that may be a stranger's: types held, names those of files."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import attrs
from attrs import frozen
from zif import InvalidBundle
from zif.plugin import content_of, parse_arrays, parse_json, parse_record
from zif_qnn_runtime import QnnError, describe

if TYPE_CHECKING:
    from pathlib import Path

    from zif import Compiled
    from zif.plugin import Array

FORMAT, SEGMENT, KNOWN = "qnn-context", "segment.json", "known.npz"
_CHUNK = 1 << 20


@frozen
class Segment:
    """What `load` checks before the library sees the binary: random bytes in it would take the process down.

    wrapper: the name of the ONNX file that stands for the binary; "" where every output is known. qnn: the release that
    compiled it. inputs: what is fed; baked: inputs whose defaults are in the binary. crc32: of every file, by name.
    vtcm_mb: megabytes of vector memory that it may use, where it was compiled elsewhere.
    """

    wrapper: str
    qnn: str
    soc_model: int | None
    htp_arch: int | None
    inputs: tuple[str, ...]
    baked: tuple[str, ...]
    crc32: Mapping[str, int]
    format: int = 1
    vtcm_mb: int | None = None

    def to_json(self) -> bytes:
        """As it goes into the artifact."""
        return json.dumps(attrs.asdict(self), indent=1).encode()


def read_segment(compiled: Compiled) -> Segment:
    """What the artifact says of itself. Raises InvalidBundle when it is not what `to_json` writes."""
    data = parse_json(content(compiled, compiled.main), SEGMENT, InvalidBundle)
    segment: Segment = parse_record(Segment, data, SEGMENT, InvalidBundle)
    if segment.wrapper and segment.wrapper not in segment.crc32:
        raise InvalidBundle(f"{SEGMENT} has no checksum of {segment.wrapper[:80]!r}: compile the model again")
    return segment


def context_files(compiled: Compiled, segment: Segment) -> tuple[str, ...]:
    """The files that the library opens: the wrapper, and the binaries that it names. Raises InvalidBundle.

    The library opens whatever a wrapper names, so those must be files of the artifact whose checksums were looked at.
    """
    try:
        info = describe(content(compiled, segment.wrapper))
    except QnnError as error:
        raise InvalidBundle(f"{segment.wrapper} is no wrapper of a context binary: {error}") from error
    if info.strays or info.more or not info.binaries:
        raise InvalidBundle(f"{segment.wrapper} does not stand for context binaries: compile the model again")
    for binary in info.binaries:
        if binary not in segment.crc32 or binary not in compiled.files:
            raise InvalidBundle(f"{segment.wrapper} names {binary[:80]!r}, which is no file of the artifact")
    return segment.wrapper, *info.binaries


def known_values(data: bytes) -> dict[str, Array]:
    """The arrays of `known.npz`. Raises InvalidBundle."""
    from zif.plugin import numpy_dtype

    stored = parse_arrays(io.BytesIO(data), KNOWN, InvalidBundle)
    try:
        words = zip(stored["names"].tolist(), stored["kinds"].tolist(), strict=True)
        arrays = {str(name): (stored[f"v{number}"], str(kind)) for number, (name, kind) in enumerate(words)}
        return {
            name: array if array.dtype.name == kind else array.view(numpy_dtype(kind))
            for name, (array, kind) in arrays.items()
        }
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidBundle(f"{KNOWN} is not what zif writes: {error!r}") from error


def content(compiled: Compiled, name: str) -> bytes:
    """A file of the artifact. Raises InvalidBundle when it lacks it."""
    return content_of(_file(compiled, name))


def chunks(compiled: Compiled, name: str) -> Iterator[bytes]:
    """A file of the artifact bit by bit: a binary of 50 MB is not held twice. Raises InvalidBundle when it lacks it."""
    file, start = _file(compiled, name), 0
    while chunk := content_of(file, start, _CHUNK):
        yield chunk
        start += len(chunk)


def _file(compiled: Compiled, name: str) -> bytes | Path:
    if name not in compiled.files:
        raise InvalidBundle(f"the artifact lacks its file {name[:200]}: compile the model again")
    return compiled.files[name]
