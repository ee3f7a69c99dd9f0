"""Loading and slicing models: time per node, and that the size of weights does not matter while they are in a file.

Processor time, because the machine may be shared.

    python benchmarks/models.py [--nodes 1000 10000 100000]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from pathlib import Path
from time import process_time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console
from rich.table import Table
from zif.model import Model

LAYERS, WIDTH, PIECES = 64, 2048, 16


def residual(count: int) -> bytes:
    """A long graph of element-wise operators with connections that skip three."""
    nodes, last, skipped = [], "x", "x"
    for index in range(count):
        op_type = ("Relu", "Add", "Mul", "Sigmoid")[index % 4]
        second = {"Add": [skipped], "Mul": [f"w{index % 1000}"]}.get(op_type, [])
        nodes.append(helper.make_node(op_type, [last, *second], [f"v{index}"], name=f"n{index}"))
        last = f"v{index}"
        skipped = last if index % 4 == 3 else skipped
    weights = [numpy_helper.from_array(np.ones((1, 8), np.float32), f"w{index}") for index in range(1000)]
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 8])
    made = helper.make_tensor_value_info(last, TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "residual", [info], [made], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def heavy(folder: Path) -> Path:
    """1 GiB of weights in a (sparse) file beside the model."""
    size = WIDTH * WIDTH * 4
    weights = []
    for index in range(LAYERS):
        tensor = TensorProto(name=f"w{index}", data_type=TensorProto.FLOAT, dims=[WIDTH, WIDTH])
        onnx.external_data_helper.set_external_data(
            _with_raw(tensor), location="w.bin", offset=index * size, length=size
        )
        tensor.ClearField("raw_data")
        weights.append(tensor)
    nodes = [helper.make_node("MatMul", [f"v{i}", f"w{i}"], [f"v{i + 1}"]) for i in range(LAYERS)]
    info = helper.make_tensor_value_info("v0", TensorProto.FLOAT, ["N", WIDTH])
    made = helper.make_tensor_value_info(f"v{LAYERS}", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "heavy", [info], [made], weights)
    path = folder / "heavy.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())
    with (folder / "w.bin").open("wb") as file:
        file.truncate(LAYERS * size)
    return path


def _with_raw(tensor: TensorProto) -> TensorProto:
    tensor.raw_data = b""  # set_external_data wants the field
    return tensor


def measure(source: bytes | Path) -> tuple[int, float, float]:
    """Nodes, seconds to load, seconds for all slices."""
    start = process_time()
    model = Model.load(source)
    loaded = process_time()
    ids = [unit.id for unit in model.units]
    share = -(-len(ids) // PIECES)
    for first in range(0, len(ids), share):
        model.slice(ids[first : first + share], f"s{first}")
    return len(ids), loaded - start, process_time() - loaded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="*", default=[1000, 10_000, 100_000])
    table = Table("model", "units", "load", "per unit", f"{PIECES} slices", title="Loading and slicing, processor time")
    measure(residual(100))  # imports
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        units, load, cut = measure(heavy(Path(folder)))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024
    table.add_row("1 GiB in a file", str(units), f"{load * 1e3:.0f} ms", "", f"{cut * 1e3:.0f} ms, +{grown:.0f} MB")
    for count in parser.parse_args().nodes:
        units, load, cut = measure(residual(count))
        table.add_row("element-wise", str(units), f"{load:.2f} s", f"{load / units * 1e6:.0f} µs", f"{cut:.2f} s")
    Console().print(table)


if __name__ == "__main__":
    main()
