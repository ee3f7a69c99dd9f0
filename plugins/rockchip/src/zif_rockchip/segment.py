"""What an artifact says of itself, read from a file that may be a stranger's: types held, checksums looked at."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs
from attrs import frozen
from zif import InvalidBundle
from zif.plugin import content_of, parse_json, parse_record

if TYPE_CHECKING:
    from zif import Compiled

FORMAT = "rknn"
#: The files of an artifact: what the chip runs, what the simulator builds from, and this record.
BINARY, GRAPH, SEGMENT = "model.rknn", "model.onnx", "segment.json"
#: The options that decide what is built, by their names in the options, in a job and here.
BUILD = ("optimization_level", "compress_weight", "single_core_mode", "flash_attention")


@frozen
class Segment:
    """platform: the chip that was compiled for. inputs and outputs: the model's names, in the file's order.

    build: the options that it was built with, for the simulator, which builds it again. crc32: of the other files.
    """

    toolkit: str
    platform: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    optimization_level: int
    compress_weight: bool
    single_core_mode: bool
    flash_attention: bool
    crc32: Mapping[str, int]
    format: int = 1

    def to_json(self) -> bytes:
        """As it goes into the artifact."""
        return json.dumps(attrs.asdict(self), indent=1).encode()


def read_segment(compiled: Compiled) -> Segment:
    """What the artifact says of itself. Raises InvalidBundle when it is not what `to_json` writes."""
    if compiled.format != FORMAT:
        raise InvalidBundle(f"the artifact is {compiled.format!r}, not {FORMAT!r}: compile the model again")
    data = parse_json(content(compiled, compiled.main), SEGMENT, InvalidBundle)
    segment: Segment = parse_record(Segment, data, SEGMENT, InvalidBundle)
    return segment


def checked(compiled: Compiled, segment: Segment, name: str) -> bytes:
    """A file of the artifact. Raises InvalidBundle when it lacks it or its checksum differs."""
    data = content(compiled, name)
    if segment.crc32.get(name) != zlib.crc32(data):
        raise InvalidBundle(f"{name} is damaged (its checksum differs): compile the model again")
    return data


def content(compiled: Compiled, name: str) -> bytes:
    """A file of the artifact. Raises InvalidBundle when it lacks it."""
    if name not in compiled.files:
        raise InvalidBundle(f"the artifact lacks its file {name[:200]}: compile the model again")
    return content_of(compiled.files[name])
