"""Making the table of operators anew.

python -m tools.tables.qnn_gpu -o plugins/qnn_gpu/src/zif_qnn_gpu/operators.json

Every single-operator test of onnx is put before libQnnGpu; what it takes, with which element types and up to which
rank, becomes a row. The questions run in a process of their own, since some end it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import onnx
from zif.model import Model
from zif.model.signatures import signature
from zif.testing.nodetests import node_tests
from zif_qnn_runtime import gpu_operators

Row = tuple[str, dict[str, list[str]], int]


def main(arguments: list[str] | None = None) -> int:
    """The command. Gives 1 where libQnnGpu cannot be asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    output: Path = parser.parse_args(arguments).output
    library = gpu_operators()
    if not library.available:
        print(library.reason, file=sys.stderr)
        return 1
    rows, asked = table(test.model for test in node_tests())
    document = {
        "source": f"libQnnGpu {library.build}: QnnBackend_getSupportedOperations, and its verdicts on {asked} models of"
        " onnx's node tests through onnxruntime-qnn",
        "build": f"libQnnGpu {library.build}",
        "qnn_operators": library.operators,
        "operators": rows,
    }
    output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{len(rows)} operators from {asked} questions")
    return 0


def table(models: Iterable[onnx.ModelProto]) -> tuple[dict[str, Any], int]:
    """Rows by operator, and how many models were put to the library."""
    rows: dict[str, dict[str, Any]] = {}
    asked = 0
    for answer in _answers([model.SerializeToString() for model in models]):
        asked += answer is not None
        for name, types, rank in answer or []:
            row = rows.setdefault(name, {"types": {}, "max_rank": 0})
            row["max_rank"] = max(row["max_rank"], rank)
            for key, words in types.items():
                row["types"][key] = sorted({*row["types"].get(key, []), *words})
    return dict(sorted(rows.items())), asked


def _answers(questions: list[bytes]) -> Iterator[list[Row] | None]:
    """The answer to each question; None where it cannot be asked. A process that ends takes one question with it."""
    context = multiprocessing.get_context("spawn")
    rest = iter(questions)
    alive = False
    while not alive:
        alive = True
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            for question in rest:
                try:
                    yield pool.submit(ask, question).result()
                except BrokenProcessPool:
                    yield None
                    alive = False
                    break


def ask(question: bytes) -> list[Row] | None:
    """The units of one model that libQnnGpu takes: name, types by constraint, largest rank."""
    from zif.errors import ZifError
    from zif_qnn_gpu.verdicts import probed

    try:
        model = Model.load(question)
        verdicts = probed(model).verdicts
    except ZifError:
        return None
    taken = [unit for unit in model.units if verdicts[unit.id].supported and len(unit.nodes) == 1]
    return [_row(model, unit) for unit in taken if not verdicts[unit.id].reason]


def _row(model: Model, unit: Any) -> Row:
    node = model.proto.graph.node[unit.nodes[0]]
    known = signature(unit.op_type, unit.domain, unit.since)
    pairs = [*zip(node.input, known.inputs if known else (), strict=False)]
    pairs += zip(node.output, known.outputs if known else (), strict=False)
    types: dict[str, list[str]] = {}
    for name, (_, constraint) in pairs:
        info = model.tensors.get(name)
        if info is not None and info.dtype and known is not None and constraint in known.types:
            types.setdefault(constraint, []).append(info.type[7:-1])
    ranks = [len(model.tensors[name].shape or ()) for name in (*unit.inputs, *unit.outputs)]
    return f"{unit.domain}.{unit.op_type}" if unit.domain else unit.op_type, types, max(ranks, default=0)


if __name__ == "__main__":
    raise SystemExit(main())
