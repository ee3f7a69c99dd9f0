"""A model opened as it stands by a backend of the CPU that takes ONNX: nothing inferred, nothing planned.

That is what an engine itself does when it is handed a file, and takes about as long.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from zif.backends.apart import stand_in
from zif.backends.deadline import deadline
from zif.backends.registry import installed
from zif.backends.survey import open_and_ask
from zif.errors import BackendUnavailable, ZifError
from zif.model import external, shapes
from zif.model.arguments import is_model
from zif.model.ends import Ends
from zif.model.engines import libraries
from zif.model.source import Source, read
from zif.model.types import value_info
from zif.records import Compiled
from zif.runtime.started.quick import session_of
from zif.targets import host

if TYPE_CHECKING:
    from zif.backends.backend import Backend
    from zif.records import Capabilities
    from zif.runtime.session import Session

#: Stages with which a backend makes something else of a model, so that it cannot be handed one as it stands.
_OWN_FORM = frozenset({"convert", "compile"})


@frozen(eq=False)
class Starter:
    """A backend of this machine's CPU, with its options."""

    backend: Backend
    capabilities: Capabilities
    options: Any


def starter(exclude: Collection[str], config: Mapping[str, Mapping[str, Any]], isolate: bool = False) -> Starter:
    """The backend that runs a model at once: the CPU's own, else the quickest of those that compute on it.

    Backends are asked one after the other until one says that it is the CPU itself, priced by the target's figures: the
    others need not be imported. Raises BackendUnavailable without any, UsageError for options that it does not have.
    """
    slower: list[tuple[float, Backend, Capabilities]] = []
    for backend, told in _able(exclude):
        if told.rates is None:
            break
        slower.append((max(told.rates.macs_per_s.values(), default=0.0), backend, told))
    else:
        if not slower:
            raise BackendUnavailable("start='cpu': no installed backend takes an ONNX model as it is on this CPU")
        _, backend, told = max(slower, key=lambda ranked: ranked[0])
    standing = stand_in(backend, told, host(), isolate)
    return Starter(standing, told, standing.options(config.get(backend.name, {}), host()))


def _able(exclude: Collection[str]) -> Iterator[tuple[Backend, Capabilities]]:
    for row in installed():
        if row.problem or row.name in exclude:
            continue
        try:
            backend, told = open_and_ask(row, host(), deadline())
        except ZifError:
            continue
        fits = told.processor == "cpu" and told.kind == "hardware" and told.available
        if fits and not _OWN_FORM & set(backend.stages):
            yield backend, told


def open_at_once(source: Any, with_shapes: Mapping[str, Sequence[int]], custom_ops: Any, by: Starter) -> Session:
    """A session of one segment on the whole model. Raises ZifError subclasses, as reading and loading do."""
    model = _read(source)
    graph = model.proto.graph
    weights = {tensor.name for tensor in graph.initializer}
    compiled = _artifact(model, custom_ops)
    shapes.override(graph, with_shapes, weights)
    inputs = tuple(value_info(value) for value in graph.input if value.name not in weights)
    optional = [value_info(value) for value in graph.input if value.name in weights] if _replaceable(model) else []
    told = Ends(inputs, tuple(optional), tuple(value_info(value) for value in graph.output))
    compiled = evolve(compiled, inputs=told.inputs, outputs=told.outputs)
    executable = by.backend.load(compiled, by.options, shared=False)
    name = model.path.stem if model.path else graph.name or "model"
    return session_of(name, told, by.backend, executable, by.capabilities.label)


def _read(source: Any) -> Source:
    if not is_model(source):
        return read(source)
    return evolve(read(source.proto), folders=source.folders)  # its proto is no longer what lies in its file


def _replaceable(source: Source) -> bool:
    """Whether a weight that is listed as an input may be replaced: before IR 4 all had to be listed."""
    return bool(source.proto.ir_version >= 4)


def _artifact(source: Source, custom_ops: Any) -> Compiled:
    """The model as it stands, in place where it is a file."""
    files: dict[str, bytes | Path] = dict(external.files(source.proto.graph, source.folders))
    main = source.path.name if source.path else "model.onnx"
    files[main] = source.path.absolute() if source.path else source.proto.SerializeToString()
    return Compiled("onnx", files, main, (), (), custom_ops=libraries(custom_ops))
