"""What a session costs on top of ONNX Runtime: one segment, and 2 to 16 forced ones, as ratios from one run.

A second table has the other ways to run: the drop-in (`zif.ort`), bound to arrays, and asynchronously.

Beside each figure stands what a user would otherwise call: `InferenceSession.run` on the whole model, with as many
threads. Both take turns in small batches, so that a change of the machine's speed hits both; medians of the batches, of
several such rounds the best. In brackets stands what ONNX Runtime itself takes for the same pieces, one after the other
over bound buffers, without zif: what is above it is zif's, what is below is what the cuts cost the engine.

    python benchmarks/session.py [THREADS...] [--rounds 3]

On a machine that does something else as well: `chrt --rr 1 python benchmarks/session.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import zif.ort as dropin
from attrs import evolve
from onnx import TensorProto, helper
from rich.console import Console
from rich.table import Table
from zif.model import Model
from zif.runtime.build import Builder
from zif.runtime.planners import builder, planner
from zif.runtime.session import Session

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"


def one_op() -> onnx.ModelProto:
    """A Relu over eight numbers: nothing but overhead."""
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"], name="relu")], "g", value[:1], value[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def transformer(layers: int = 2, width: int = 128, length: int = 64, heads: int = 4) -> onnx.ModelProto:
    """Encoder layers with random weights: attention, residuals, layer norms, a GELU made of Erf."""
    rng = np.random.default_rng(0)
    nodes: list[Any] = []
    weights: list[Any] = []

    def weight(*shape: int) -> str:
        name = f"w{len(weights)}"
        data = (rng.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32)
        weights.append(onnx.numpy_helper.from_array(data, name))
        return name

    def constant(values: Any, dtype: Any = np.float32) -> str:
        weights.append(onnx.numpy_helper.from_array(np.array(values, dtype), f"w{len(weights)}"))
        return str(weights[-1].name)

    def node(op: str, *inputs: str, **attributes: Any) -> str:
        name = f"{op}_{len(nodes)}"
        nodes.append(helper.make_node(op, inputs, [name + "_out"], name=name, **attributes))
        return name + "_out"

    def norm(x: str) -> str:
        return node("LayerNormalization", x, weight(width), weight(width))

    x = "x"
    for _ in range(layers):
        split = constant([0, length, heads, width // heads], np.int64)
        h = norm(x)
        q, k, v = (node("Reshape", node("MatMul", h, weight(width, width)), split) for _ in range(3))
        q, v = (node("Transpose", t, perm=[0, 2, 1, 3]) for t in (q, v))
        scores = node("MatMul", q, node("Transpose", k, perm=[0, 2, 3, 1]))
        mixed = node("MatMul", node("Softmax", node("Mul", scores, constant((width // heads) ** -0.5)), axis=-1), v)
        joined = node("Reshape", node("Transpose", mixed, perm=[0, 2, 1, 3]), constant([0, length, width], np.int64))
        x = node("Add", x, node("MatMul", joined, weight(width, width)))
        h = node("MatMul", norm(x), weight(width, 4 * width))
        gate = node("Add", node("Erf", node("Mul", h, constant(0.5**0.5))), constant(1.0))
        x = node("Add", x, node("MatMul", node("Mul", node("Mul", h, gate), constant(0.5)), weight(4 * width, width)))
    shape = [1, length, width]
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, shape)],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def with_readers(model: Model, place: Any) -> None:
    """What is made of weights alone goes where it is first read, as it does in a plan: it never changes."""
    fed = {info.name for info in model.inputs}
    reading: dict[str, int] = {}
    for at in range(len(model.units) - 1, -1, -1):
        unit = model.units[at]
        made_here = [reading[name] for name in unit.outputs if name in reading]
        if made_here and not any(name in fed or name in _made(model) for name in unit.inputs):
            place[at] = min(made_here)
        reading |= dict.fromkeys(unit.inputs, int(place[at]))


def _made(model: Model) -> set[str]:
    return {name for unit in model.units for name in unit.outputs}


def pieces(model: Model, count: int) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The units and the slice of each of `count` pieces of about equal work."""
    work = np.cumsum([unit.macs + 1000 for unit in model.units])
    place = np.minimum((work - work[0]) * count // max(work[-1] - work[0] + 1, 1), count - 1)
    with_readers(model, place)
    for number in range(count):
        units = tuple(unit.id for unit, at in zip(model.units, place, strict=True) if at == number)
        if units:
            yield units, model.slice(units, f"part{number}")


def split(model: Model, count: int, made: Builder) -> Session:
    """A session of `count` segments of about equal work, all on the same backend."""
    plan = made.planner.plan()
    segments = []
    for units, piece in pieces(model, count):
        reads, gives = tuple(i.name for i in piece.inputs), tuple(o.name for o in piece.outputs)
        segments.append(evolve(plan.segments[0], id=len(segments), units=units, inputs=reads, outputs=gives))
    steps = [made.step(segment, made.compiled(segment), shared=True) for segment in segments]
    return Session(evolve(plan, segments=tuple(segments)), steps, model.tensors)


def ratio(ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int) -> str:
    """Ours over theirs, in the best of so many rounds."""
    return f"{min(a / b for a, b in (compare(ours, theirs) for _ in range(rounds))):.2f}"


def in_pieces(model: Model, count: int, threads: int, inputs: dict[str, Any]) -> Callable[[], None]:
    """The same segments in ONNX Runtime alone, over bound buffers."""
    values = {name: ort.OrtValue.ortvalue_from_numpy(array) for name, array in inputs.items()}
    calls: list[tuple[Any, Any]] = []
    kept: list[Any] = [values]  # the engine knows only their addresses
    for _, piece in pieces(model, count):
        session = raw(piece, threads)
        binding = session.io_binding()
        for info in session.get_inputs():
            binding.bind_ortvalue_input(info.name, values[info.name])
        for info in session.get_outputs():
            values[info.name] = ort.OrtValue.ortvalue_from_numpy(np.empty(info.shape, np.float32))
            binding.bind_ortvalue_output(info.name, values[info.name])
        kept.append((session, binding))
        calls.append((session._sess, binding._iobinding))

    def once() -> None:
        for native, binding in calls:
            native.run_with_iobinding(binding, None)
        assert kept

    return once


def compare(ours: Callable[[], Any], theirs: Callable[[], Any], seconds: float = 1.0) -> tuple[float, float]:
    """Median microseconds per call of both, measured in turns."""
    once = min(_timed(theirs, 1) for _ in range(5))
    calls = max(1, int(0.01 / once))
    times: list[tuple[float, float]] = []
    end = perf_counter() + seconds
    while perf_counter() < end or len(times) < 7:
        times.append((_timed(ours, calls), _timed(theirs, calls)))
    return tuple(float(np.median(column)) * 1e6 for column in zip(*times, strict=True))  # type: ignore[return-value]


def _timed(call: Callable[[], Any], calls: int) -> float:
    start = perf_counter()
    for _ in range(calls):
        call()
    return (perf_counter() - start) / calls


def raw(model: Model, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(model.proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def rows(name: str, source: Any, threads: int, rounds: int, table: Table) -> None:
    model = Model.load(source)
    made = builder(planner(model, only="qnn_cpu", config={"qnn_cpu": {"num_threads": threads}}), cache=False)
    rng = np.random.default_rng(0)
    inputs = {i.name: rng.random(i.shape or ()).astype(np.float32) for i in model.inputs}
    theirs = raw(model, threads)

    def whole() -> Any:
        return theirs.run(None, inputs)

    _, base = compare(whole, whole)
    with made.session() as session:
        cells = [ratio(lambda: session.run(inputs), whole, rounds)]
    for count in (2, 4, 8, 16):
        if len(model.units) < 2 * count:
            cells.append("–")
            continue
        with split(model, count, made) as session:
            ours = ratio(lambda s=session: s.run(inputs), whole, rounds)  # type: ignore[misc]
        cells.append(f"{ours} ({ratio(in_pieces(model, count, threads, inputs), whole, rounds)})")
    table.add_row(name, str(threads), f"{base:,.1f}", *cells)


def ways(name: str, source: Any, threads: int, rounds: int, table: Table) -> None:
    """The drop-in and what is bound over `InferenceSession.run`, asynchronous runs over the session's own."""
    model, theirs = Model.load(source), raw(Model.load(source), threads)
    options = dropin.SessionOptions()
    options.intra_op_num_threads = threads
    ours = dropin.InferenceSession(model.proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    session = ours.zif_session
    rng = np.random.default_rng(0)
    inputs = {i.name: rng.random(i.shape or ()).astype(np.float32) for i in model.inputs}
    bound, binding = session.bind(inputs), theirs.io_binding()
    for key, value in inputs.items():
        binding.bind_cpu_input(key, value)
    for info in model.outputs:
        binding.bind_ortvalue_output(info.name, ort.OrtValue.ortvalue_from_numpy(bound.outputs[info.name]))
    into = {name: np.empty_like(array) for name, array in bound.outputs.items()}
    calls: list[tuple[Callable[[], Any], Callable[[], Any]]] = [
        (lambda: ours.run(None, inputs), lambda: theirs.run(None, inputs)),
        (lambda: session.run(inputs), lambda: theirs.run(None, inputs)),
        (lambda: session.run(inputs, outputs=into), lambda: theirs.run(None, inputs)),
        (bound, lambda: theirs.run(None, inputs)),
        (lambda: theirs.run_with_iobinding(binding), lambda: theirs.run(None, inputs)),
    ]
    cells = [ratio(a, b, rounds) for a, b in calls]
    later, now = compare(lambda: session.run_async(inputs).result(), lambda: session.run(inputs))
    queued, eight = compare(lambda: eight_at_once(session, inputs), lambda: [session.run(inputs) for _ in range(8)])
    table.add_row(name, str(threads), *cells, f"{later - now:,.0f}", f"{(queued - eight) / 8:,.0f}")


def eight_at_once(session: Session, inputs: dict[str, Any]) -> None:
    for run in [session.run_async(inputs) for _ in range(8)]:
        run.result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("threads", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    threads, rounds = asked.threads, asked.rounds
    table = Table(title=f"session.run over InferenceSession.run, best of {rounds} rounds (the engine alone)")
    for column in ("model", "threads", "ORT µs", "1 segment", "2", "4", "8", "16"):
        table.add_column(column, justify="left" if column == "model" else "right")
    for count in threads:
        rows("one Relu", one_op(), count, rounds, table)
        rows("squeezenet", str(LIGHT / "light_squeezenet.onnx"), count, rounds, table)
        rows("transformer, 2 layers", transformer(), count, rounds, table)
    Console(width=140).print(table)
    more = "what asynchronous runs cost more than session.run"
    table = Table(title=f"other ways over InferenceSession.run, best of {rounds} rounds; {more}")
    for column in (
        "model",
        "threads",
        "zif.ort",
        "run",
        "outputs=",
        "bound",
        "ORT's binding",
        "async µs",
        "8 at once µs",
    ):
        table.add_column(column, justify="left" if column == "model" else "right")
    for count in threads:
        ways("one Relu", one_op(), count, rounds, table)
        ways("squeezenet", str(LIGHT / "light_squeezenet.onnx"), count, rounds, table)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
