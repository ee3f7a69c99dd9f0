"""Real graphs as placement problems: architectures without weights, a plain roofline, profiles of support.

Every cost here is *predicted* by this file's own roofline; nothing is measured. What is compared is how well placements
do under one and the same cost model.
"""

from __future__ import annotations

import contextlib
import os
import sys
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from zif.model import Model
from zif.planning.placement import Problem

#: Fixed shapes by input name, hashable.
Shapes = tuple[tuple[str, tuple[int, ...]], ...]

#: The plain roofline of the CPU: multiply-accumulates per us, bytes per us, us per operator.
CPU_MACS, CPU_BYTES, CPU_OP = 30e3, 10e3, 3.0

#: What compute-heavy operators gain on the accelerators in full, the others gain half of.
HEAVY = {"Conv", "ConvTranspose", "Gemm", "MatMul"}

CORE18 = (
    "Conv Gemm MatMul Relu Clip MaxPool AveragePool GlobalAveragePool Add Concat Reshape Flatten Transpose "
    "Squeeze Unsqueeze Slice Split Softmax"
).split()
MIN10 = "Conv Gemm MatMul Relu Clip MaxPool AveragePool GlobalAveragePool Add Reshape".split()
#: What of these graphs' operators the QNN execution provider has no builder for as single nodes (op_builder_factory.cc
#: of onnxruntime-qnn): it takes Erf only inside a GELU that it fuses.
QNN_LACKS = {"Erf", "Mod", "Range", "NonZero", "Gelu", "Identity", "Dropout"}
PROFILES = ("probed", "qnn110", "core18", "min10", "drop5", "drop10", "drop20")


class Unit(NamedTuple):
    op: str
    macs: float
    nbytes: float


class Graph(NamedTuple):
    """A model's units in topological order, and its tensors as (producer, readers, is output, bytes)."""

    name: str
    path: Path
    shapes: Shapes
    units: list[Unit]
    tensors: list[tuple[int, list[int], bool, float]]


class Setting(NamedTuple):
    """Speed of the accelerator over the CPU, us per launch, GB/s of the link."""

    speed: float
    launch: float
    bandwidth: float


SWEEP = [Setting(s, u, b) for s in (2, 5, 10, 20) for u in (20, 50, 100, 200, 500) for b in (2, 5, 10, 20)]


def graphs(largest: int = 10**9) -> Iterator[Graph]:
    """All graphs of at most `largest` units: the weightless architectures of the shared data, the light models that
    come with onnx, and the zoo's real models at the shapes that they are used with."""
    seen: set[tuple[Unit, ...]] = set()
    for path, shapes in sources():
        graph = read(path, shapes)
        if len(graph.units) <= largest and tuple(graph.units) not in seen:
            seen.add(tuple(graph.units))
            yield graph


def sources() -> Iterator[tuple[Path, Shapes]]:
    """Files, and the shapes that fix their free dimensions."""
    shared = Path(os.environ.get("ZIF_SHARED", Path(__file__).parents[3] / "shared"))
    light = Path(onnx.__file__).parent / "backend/test/data/light"
    yield from ((path, ()) for path in sorted((shared / "data/graphs").glob("*.onnx")) + sorted(light.glob("*.onnx")))
    sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
    from zoo import ZooUnavailable, all_entries

    for entry in all_entries():
        if not entry.slow and not entry.name.startswith("light"):
            with contextlib.suppress(ZooUnavailable):
                yield entry.path, tuple(entry.shapes.items())


@cache
def load(path: Path, shapes: Shapes) -> Model:
    """zif's own reading of the model: shape arithmetic is folded, a quantized group is one unit."""
    return Model.load(path, dict(shapes))


