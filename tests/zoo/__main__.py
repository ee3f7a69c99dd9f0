"""Prints the zoo as a Markdown table: `cd tests && python -m zoo [NAME…]`. Fetches what it has not got."""

from __future__ import annotations

import sys
from time import perf_counter

import onnx
import onnxruntime

from zoo import Arrays, Entry, Run, all_entries

HEADINGS = ("model", "licence", "nodes", "opset", "inputs", "ms", "answer")


def main(names: list[str]) -> None:
    """One row per entry; ms is the best of five runs of ONNX Runtime on one thread."""
    print("|", " | ".join(HEADINGS), "|")
    print("|", " | ".join("---" for _ in HEADINGS), "|")
    for entry in all_entries():
        if not names or entry.name in names:
            print("|", " | ".join(row(entry)), "|", flush=True)


def row(entry: Entry) -> tuple[str, ...]:
    model = onnx.load(entry.path)
    opset = next(o.version for o in model.opset_import if not o.domain)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(entry.path, options, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]

    def run(feed: Arrays) -> Arrays:
        return dict(zip(outputs, session.run(outputs, dict(feed)), strict=True))

    answer = entry.answer(run)
    told = answer if isinstance(answer, str) else f"{answer:.3f}"
    inputs = "; ".join(f"{i.name} {i.type[7:-1]}{_dims(i.shape)}" for i in session.get_inputs())
    return (
        entry.name,
        entry.licence,
        str(_nodes(model.graph)),
        str(opset),
        inputs,
        f"{_ms(run, entry.inputs()):.1f}",
        told,
    )


def _nodes(graph: onnx.GraphProto) -> int:
    """Nodes of the graph and of the bodies in it."""
    bodies = (attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g"))
    return len(graph.node) + sum(map(_nodes, bodies))


def _dims(shape: list[int | str | None]) -> str:
    return "[" + ", ".join(str(dim) if isinstance(dim, int) else "?" for dim in shape) + "]"


def _ms(run: Run, feed: Arrays) -> float:
    took = []
    for _ in range(5):
        start = perf_counter()
        run(feed)
        took.append(perf_counter() - start)
    return min(took) * 1e3


if __name__ == "__main__":
    main(sys.argv[1:])
