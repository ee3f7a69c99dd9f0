"""What verifying costs beside compiling, and that a warm load does not pay for it: ratios from one run.

Three networks for one chip: a ResNet-50 (torchvision's layers, random weights), a recognizer of text and a transformer
encoder. Each is compiled with an empty cache, once without and once with verification; then once more, when both the
artifacts and the result are in the cache. Loads are of the two bundles, in one process, medians.

    python benchmarks/verification.py [--runs 5] [--target snapdragon-8-gen-3]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import onnx
import zif
from rich.console import Console
from rich.table import Table

sys.path[:0] = [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parent)]

from transformer import transformer  # noqa: E402
from warm import resnet50  # noqa: E402
from zoo import entry  # noqa: E402


def seconds(call: Callable[[], Any]) -> float:
    begun = perf_counter()
    call()
    return perf_counter() - begun


def networks() -> dict[str, tuple[onnx.ModelProto | Path, dict[str, Any]]]:
    """Each model with the shapes that it is compiled for."""
    recognizer = entry("ppocr-rec")
    return {
        "ResNet-50": (resnet50(), {}),
        "PP-OCR recognizer": (recognizer.path, dict(recognizer.shapes)),
        "transformer encoder": (transformer(blocks=4, tokens=64, width=192), {}),
    }


def measured(model: Any, shapes: dict[str, Any], target: str, runs: int) -> list[float]:
    """Seconds: compiled without, with, again with; loaded from the bundle without, with."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)

        def compiled(name: str, cache: str, verify: bool) -> float:
            os.environ["ZIF_CACHE"], os.environ["ZIF_DATA"] = str(folder / cache), str(folder / "data")
            return seconds(
                lambda: zif.compile(model, folder / name, target, verify=verify, shapes=shapes, overwrite=True)
            )

        def loaded(name: str) -> float:
            return median(seconds(lambda: zif.load(folder / name, target=target).close()) for _ in range(runs))

        compiled("warm.zif", "unused", True)  # processes, libraries
        plain = compiled("without.zif", "one", False)
        built = [compiled("with.zif", "two", True) for _ in range(2)]
        return [plain, *built, loaded("without.zif"), loaded("with.zif")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--target", default="snapdragon-8-gen-3")
    arguments = parser.parse_args()
    table = Table(title=f"Compiling for {arguments.target}, with and without verification")
    for column in ("", "without", "verified", "ratio", "again", "ratio", "load without", "load verified", "ratio"):
        table.add_column(column, justify="left" if not column else "right")
    for name, (model, shapes) in networks().items():
        without, verified, again, plain, checked = measured(model, shapes, arguments.target, arguments.runs)
        table.add_row(
            name,
            *(f"{without:.1f} s", f"{verified:.1f} s", f"{verified / without:.2f}"),
            *(f"{again:.1f} s", f"{again / without:.2f}"),
            *(f"{plain:.3f} s", f"{checked:.3f} s", f"{checked / plain:.2f}"),
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