@cache
def read(path: Path, shapes: Shapes) -> Graph:
    """Read one file without its weights."""
    model = load(path, shapes)
    made_by = {info.name: -1 for info in model.inputs}
    readers: dict[str, list[int]] = {name: [] for name in made_by}
    for row, unit in enumerate(model.units):
        made_by.update(dict.fromkeys(unit.outputs, row))
        readers.update({name: [] for name in unit.outputs})
        for name in unit.inputs:
            readers[name].append(row)
    outputs = {info.name for info in model.outputs}
    size = {name: float(model.tensors[name].nbytes or 0) for name in made_by}
    units = [
        Unit(u.op_type, float(u.macs or (u.bytes or 0) / 8), (u.bytes or 0.0) + u.weight_bytes) for u in model.units
    ]
    tensors = [(made_by[name], readers[name], name in outputs, size[name]) for name in made_by]
    return Graph(path.stem, path, shapes, units, tensors)


@cache
def probed(path: Path, shapes: Shapes) -> NDArray[np.bool_]:
    """bool[n]: what Qualcomm's compiler says that a Snapdragon 8 Gen 3 takes (fp16 and integers)."""
    from zif.runtime.planners import planner

    made = planner(load(path, shapes), "snapdragon-8-gen-3", only=["qnn_htp", "qnn_cpu"])
    verdicts = made.participants.by_name["qnn_htp"].capabilities.verdicts
    return np.array([verdicts[unit.id].supported is True for unit in made.model.units])


def cpu_costs(graph: Graph) -> NDArray[np.float64]:
    """float64[n], us."""
    return np.array([max(u.macs / CPU_MACS, u.nbytes / CPU_BYTES) + CPU_OP for u in graph.units])


def supported(graph: Graph, profile: str) -> NDArray[np.bool_]:
    """bool[n]: what an accelerator of this profile takes. `dropP` is qnn110 without a random P % of the nodes."""
    if profile == "probed":
        return probed(graph.path, graph.shapes)
    ops = [unit.op for unit in graph.units]
    if profile in ("core18", "min10"):
        return np.isin(ops, CORE18 if profile == "core18" else MIN10)
    taken = ~np.isin(ops, list(QNN_LACKS))
    if profile.startswith("drop"):
        rng = np.random.default_rng(zlib.crc32(f"{graph.name} {profile}".encode()))
        taken &= rng.random(len(ops)) >= float(profile[4:]) / 100
    return taken


def two(graph: Graph, profile: str, setting: Setting) -> Problem:
    """NPU and CPU; the CPU shares the host's memory and starts for nothing."""
    cpu = cpu_costs(graph)
    costs = np.stack([cpu / _gain(graph, setting.speed), cpu], axis=1)
    costs[~supported(graph, profile), 0] = np.inf
    return Problem.build(["npu", "cpu"], costs, graph.tensors, *links(2, setting.bandwidth), [setting.launch, 0.0])


def three(graph: Graph, profile: str, setting: Setting) -> Problem:
    """NPU, GPU and CPU: the GPU at a third of the NPU's speed and half its launch cost, taking what core18 has and
    whatever a random 70 % of the rest is; NPU to GPU goes through the host."""
    base = two(graph, profile, setting)
    cpu = base.costs[:, 1]
    gpu = cpu / np.maximum(_gain(graph, setting.speed) / 3, 1.0)
    rng = np.random.default_rng(zlib.crc32(f"{graph.name} gpu".encode()))
    gpu[~(supported(graph, "core18") | (rng.random(len(cpu)) < 0.7))] = np.inf
    costs = np.stack([base.costs[:, 0], gpu, cpu], axis=1)
    launch = [setting.launch, setting.launch / 2, 0.0]
    return Problem.build(["npu", "gpu", "cpu"], costs, graph.tensors, *links(3, setting.bandwidth), launch)


def links(k: int, bandwidth: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """No fixed cost; one hop to or from the host, two between accelerators. The last backend is the CPU."""
    hops = np.array([[0 if a == b else (a < k - 1) + (b < k - 1) for b in range(k + 1)] for a in range(k + 1)])
    return np.zeros((k + 1, k + 1)), hops / (bandwidth * 1e3)


def _gain(graph: Graph, speed: float) -> NDArray[np.float64]:
    return np.array([speed if unit.op in HEAVY else max(speed / 2, 1.0) for unit in graph.units])
