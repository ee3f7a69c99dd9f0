"""From a model to an `.rknn` file for one chip."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zif import BackendUnavailable, Compiled, Converted, Obstacle, Unsupported
from zif.plugin import content_of, listed, write_whole

from zif_rockchip import graph, logs
from zif_rockchip.job import Job
from zif_rockchip.segment import BINARY, BUILD, FORMAT, GRAPH, SEGMENT, Segment
from zif_rockchip.toolkit import installed
from zif_rockchip.toolkit_process import Bench, ToolkitDied, bench

if TYPE_CHECKING:
    from zif import Model

    from zif_rockchip.chips import Chip
    from zif_rockchip.options import RknnOptions


def convert(model: Model) -> Converted:
    """Bring a segment into the toolkit's form. Raises Unsupported naming the units that stand in the way."""
    known = ((unit, graph.ruled_out(model, unit)) for unit in model.units)
    obstacles = [Obstacle(unit.id, unit.op_type, graph.BACKEND, *said) for unit, said in known if said]
    obstacles = obstacles or list(graph.edges(model))
    if obstacles:
        raise _unsupported(model.name, obstacles)
    made = graph.build(model)
    if not made.inputs:
        reason = "an .rknn file needs an input that is given at run time, and the segment has none"
        everyone = [Obstacle(unit.id, unit.op_type, graph.BACKEND, "op", reason) for unit in model.units]
        raise _unsupported(model.name, everyone)
    kinds = {unit.id: unit.op_type for unit in model.units}
    return Converted("onnx", (model.name, made, kinds), model.inputs, model.outputs, made.notes)


def compile_segment(converted: Converted, chip: Chip, options: RknnOptions) -> Compiled:
    """The artifact for one chip. Raises Unsupported naming the units at fault, or all where the toolkit names none."""
    here = installed()
    if not here.toolkit:
        raise BackendUnavailable("rknn-toolkit2 is not installed for this interpreter: an artifact is made where it is")
    name, made, kinds = converted.data
    settings = build_settings(options)
    with bench() as toolkit:
        binary, told = _binary(toolkit, made, Job(toolkit.folder / GRAPH, chip.platform, **settings), name, kinds)
    files = {BINARY: binary, GRAPH: made.data}
    sums = {file: zlib.crc32(data) for file, data in files.items()}
    segment = Segment(here.toolkit, chip.platform, made.inputs, made.outputs, crc32=sums, **settings)
    files[SEGMENT] = segment.to_json()
    return Compiled(FORMAT, files, SEGMENT, converted.inputs, converted.outputs, (*converted.notes, *told))


def build_settings(options: RknnOptions) -> dict[str, Any]:
    """The options that decide what is built."""
    return {name: getattr(options, name) for name in BUILD}


def _binary(
    toolkit: Bench, made: graph.Graph, job: Job, name: str, kinds: Mapping[str, str]
) -> tuple[bytes, tuple[str, ...]]:
    """The file, and what is to be said of it."""
    write_whole(job.model, made.data)
    file = toolkit.folder / BINARY
    try:
        built = toolkit.build(job)
        outcome = built if built.error else toolkit.export(file)
    except ToolkitDied as error:
        raise _refused(
            made, f"{error}; the last that it said: {logs.complaint('', toolkit.log())}", name, kinds
        ) from None
    if outcome.error:
        raise _refused(made, logs.complaint(outcome.error, outcome.log), name, kinds)
    return content_of(file), logs.left_out(built.left_out)


def _refused(made: graph.Graph, sentence: str, name: str, kinds: Mapping[str, str]) -> Unsupported:
    """The units that the sentence names, or every one: each could be at fault."""
    told = made.translated(sentence)
    units = made.named(sentence)[:1] or list(kinds)
    code = logs.code_of(told)
    return _unsupported(name, [Obstacle(unit, kinds[unit], graph.BACKEND, code, told) for unit in units])


def _unsupported(name: str, obstacles: list[Obstacle]) -> Unsupported:
    rows = (f"  {obstacle.unit} ({obstacle.op_type}): {obstacle.reason} [{obstacle.code}]" for obstacle in obstacles)
    told = listed(rows, 10, "\n  … and {} more", "\n")
    return Unsupported(f"{name}: {len(obstacles)} units do not compile for Rockchip's NPU\n{told}", obstacles)
