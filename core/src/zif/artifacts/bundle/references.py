"""What the ONNX models in an artifact name inside themselves: their weights' files, and the binaries of contexts.

An engine opens such a file by itself, so its name must be that of one of the artifact's own files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zif.artifacts.hashed import Damaged
from zif.backends.onnx_artifact import content_of
from zif.records import Compiled

if TYPE_CHECKING:
    import onnx

#: The key under which a tensor names its file, and the attribute under which ONNX Runtime's EPContext names a binary.
_LOCATION, _BINARY, _EMBEDDED = "location", "ep_cache_context", "embed_mode"


def check_references(compiled: Compiled) -> None:
    """Raise Damaged when a model in the artifact names a file that is none of the artifact's."""
    for name, content in compiled.files.items():
        if name.endswith(".onnx") or (compiled.format == "onnx" and name == compiled.main):
            stray = next((name for name in _named(content) if name not in compiled.files), None)
            if stray is not None:
                raise Damaged(f"the model {name} names the file {stray[:200]!r}, which the artifact does not have")


def _named(content: bytes | Path) -> Iterator[str]:
    """The files that a model names. Most models name none, which is seen without reading their graph."""
    data = content_of(content)
    if not any(word.encode() in data for word in (_LOCATION, _BINARY)):
        return
    import onnx

    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception as error:  # protobuf's own classes, which have no types
        raise Damaged(f"a model in it is no ONNX model: {error}") from error
    yield from _files_of(model)


def _files_of(message: Any) -> Iterator[str]:
    """Every name of a file in a message, whatever it stands in: graphs, bodies, functions, attributes."""
    kind = message.DESCRIPTOR.name
    if kind == "TensorProto":
        yield from (_text(entry.value) for entry in message.external_data if entry.key == _LOCATION)
        return
    if kind == "NodeProto":
        yield from _binary(message)
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in [value] if hasattr(value, "ListFields") else value:
                yield from _files_of(inner)


def _binary(node: onnx.NodeProto) -> Iterator[str]:
    """The binary of a context that is not embedded. Attributes that stand twice are not read alike by everybody."""
    named = [attribute.s for attribute in node.attribute if attribute.name == _BINARY]
    modes = [attribute.i for attribute in node.attribute if attribute.name == _EMBEDDED]
    if len(named) > 1 or len(modes) > 1:
        raise Damaged(f"a node of a model in it has an attribute twice: {_BINARY} or {_EMBEDDED}")
    yield from (_text(name) for name in named if name and modes != [1])


def _text(name: str | bytes) -> str:
    return name if isinstance(name, str) else name.decode(errors="replace")
