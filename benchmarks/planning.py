"""How long planning takes as graphs grow: loading with inference, asking and pricing, placing and explaining.

    python benchmarks/planning.py [largest]

The last column is what one node costs over what it costs in the smallest graph: 1.0 is linear growth.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from time import perf_counter

import onnx
import zif
from onnx import TensorProto, helper
from rich.console import Console
from rich.table import Table
from zif.runtime.planners import planner

ONLY = ["qnn_cpu", "reference"]


def graph(count: int) -> bytes:
    """Blocks of a chain with residuals: every fourth node reads the start of its block again."""
    nodes, start, now = [], "x", "x"
    for i in range(count):
        op = ("Relu", "Sigmoid", "Tanh", "Add")[i % 4]
        nodes.append(helper.make_node(op, [now, start] if op == "Add" else [now], [f"t{i}"], name=f"n{i}"))
        now = f"t{i}"
        start = now if op == "Add" else start
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 64]) for name in ("x", now)]
    made = helper.make_graph(nodes, "g", ends[:1], ends[1:])
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def main() -> None:
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    table = Table(title="seconds to plan on this machine, two backends")
    for column in ("nodes", "onnx.load", "zif: load and infer", "ask and price", "place and explain", "all, per node"):
        table.add_column(column, justify="right")
    zif.plan(graph(100), only=ONLY)  # imports and kernel registries
    first = 0.0
    for count in (size for size in (1_000, 10_000, 100_000, 1_000_000) if size <= largest):
        data = graph(count)
        marks = [perf_counter()]
        onnx.load_model_from_string(data)
        marks.append(perf_counter())
        model = zif.Model.load(data)
        marks.append(perf_counter())
        made = planner(model, only=ONLY)
        marks.append(perf_counter())
        made.plan()
        marks.append(perf_counter())
        steps = [b - a for a, b in pairwise(marks)]
        each = sum(steps[1:]) / count
        first = first or each
        table.add_row(f"{count:,}", *(f"{step:.3f}" for step in steps), f"{each / first:.2f}×")
    Console().print(table)


if __name__ == "__main__":
    main()
