"""Pipelines and streams, as ratios from one run.

Pipelined: two segments of about equal work, each on one thread. The ideal is one run per time of the slower segment,
which is measured in the same turns, alone. Beside it stand the same two segments in two threads that know nothing of
each other: what two cores with one memory give. Then stages that only wait: what zif itself costs when no processor is
short. Streams: a GRU's steps over ONNX Runtime's own runs with the state handed over by hand.

On a machine that does something else as well, ask for the processors first, or each wait counts twice:
`chrt --rr 1 python benchmarks/serving.py`.

    python benchmarks/serving.py [seconds]
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter, sleep
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from attrs import evolve
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console
from rich.table import Table
from session import compare, split, transformer
from zif.model import Model
from zif.runtime.planners import builder, planner
from zif.runtime.session import Session

RUNS = 200


def pipelined(seconds: float) -> list[tuple[str, ...]]:
    """Rows for the table: computing segments on one thread each, and waiting ones."""
    model = Model.load(transformer(layers=4, width=256, length=128))
    made = builder(planner(model, only="qnn_cpu", config={"qnn_cpu": {"num_threads": 1}}), cache=False)
    x = {info.name: np.random.default_rng(0).random(info.shape or ()).astype(np.float32) for info in model.inputs}
    with split(model, 2, made) as session:
        rows = [_row("two on qnn_cpu, one thread each", session, x, seconds)]
        for milliseconds in (5, 1):
            waits = _waiting(session, milliseconds / 1e3)
            rows.append(_row(f"two that wait {milliseconds} ms", waits, x, seconds))
    return rows


def _row(name: str, session: Session, x: Mapping[str, Any], seconds: float) -> tuple[str, ...]:
    slowest: list[float] = []
    many: list[tuple[float, float]] = []
    alone: list[tuple[float, float]] = []
    end = perf_counter() + seconds
    with session.pipeline() as pipeline:
        while perf_counter() < end or len(many) < 5:
            slowest.append(max(_alone(session, x)))
            many.append((_throughput(pipeline, x), _uncoupled(session, x)))
            alone.append((_timed(lambda: session.run(x)), _timed(lambda: pipeline.submit(x).result())))
    single, through = (float(np.median(column)) for column in zip(*alone, strict=True))
    shares = np.array(many) * np.array(slowest)[:, None]
    ours, apart = np.median(shares, axis=0)
    over = float(np.median([first / two for first, two in many]))
    best = f"{shares[:, 0].max():.2f} of {len(many)}"
    slow = f"{np.median(slowest) * 1e3:.2f}"
    return name, slow, f"{ours:.2f}", best, f"{apart:.2f}", f"{over:.2f}", f"{through / single:.2f}"


def _alone(session: Session, x: Mapping[str, Any]) -> list[float]:
    """Seconds per run of each segment, over and over by itself."""

    def often(step: Any, value: Any) -> None:
        for _ in range(RUNS):
            step.executable.run(value)

    return [_timed(partial(often, *stage)) / RUNS for stage in session.stages(x)]


def _uncoupled(session: Session, x: Mapping[str, Any]) -> float:
    """Runs a second when each segment has a thread that runs it on the same values, over and over."""
    stages = list(session.stages(x))

    def work(step: Any, value: Any) -> None:
        for _ in range(RUNS):
            step.executable.run(value)

    threads = [threading.Thread(target=work, args=stage) for stage in stages]
    begun = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return RUNS / (perf_counter() - begun)


def _throughput(pipeline: Any, x: Mapping[str, Any]) -> float:
    """Runs a second."""
    begun = perf_counter()
    for future in [pipeline.submit(x) for _ in range(RUNS)]:
        future.result()
    return RUNS / (perf_counter() - begun)


def _timed(call: Callable[[], Any]) -> float:
    begun = perf_counter()
    call()
    return perf_counter() - begun


class _Wait:
    """A segment that takes its time and no processor."""

    def __init__(self, outputs: Mapping[str, Any], seconds: float) -> None:
        self._outputs, self._seconds = outputs, seconds

    def run(self, _: Any) -> dict[str, Any]:
        sleep(self._seconds)
        return {name: value.copy() for name, value in self._outputs.items()}

    def close(self) -> None:
        """Nothing is open."""


def _waiting(session: Session, seconds: float) -> Session:
    steps = []
    for step in session.steps:
        infos = {name: session._tensors[name] for name in step.outputs}
        outputs = {name: np.zeros([int(d) for d in info.shape or ()], np.float32) for name, info in infos.items()}  # type: ignore[arg-type]
        steps.append(evolve(step, executable=_Wait(outputs, seconds)))
    return Session(session.plan, steps, session._tensors)


def gru(size: int) -> onnx.ModelProto:
    """One step of a GRU, its state as input h and output hn."""
    rng = np.random.default_rng(0)
    weights = {"w": (1, 3 * size, size), "r": (1, 3 * size, size)}
    kept = [numpy_helper.from_array((rng.normal(size=s) / size**0.5).astype(np.float32), n) for n, s in weights.items()]
    ends = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, size]) for name in ("x", "h", "y", "hn")
    }
    nodes = [
        helper.make_node("GRU", ["x", "w", "r", "", "", "h"], ["", "hn"], "gru", hidden_size=size),
        helper.make_node("Tanh", ["hn"], ["y"], "tanh"),
    ]
    graph = helper.make_graph(nodes, "gru", [ends["x"], ends["h"]], [ends["y"], ends["hn"]], kept)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def streamed(seconds: float) -> list[tuple[str, ...]]:
    """Rows: a step in a stream over the same by hand, in zif and in ONNX Runtime."""
    rows = []
    for size in (16, 256):
        model, options = gru(size), ort.SessionOptions()
        options.intra_op_num_threads = 1
        theirs = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        config = {"qnn_cpu": {"num_threads": 1}}
        made = builder(planner(model, only="qnn_cpu", config=config), cache=False)
        x, kept = np.ones((1, 1, size), np.float32), [np.zeros((1, 1, size), np.float32)] * 2
        with made.session() as session:
            stream = session.stream(state={"h": "hn"}, outputs=["y"])

            def by_hand(kept: Any = kept, x: Any = x, session: Any = session) -> None:
                kept[0] = session.run({"x": x, "h": kept[0]})["hn"]

            def on_ort(kept: Any = kept, x: Any = x, theirs: Any = theirs) -> None:
                kept[1] = theirs.run(None, {"x": x, "h": kept[1]})[1]

            ours, base = compare(lambda s=stream, x=x: s.run({"x": x}), on_ort, seconds)  # type: ignore[misc]
            hand, _ = compare(by_hand, on_ort, seconds)
        rows.append((f"GRU of {size}", f"{base:.1f}", f"{ours / base:.2f}", f"{hand / base:.2f}"))
    return rows


def main() -> None:
    """Both tables."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    words = (
        "segments",
        "slowest, ms",
        "throughput × slowest, median",
        "best",
        "two threads × slowest",
        "over two threads",
        "one alone, submit over run",
    )
    show("pipelined", words, pipelined(seconds))
    show("streams over InferenceSession.run", ("model", "ORT µs", "stream", "by hand"), streamed(seconds / 2))


def show(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print a table."""
    table = Table(title=title)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
