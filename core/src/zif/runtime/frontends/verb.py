"""What callers use: any source as something that `Model.load` takes, and `convert`, which writes it where they say."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from attrs import evolve

from zif.errors import UsageError
from zif.files.leftovers import note, private_folder
from zif.files.writing import beside, refused
from zif.runtime.frontends.contract import Layout, Request

if TYPE_CHECKING:
    import onnx

    from zif.model.arguments import Progress
    from zif.runtime.frontends.convert import Converting
    from zif.runtime.frontends.report import Conversion

_LAYOUTS = ("source", "nchw", "nhwc")


def as_onnx(
    source: Any, shapes: Mapping[str, Sequence[int]] | None = None, told: Progress | None = None, cache: bool = True
) -> Any:
    """The source itself where it may be ONNX, else the path of what its frontend made of it.

    A conversion is kept in the cache by content, held against its source before it is believed, and told to `told`.
    Raises ZifError subclasses.
    """
    from zif.runtime.frontends.sources import origin_of

    origin = origin_of(source)
    if origin is None:
        return source
    from zif.runtime.frontends.convert import Converting

    request = Request({name: tuple(dims) for name, dims in (shapes or {}).items()})
    return _converted(Converting(origin, request, told=told or (lambda _: None)), cache).model


def convert(
    source: Any,
    output: str | Path,
    shapes: Mapping[str, Sequence[int]] | None = None,
    opset: int = 0,
    *,
    input_dtypes: Mapping[str, str] | None = None,
    layout: Layout = "source",
    simplify: bool = False,
    trust: bool = False,
    compare: bool = True,
    frontend: str = "",
    cache: bool = True,
    progress: Progress | None = None,
) -> Conversion:
    """Write a model of another framework as ONNX to `output`, with its data beside it, and report on it.

    source: a file, a folder, "module:callable", or a model in memory. opset: of ai.onnx; 0 for the newest that every
    installed backend takes. layout: "nchw" and "nhwc" turn inputs and outputs of rank 4. trust: code of the source's
    own may run. compare: run the source and what was made of it on the same values; what is not the same is a
    WrongResult, and nothing is written. frontend: this one and no other. Raises ZifError subclasses.
    """
    from zif.runtime.frontends.convert import Converting
    from zif.runtime.frontends.sources import origin_of

    if layout not in _LAYOUTS:
        raise UsageError(f"layout={layout!r}: must be one of {', '.join(_LAYOUTS)}")
    origin = origin_of(source)
    if origin is None:
        raise UsageError(f"{source} needs no conversion: it is ONNX already, or nothing is known of it")
    fixed = {name: tuple(dims) for name, dims in (shapes or {}).items()}
    request = Request(fixed, opset, dict(input_dtypes or {}), layout, trust)
    asked = Converting(origin, request, frontend, compare, simplify, progress or (lambda _: None))
    made = _converted(asked, cache)
    _write(made.model, Path(output))
    return evolve(made, model=Path(output))


def _converted(asked: Converting, cache: bool) -> Conversion:
    from zif.artifacts.cache import default_cache

    store = default_cache() if cache else None
    if store is not None:
        with private_folder("zif-convert-") as folder:
            made = asked.into(folder, store)
            if not made.model.is_relative_to(folder):
                return made
    folder = note(Path(tempfile.gettempdir(), f"zif-convert-{secrets.token_hex(6)}"))  # gone when the process ends
    folder.mkdir(0o700)
    return asked.into(folder, None)


def _write(model: Path, output: Path) -> None:
    """The model and its data under the output's name, all or none."""
    proto, data = _renamed(model, output)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        ready = [(beside(place, fill), place) for place, fill in data.items()]
        content = proto.SerializeToString()
        for made, place in [*ready, (beside(output, content), output)]:
            os.replace(made, place)
    except OSError as error:
        raise refused(str(output), error) from error


def _renamed(model: Path, output: Path) -> tuple[onnx.ModelProto, Mapping[Path, Callable[[BinaryIO], object]]]:
    """The model with its data files called after the output, and what fills each of those."""
    from zif.model import external
    from zif.model.source import read

    source = read(model)
    files = external.files(source.proto.graph, source.folders)
    names = {name: f"{output.name}.data{number or ''}" for number, name in enumerate(sorted(files))}
    for tensor in filter(external.is_external, external.tensors(source.proto.graph)):
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = names[entry.value]
    return source.proto, {output.parent / names[name]: _copying(path) for name, path in files.items()}


def _copying(path: Path) -> Callable[[BinaryIO], object]:
    from zif.files.opening import open_plain

    def fill(stream: BinaryIO) -> None:
        with open_plain(path) as file:
            while chunk := file.read(1 << 20):
                stream.write(chunk)

    return fill
