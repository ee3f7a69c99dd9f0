"""How long until the first answer: `zif.load(model, start="cpu")` over ONNX Runtime, in processes fresh and warm.

Each process imports numpy, then is timed from the import of its engine to the end of the first run; both take turns,
and what counts is the median. Warm: the second model in a process that has imported everything, opened and run once.
Then bytes of weights, since what zif adds is the same for every model, and what an engine takes to open it is not.

    python benchmarks/starting.py [TURNS]
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console
from rich.table import Table

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light/light_squeezenet.onnx"

_TIMED = """
import json, sys
from time import perf_counter, process_time
import numpy as np
def opened(engine, model):
    if engine == "ort":
        import onnxruntime
        made = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        info = made.get_inputs()[0]
        return made, lambda: made.run(None, {info.name: np.zeros(info.shape, np.float32)})
    import zif
    made = zif.load(model, start="cpu")
    info = made.inputs[0]
    return made, lambda: made.run({info.name: np.zeros(info.shape, np.float32)})
def once(engine, model):
    wall, cpu = perf_counter(), process_time()
    kept, run = opened(engine, model)
    run()
    return perf_counter() - wall, process_time() - cpu, kept
engine, model = sys.argv[1:]
fresh = once(engine, model)
if hasattr(fresh[2], "starting"):
    fresh[2].starting.wait()
warm = once(engine, model)
print(json.dumps([fresh[:2], warm[:2]]), flush=True)
import os
os._exit(0)  # what goes on beside is none of the first answer
"""


def heavy(folder: Path, layers: int = 12, width: int = 1024) -> Path:
    """A chain of products with 4 MB of weights each."""
    rng = np.random.default_rng(0)
    nodes = [helper.make_node("MatMul", [f"v{n}", f"w{n}"], [f"v{n + 1}"], f"m{n}") for n in range(layers)]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, width]) for n in ("v0", f"v{layers}")]
    kept = [numpy_helper.from_array(rng.random((width, width), np.float32) / width, f"w{n}") for n in range(layers)]
    graph = helper.make_graph(nodes, "heavy", ends[:1], ends[1:], kept)
    path = folder / "heavy.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def once(engine: str, model: Path) -> list[list[float]]:
    """Seconds on the clock and of the processor, fresh and warm."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", _TIMED, engine, str(model)], env=kept, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def main() -> None:
    """One row per model."""
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    table = Table(title="until the first answer, zif's start='cpu' over ONNX Runtime; medians")
    for column in ("model", "fresh, ORT ms", "zif ms", "ratio", "of processor time", "warm, ORT ms", "zif ms", "ratio"):
        table.add_column(column, justify="left" if column == "model" else "right")
    with tempfile.TemporaryDirectory() as folder:
        for name, model in (("squeezenet", LIGHT), ("48 MB of weights", heavy(Path(folder)))):
            once("zif", model)  # what is kept on disk is written
            rows = [(once("ort", model), once("zif", model)) for _ in range(turns)]
            middle = np.array([[statistics.median(c) for c in zip(*flat, strict=True)] for flat in _flat(rows)])
            theirs, ours = middle * 1e3
            ratios = ours / theirs
            fresh = (f"{theirs[0]:.0f}", f"{ours[0]:.0f}", f"{ratios[0]:.2f}", f"{ratios[1]:.2f}")
            table.add_row(name, *fresh, f"{theirs[2]:.0f}", f"{ours[2]:.0f}", f"{ratios[2]:.2f}")
    Console(width=140).print(table)


def _flat(rows: list[tuple[list[list[float]], list[list[float]]]]) -> list[list[list[float]]]:
    """For each engine its turns, each as fresh clock, fresh processor, warm clock, warm processor."""
    return [[[*turn[engine][0], *turn[engine][1]] for turn in rows] for engine in (0, 1)]


if __name__ == "__main__":
    main()
