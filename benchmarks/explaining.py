"""What explaining a plan costs beside making it: `python benchmarks/explaining.py [--sizes 500 2000 5000]`.

Models of random operators, 8 % of which the HTP's compiler refuses, for a Snapdragon. CPU seconds of this process, from
one run: asking the backends (the HTP's compiler works in a process of its own, so this is wall-clock time), placing and
telling, looking for the changes that would pay most, and writing the page with its size.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from rich.console import Console
from rich.table import Table
from zif.planning.whatif.counterfactual import counterfactuals
from zif.report import plan_html
from zif.runtime.planners import explored, planner

OPS = {"Relu": 0.2, "Add": 0.3, "Mul": 0.2, "Sigmoid": 0.12, "Tanh": 0.1, "Mod": 0.04, "Hardmax": 0.04}


def model(units: int) -> onnx.ModelProto:
    """Each unit reads the one before, and those with two inputs one of the last three."""
    rng, names, nodes = np.random.default_rng(units), ["x"], []
    for i in range(units):
        op = str(rng.choice(list(OPS), p=list(OPS.values())))
        reads = [names[-1]] + ([names[rng.integers(max(0, i - 2), i + 1)]] if op in ("Add", "Mul", "Mod") else [])
        nodes.append(helper.make_node(op, reads, [f"t{i}"], f"{op}_{i}", **({"fmod": 1} if op == "Mod" else {})))
        names.append(f"t{i}")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 32, 32, 32]) for name in ("x", names[-1])]
    graph = helper.make_graph(nodes, "random", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def timed(work: Callable[[], Any], clock: Callable[[], float] = time.process_time) -> tuple[Any, float]:
    start = clock()
    return work(), clock() - start


def row(units: int) -> list[str]:
    made, asking = timed(lambda: planner(model(units), "snapdragon-8-gen-3"), time.perf_counter)
    plan, placing = timed(made.plan)
    changes, looking = timed(lambda: counterfactuals(made))
    told = explored(made, limit=5)
    page, writing = timed(lambda: plan_html(told))
    best = f"{changes[0].text}: {changes[0].cost_change:+.0%}" if changes else "none"
    cells = [f"{units:,}", f"{len(plan.segments)}", f"{asking:.1f}", f"{placing:.2f}", f"{looking:.2f}"]
    return [*cells, f"{looking / placing:.1f}", best, f"{writing:.2f}", f"{len(page) / 2**20:.1f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 2000, 5000])
    sizes = parser.parse_args().sizes
    planner(model(10), "snapdragon-8-gen-3").plan()  # imports, and the compiler's process, are paid once
    table = Table(
        "units", "segments", "asking s", "placing s", "looking s", "looking / placing", "best", "page s", "MiB"
    )
    for units in sizes:
        table.add_row(*row(units))
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
