"""zif's greedy baseline beside the real thing: `python benchmarks/partitions.py [MODEL …]`, ten minutes.

How many pieces does Qualcomm's own execution provider cut a quantized network into for a chip, and how many does zif's
greedy placement, from the verdicts that it asked from the same compiler? Architectures of the shared data with made-up
weights, quantized with onnxruntime's QNN configuration, for a Hexagon v68 that computes in integers only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import zif
from placing.quantized import quantized, recipes
from rich.console import Console
from rich.table import Table
from zif.planning.placement import greedy, segments
from zif.runtime.planners import planner

CHIP, NPU = "snapdragon-888", "qnn_htp"
MODELS = ("vit", "convnext_tiny", "swin_tiny", "densenet121")


def main(models: list[str]) -> None:
    graphs = Path(os.environ.get("ZIF_SHARED", Path(__file__).parents[2] / "shared")) / "data/graphs"
    console = Console(width=140)
    if not graphs.is_dir():
        console.print(f"no graphs in {graphs}: set ZIF_SHARED to the folder that holds data/graphs")
        return
    table = Table(*("model", "prepared", "units", "QNN provider", "zif greedy", "zif placed", "not on HTP"))
    with console.status("") as status, tempfile.TemporaryDirectory(prefix="zif-partitions-") as folder:
        for name in models or MODELS:
            source = graphs / f"{name}.onnx"
            for recipe in recipes(source):
                status.update(f"{name}, {recipe}")
                file = quantized(source, recipe, Path(folder))
                units, greedily, placed, away = ours(file)
                table.add_row(name, recipe, str(units), theirs(file), str(greedily), str(placed), away)
    console.print(table)


def ours(file: Path) -> tuple[int, int, int, str]:
    """How many units; HTP segments of the greedy and of zif's own placement; what the greedy leaves to the CPU."""
    made = planner(file, CHIP, only=[NPU, "qnn_cpu"])
    placement, npu = made.place(), made.names.index(NPU)
    labels = greedy(placement.task, [npu, 1 - npu])
    numbers = segments(placement.task, labels)
    away = Counter(unit.op_type for unit, label in zip(made.model.units, labels, strict=True) if label != npu)
    placed = placement.solution
    return (
        len(labels),
        len(set(numbers[labels == npu].tolist())),
        len(set(placed.segments[placed.labels == npu].tolist())),
        ", ".join(f"{op} × {count}" for op, count in away.most_common(4)) or "-",
    )


def theirs(file: Path) -> str:
    """The provider's own partitions, counted after it compiled the model, in a process of its own."""
    soc = zif.target(CHIP).soc_model
    done = subprocess.run([sys.executable, __file__, "--provider", file, str(soc)], capture_output=True, text=True)
    return done.stdout.splitlines()[-1] if done.returncode == 0 else f"fails: {done.stderr.strip()[-60:]}"


def provider(file: str, soc: str) -> None:
    """Print how many subgraphs the QNN execution provider takes."""
    import onnxruntime
    import onnxruntime_qnn

    onnxruntime.register_execution_provider_library("qnn", onnxruntime_qnn.get_library_path())
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    device = next(device for device in onnxruntime.get_ep_devices() if device.ep_name == "qnn")
    options.add_provider_for_devices([device], {"backend_type": "htp", "soc_model": soc})
    session = onnxruntime.InferenceSession(file, options, enable_fallback=0)
    subgraphs = session.get_provider_graph_assignment_info()
    print(json.dumps(sum(part.ep_name != "CPUExecutionProvider" for part in subgraphs)))


if __name__ == "__main__":
    provider(*sys.argv[2:]) if sys.argv[1:2] == ["--provider"] else main(sys.argv[1:])
