"""Real graphs as placement problems: architectures without weights, a plain roofline, profiles of support.

Every cost here is *predicted* by this file's own roofline; nothing is measured. What is compared is how well placements
do under one and the same cost model.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from zif.placement import Problem

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
PROFILES = ("qnn110", "core18", "min10", "drop5", "drop10", "drop20")


class Unit(NamedTuple):
    op: str
    macs: float
    nbytes: float


class Graph(NamedTuple):
    """A model's units in topological order, and its tensors as (producer, readers, is output, bytes)."""

    name: str
    units: list[Unit]
    tensors: list[tuple[int, list[int], bool, float]]


class Setting(NamedTuple):
    """Speed of the accelerator over the CPU, us per launch, GB/s of the link."""

    speed: float
    launch: float
    bandwidth: float


SWEEP = [Setting(s, u, b) for s in (2, 5, 10, 20) for u in (20, 50, 100, 200, 500) for b in (2, 5, 10, 20)]


def paths() -> list[Path]:
    """The weightless architectures of the shared data, and the light models that come with onnx."""
    shared = Path(os.environ.get("ZIF_SHARED", Path(__file__).parents[3] / "shared"))
    light = Path(onnx.__file__).parent / "backend/test/data/light"
    return sorted((shared / "data/graphs").glob("*.onnx")) + sorted(light.glob("*.onnx"))


def graphs(largest: int = 10**9) -> Iterator[Graph]:
    """All graphs of at most `largest` units."""
    for path in paths():
        graph = read(path)
        if len(graph.units) <= largest:
            yield graph


@cache
def read(path: Path) -> Graph:
    """Read one file without its weights. What does not depend on an input (shape arithmetic) is no unit, as in any
    runtime that folds constants."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path, load_external_data=False), data_prop=True)
    graph = model.graph
    shapes = {v.name: _shape(v) for v in (*graph.value_info, *graph.input, *graph.output)}
    shapes |= {w.name: tuple(w.dims) for w in graph.initializer}
    constant = {w.name for w in graph.initializer}
    alias: dict[str, str] = {}
    made_by: dict[str, int] = {v.name: -1 for v in graph.input if v.name not in constant}
    readers: dict[str, list[int]] = {name: [] for name in made_by}
    units: list[Unit] = []
    for node in graph.node:
        inputs = [alias.get(name, name) for name in node.input if name]
        if node.op_type == "Shape" or all(name in constant for name in inputs):
            constant.update(node.output)
        elif node.op_type in ("Identity", "Dropout"):
            alias[node.output[0]] = inputs[0]
        else:
            for name in dict.fromkeys(inputs):
                if name not in constant:
                    readers[name].append(len(units))
            made = [name for name in node.output if name]
            made_by.update(dict.fromkeys(made, len(units)))
            readers.update({name: [] for name in made})
            units.append(_unit(node, inputs, made, shapes))
    outputs = {alias.get(v.name, v.name) for v in graph.output}
    tensors = [(made_by[name], readers[name], name in outputs, 4.0 * _count(shapes.get(name, ()))) for name in made_by]
    return Graph(path.stem, units, tensors)


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    return tuple(max(d.dim_value, 1) for d in value.type.tensor_type.shape.dim)


def _count(shape: tuple[int, ...]) -> float:
    return float(np.prod(shape, dtype=np.float64))


def _unit(node: onnx.NodeProto, inputs: list[str], outputs: list[str], shapes: dict[str, tuple[int, ...]]) -> Unit:
    moved = 4.0 * sum(_count(shapes.get(name, ())) for name in (*inputs, *outputs))
    made = _count(shapes.get(outputs[0], ()))
    macs = made
    if node.op_type in ("Conv", "ConvTranspose"):
        macs = made * _count(shapes.get(inputs[1], ())[1:])
    elif node.op_type in ("MatMul", "Gemm"):
        macs = made * (shapes.get(inputs[0], ()) or (1,))[-1]
    return Unit(node.op_type, macs, moved)


def cpu_costs(graph: Graph) -> NDArray[np.float64]:
    """float64[n], us."""
    return np.array([max(u.macs / CPU_MACS, u.nbytes / CPU_BYTES) + CPU_OP for u in graph.units])


def supported(graph: Graph, profile: str) -> NDArray[np.bool_]:
    """bool[n]: what an accelerator of this profile takes. `dropP` is qnn110 without a random P % of the nodes."""
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
