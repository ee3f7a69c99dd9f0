"""From a model to a context binary for one chip, and what is put beside it on request."""

from __future__ import annotations

import io
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen
from zif import BackendUnavailable, Compiled, Converted, InvalidBundle, Obstacle, Unsupported
from zif.plugin import listed, private_folder
from zif_qnn_runtime import (
    TRACE,
    ProviderOptions,
    QnnError,
    compile_context,
    describe,
    export_dlc,
    export_source,
    find,
    qnn_version,
    traced,
)

from zif_qnn_htp import foreign_contexts
from zif_qnn_htp.graph import QnnGraph, build, open_shape
from zif_qnn_htp.options import HtpOptions, provider_options
from zif_qnn_htp.segment import FORMAT, KNOWN, SEGMENT, Segment

if TYPE_CHECKING:
    from zif import Model
    from zif.plugin import Array

    from zif_qnn_htp.chips import Chip

BACKEND = "qnn_htp"
_REFUSALS = frozenset({"unassigned", "layout"})


@frozen(eq=False)
class Prepared:
    """What `convert` hands to `compile`. baked are the inputs with a default that the binary holds as constants."""

    name: str
    graph: QnnGraph
    inputs: tuple[str, ...]
    baked: tuple[str, ...]


def convert(model: Model, chip: Chip) -> Converted:
    """Bring a segment into the compiler's form. Raises Unsupported naming the units that stand in the way."""
    if foreign_contexts.units(model):
        return foreign_contexts.convert(model, chip)
    obstacles = [_open(unit.id, unit.op_type, v.name) for unit in model.units if (v := open_shape(model, unit))]
    if obstacles:
        raise _unsupported(model.name, chip, obstacles)
    graph = build(model)
    left = [unit for unit in model.units if unit.id not in graph.folded]
    if left and not graph.inputs:
        reason = "QNN needs at least one input that is given at run time, and the segment has none"
        raise _unsupported(model.name, chip, [Obstacle(u.id, u.op_type, BACKEND, "op", reason) for u in left])
    baked = tuple(value.name for value in model.optional_inputs)
    prepared = Prepared(model.name, graph, graph.inputs if left else (), baked)
    return Converted("onnx", prepared, model.inputs, model.outputs, graph.notes)


def compile_segment(converted: Converted, chip: Chip, options: HtpOptions) -> Compiled:
    """The artifact for one chip. Raises Unsupported with the units at fault where QNN names them, else QnnError."""
    if isinstance(converted.data, foreign_contexts.Taken):
        return foreign_contexts.compiled(converted)
    prepared: Prepared = converted.data
    graph, settings = prepared.graph, provider_options(options, chip)
    notes = list(converted.notes)
    with private_folder("zif-qnn-") as folder:
        files = dict(_context(prepared, chip, settings, folder)) if prepared.inputs else {}
        if prepared.inputs:
            files.update(_operators(graph, folder, notes))
            files.update(_extras(graph, settings, options, folder, notes))
    if graph.known:
        files[KNOWN] = _pack(
            {info.name: graph.known[info.name] for info in converted.outputs if info.name in graph.known}
        )
    files[SEGMENT] = _segment(prepared, chip, files).to_json()
    return Compiled(FORMAT, files, SEGMENT, converted.inputs, converted.outputs, tuple(notes))


def _context(
    prepared: Prepared, chip: Chip, provider_options: ProviderOptions, folder: Path
) -> Iterator[tuple[str, bytes]]:
    graph = prepared.graph
    try:
        wrapper, binary = compile_context(graph.data, "htp", provider_options, folder, weights=graph.weights)
    except QnnError as error:
        if error.kind == "write":
            raise no_room(folder) from error
        named = dict.fromkeys(graph.owners[node] for node in error.nodes if node in graph.owners)
        if error.kind not in _REFUSALS or not named:
            raise
        obstacles = [Obstacle(unit, op, BACKEND, "probe-failed", str(error)) for unit, op in named]
        raise _unsupported(prepared.name, chip, obstacles) from error
    yield wrapper.name, wrapper.read_bytes()
    yield binary.name, binary.read_bytes()


