"""The first load of a ResNet-50 for a chip against later ones, from the cache and from a bundle: ratios from one run.

The network has torchvision's layers and random weights, 25.6 million of them. First: asked about, planned, compiled by
Qualcomm's compiler, loaded. Then the same call again, the artifact in the cache; and the bundle of it, which needs
neither. Once as an application does it, all in one process, and once with a fresh interpreter for each, from before
`import zif` to the session: that is bounded by the start of Python and of Qualcomm's libraries. Medians of the warm
ones.

    python benchmarks/warm.py [--runs 5] [--target snapdragon-8-gen-3]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console
from rich.table import Table

LOAD = """
import sys
from time import perf_counter
target, *sources = sys.argv[1:]
for source in sources:
    begun = perf_counter()
    import zif
    session = zif.load(source, target=target)
    print(perf_counter() - begun)
    assert {one.backend for one in session.plan.segments} == {"qnn_htp"}, session.plan.segments
    assert not session.events, session.events
    session.close()
"""


class Network:
    """Nodes and weights as they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(0)

    def add(self, op_type: str, *inputs: str, **attributes: object) -> str:
        name = f"{op_type.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, inputs, [f"{name}_out"], name, **attributes))
        return f"{name}_out"

    def weight(self, *shape: int) -> str:
        name, fan = f"w{len(self.weights)}", int(np.prod(shape[1:])) if len(shape) > 1 else 1
        values = self._random.normal(size=shape) * np.sqrt(2 / fan) if len(shape) > 1 else np.zeros(shape)
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def conv(self, x: str, before: int, after: int, size: int, stride: int = 1) -> str:
        pads = [size // 2] * 4
        weights = self.weight(after, before, size, size), self.weight(after)
        return self.add("Conv", x, *weights, strides=[stride] * 2, pads=pads)

    def bottleneck(self, x: str, before: int, inner: int, stride: int) -> str:
        after = 4 * inner
        y = self.add("Relu", self.conv(x, before, inner, 1))
        y = self.add("Relu", self.conv(y, inner, inner, 3, stride))
        y = self.conv(y, inner, after, 1)
        same = x if before == after and stride == 1 else self.conv(x, before, after, 1, stride)
        return self.add("Relu", self.add("Add", y, same))


def resnet50() -> onnx.ModelProto:
    net = Network()
    x = net.add("Relu", net.conv("image", 3, 64, 7, 2))
    x = net.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    before = 64
    for inner, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for position in range(count):
            x = net.bottleneck(x, before, inner, stride if position == 0 else 1)
            before = 4 * inner
    x = net.add("Flatten", net.add("GlobalAveragePool", x))
    x = net.add("Gemm", x, net.weight(1000, 2048), net.weight(1000), transB=1)
    info = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 224, 224])
    made = helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, 1000])
    graph = helper.make_graph(net.nodes, "resnet50", [info], [made], net.weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def loaded(target: str, cache: Path, *sources: Path) -> list[float]:
    """Seconds of each load, one after the other in one interpreter."""
    command = [sys.executable, "-c", LOAD, target, *map(str, sources)]
    done = subprocess.run(command, env={**os.environ, "ZIF_CACHE": str(cache)}, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return [float(word) for word in done.stdout.split()]


def measured(runs: int, target: str) -> dict[str, tuple[float, float]]:
    """Seconds in one process and in fresh interpreters, by what is loaded."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model, bundle = folder / "resnet50.onnx", folder / "resnet50.zif"
        warm, other = folder / "cache", folder / "cache of fresh ones"
        onnx.save(resnet50(), model)
        first = loaded(target, other, model)[0]
        command = [sys.executable, "-m", "zif", "compile", str(model), "-o", str(bundle), "-t", target]
        subprocess.run(command, env={**os.environ, "ZIF_CACHE": str(other)}, check=True, capture_output=True)
        inside = loaded(target, warm, *[model] * (1 + runs), *[bundle] * runs)
        cached, bundled = (median(loaded(target, other, it)[0] for _ in range(runs)) for it in (model, bundle))
    return {
        "first: asked, planned, compiled": (inside[0], first),
        "again, from the cache": (median(inside[1 : 1 + runs]), cached),
        "from a bundle": (median(inside[1 + runs :]), bundled),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--target", default="snapdragon-8-gen-3")
    arguments = parser.parse_args()
    rows = measured(arguments.runs, arguments.target)
    first = next(iter(rows.values()))
    table = Table(title=f"zif.load of ResNet-50 for {arguments.target}")
    for column in ("", "in one process", "ratio", "fresh interpreter", "ratio"):
        table.add_column(column, justify="left" if not column else "right")
    for name, seconds in rows.items():
        cells = [(f"{now:.2f} s", f"{then / now:.1f}×") for now, then in zip(seconds, first, strict=True)]
        table.add_row(name, *cells[0], *cells[1])
    Console().print(table)


if __name__ == "__main__":
    main()
