"""How long the backends take to give a verdict on every unit of a large graph, per unit and in all.

The graph repeats a block of Conv, Relu, Add, LayerNormalization, MatMul and HardSwish (which ONNX Runtime has no kernel
for and is asked about), with as many distinct shapes as a large real model has.

    python benchmarks/verdicts.py
"""

from __future__ import annotations

from time import perf_counter

import onnx
import zif
from onnx import TensorProto, helper
from rich.console import Console
from rich.table import Table
from zif.verdicts.declared import declared

SIZES = (1_000, 10_000, 100_000)
SHAPES = 16


def graph(units: int) -> onnx.ModelProto:
    """A chain of six-node blocks."""
    nodes, inputs = [], []
    weights = {"w": (8, 8, 1, 1), "m": (8, 8), "s": (8,)}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in weights.items()]
    last: list[str] = []
    for chain in range(SHAPES):
        x = f"x{chain}"
        inputs.append(helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, 8, chain + 1, 8]))
        for number in range(units // SHAPES // 6):
            v = [f"v{chain}_{number}_{step}" for step in range(6)]
            nodes += [
                helper.make_node("Conv", [x, "w"], [v[0]]),
                helper.make_node("Relu", [v[0]], [v[1]]),
                helper.make_node("Add", [v[1], x], [v[2]]),
                helper.make_node("LayerNormalization", [v[2], "s"], [v[3]]),
                helper.make_node("MatMul", [v[3], "m"], [v[4]]),
                helper.make_node("HardSwish", [v[4]], [v[5]]),
            ]
            x = v[5]
        last.append(x)
    outputs = [helper.make_tensor_value_info(x, TensorProto.FLOAT, None) for x in last]
    made = helper.make_graph(nodes, "blocks", inputs, outputs)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def main() -> None:
    host = zif.target("host")
    table = Table("units", "declared alone", "qnn_cpu", "reference", title="milliseconds for all units (µs for one)")
    claims = zif.backend("qnn_cpu").capabilities(host).ops
    zif.backend("reference").capabilities(host)
    for size in SIZES:
        model = zif.Model.load(graph(size))
        asked = [
            lambda model=model: declared(model, claims),
            lambda model=model: zif.backend("qnn_cpu").capabilities(host, model),
            lambda model=model: zif.backend("reference").capabilities(host, model),
        ]
        cells = []
        for ask in asked:
            start = perf_counter()
            ask()
            seconds = perf_counter() - start
            cells.append(f"{seconds * 1e3:.1f} ({seconds * 1e6 / len(model.units):.1f})")
        table.add_row(f"{len(model.units):,}", *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