def _operators(graph: QnnGraph, folder: Path, notes: list[str]) -> dict[str, bytes]:
    """What the compiler made of which units. Where it did not say so, the segment runs all the same: a note."""
    try:
        return {TRACE: traced(folder, graph.owners)}
    except InvalidBundle as error:
        notes.append(f"which operators the compiler made of which nodes is not known: {error}")
        return {}


def no_room(folder: Path) -> BackendUnavailable:
    """The disk is full: no fault of the model or of its units, which must not move elsewhere for it."""
    place = folder.parent
    free = shutil.disk_usage(place).free / 1e6
    return BackendUnavailable(
        f"the context binary could not be written to {place}, where {free:.3g} MB are free: free some space, or name"
        " another folder in TMPDIR"
    )


def _extras(
    graph: QnnGraph, provider_options: ProviderOptions, options: HtpOptions, folder: Path, notes: list[str]
) -> Iterator[tuple[str, bytes]]:
    """The same graph for Qualcomm's other tools. What those cannot take is a note: the NPU takes the segment."""
    forms: dict[str, Callable[[], Iterator[tuple[str, bytes]]]] = {}
    if options.dlc:
        forms["DLC"] = lambda: _dlc(graph, provider_options, folder / "dlc")
    if options.source:
        forms["C source"] = lambda: _source(graph, provider_options, folder / "source")
    for form, write in forms.items():
        try:
            yield from list(write())
        except QnnError as error:
            notes.append(f"not written as {form}: {error}")


def _dlc(graph: QnnGraph, provider_options: ProviderOptions, folder: Path) -> Iterator[tuple[str, bytes]]:
    folder.mkdir()
    for number, file in enumerate(export_dlc(graph.data, provider_options, folder, graph.weights)):
        yield f"dlc/model{number or ''}.dlc", file.read_bytes()


def _source(graph: QnnGraph, provider_options: ProviderOptions, folder: Path) -> Iterator[tuple[str, bytes]]:
    folder.mkdir()
    model = folder / "model.onnx"
    model.write_bytes(graph.data)
    for file in export_source(model, provider_options, folder, graph.weights):
        yield f"source/{file.name}", file.read_bytes()


def _segment(prepared: Prepared, chip: Chip, files: Mapping[str, bytes]) -> Segment:
    library = find("htp")
    wrapper = next((name for name in files if name.endswith(".onnx")), "")
    return Segment(
        wrapper=wrapper,
        qnn=qnn_version(library.path) if library.path else "",
        soc_model=chip.soc_model if chip.soc_model is not None else _soc_of(files.get(wrapper)),
        htp_arch=chip.arch,
        inputs=tuple(prepared.inputs),
        baked=tuple(prepared.baked),
        crc32={name: zlib.crc32(content) for name, content in files.items() if "/" not in name and name != TRACE},
    )


def _soc_of(wrapper: bytes | None) -> int | None:
    """The chip that the library found by itself on a device, as the wrapper tells."""
    return describe(wrapper).soc_model if wrapper else None


def _pack(values: Mapping[str, Array]) -> bytes:
    """Arrays as npz, under numbers: a tensor's name need not be a file's. npz does not know bfloat16 and its like."""
    stream = io.BytesIO()
    names, kinds = (np.array(words, dtype=np.str_) for words in (list(values), [v.dtype.name for v in values.values()]))
    numbered: dict[str, Any] = {f"v{number}": _plain(value) for number, value in enumerate(values.values())}
    np.savez(stream, names=names, kinds=kinds, **numbered)
    return stream.getvalue()


def _plain(value: Array) -> Array:
    """The same bytes as unsigned numbers, where numpy itself lacks the type."""
    return value.view(f"u{value.dtype.itemsize}") if value.dtype.kind == "V" else value


def _open(unit: str, op_type: str, value: str) -> Obstacle:
    return Obstacle(unit, op_type, BACKEND, "dynamic-shape", f"the shape of {value!r} is not fixed")


def _unsupported(name: str, chip: Chip, obstacles: list[Obstacle]) -> Unsupported:
    rows = (f"  {obstacle.unit} ({obstacle.op_type}): {obstacle.reason} [{obstacle.code}]" for obstacle in obstacles)
    told = listed(rows, 10, "\n  … and {} more", "\n")
    return Unsupported(f"{name}: {len(obstacles)} units do not compile for {chip.title}\n{told}", obstacles)
