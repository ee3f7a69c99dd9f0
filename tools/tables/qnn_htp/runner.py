"""Running unit cases on the HTP library, each in a process of its own: some take the process down."""

from __future__ import annotations

import itertools
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen
from zif.model import Model
from zif_qnn_htp.graph import build
from zif_qnn_runtime import ProviderOptions, QnnError, open_session, query

from tools.tables.qnn_htp.judge import judge

if TYPE_CHECKING:
    import onnxruntime
    from zif.records import Array

    from tools.tables.qnn_htp.cases import UnitCase

#: Cases that are asked about in one process before it is replaced by a fresh one.
CHUNK = 300


@frozen
class Outcome:
    """How a case ended: "right", "imprecise", "wrong", "crash", or "no": the compiler refused, which is honest."""

    case: str
    outcome: str
    detail: str = ""


def observe(cases: Sequence[UnitCase], soc_model: int, workers: int = 1) -> Iterator[Outcome]:
    """The outcome of each case, in order: first what the compiler refuses, then a process for each of the others."""
    context = _context()
    refusals = dict(_refusals(cases, soc_model, context))

    def run(case: UnitCase) -> Outcome:
        if case.name in refusals:
            return Outcome(case.name, "no", refusals[case.name])
        return _alone(case, soc_model, context)

    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(run, cases)


def _refusals(
    cases: Sequence[UnitCase], soc_model: int, context: SpawnContext | ForkServerContext
) -> Iterator[tuple[str, str]]:
    """The cases that the compiler refuses, with its reason. One whose question crashes is left to run by itself."""
    start = 0
    while start < len(cases):
        chunk = cases[start : start + CHUNK]
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_ask, args=(theirs, chunk, soc_model))
        process.start()
        theirs.close()
        answered = 0
        try:
            for case in chunk:
                reason = ours.recv()
                answered += 1
                if reason:
                    yield case.name, reason
        except EOFError:
            answered += 1
        process.join()
        ours.close()
        start += answered


def _ask(pipe: Connection, cases: Sequence[UnitCase], soc_model: int) -> None:
    options = ProviderOptions(soc_model=soc_model)
    for case in cases:
        try:
            refused = [node for node in query(_built(case), "htp", options).nodes.values() if not node.accepted]
            pipe.send(refused[0].reason if refused else "")
        except QnnError as error:
            pipe.send(str(error))
    pipe.close()


def _alone(case: UnitCase, soc_model: int, context: SpawnContext | ForkServerContext) -> Outcome:
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(theirs, case, soc_model))
    process.start()
    theirs.close()
    try:
        outcome, detail = ours.recv()
    except EOFError:
        process.join()
        outcome, detail = "crash", f"exit code {process.exitcode}"
    process.join()
    ours.close()
    return Outcome(case.name, outcome, detail)


def _context() -> SpawnContext | ForkServerContext:
    """A server that has imported everything and forks a fresh process a case, where the system has such a thing."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "onnxruntime", "onnx.reference"])
    return context


def _child(pipe: Connection, case: UnitCase, soc_model: int) -> None:
    pipe.send(_end_of(case, soc_model))
    pipe.close()


def _end_of(case: UnitCase, soc_model: int) -> tuple[str, str]:
    options = ProviderOptions(soc_model=soc_model)
    stains = [_Stain(options, size) for size in (16, 64)]
    _Stain(options, 128).spread()  # and its memory is free again
    try:
        session = open_session(_built(case), "htp", options)
    except QnnError as error:
        return "refused", str(error)
    outcome, detail = "right", ""
    for stain in stains:  # what was left in memory before must not show in either run
        stain.spread()
        try:
            values = _run(session, case)
        except Exception as error:
            return "error", f"{type(error).__name__}: {error}"[:200]
        judgement = judge(case.model, case.inputs, case.outputs, values)
        if judgement.outcome != "right":
            outcome, detail = judgement.outcome, judgement.detail
        if outcome == "wrong":
            break
    return outcome, detail


def _built(case: UnitCase) -> bytes:
    """The case as the backend gives it to the compiler."""
    return build(Model.load(case.model)).data


def _run(session: onnxruntime.InferenceSession, case: UnitCase) -> dict[str, Array]:
    names = [value.name for value in session.get_inputs()]
    outputs = [value.name for value in session.get_outputs()]
    return dict(zip(outputs, session.run(outputs, {name: case.inputs[name] for name in names}), strict=True))


class _Stain:
    """Leaves other numbers in the library's memory: an output that is never written then shows."""

    def __init__(self, options: ProviderOptions, size: int) -> None:
        from onnx import TensorProto, helper

        shape = [1, size, size]
        nodes = [helper.make_node("Add", [a, a], [b], f"to_{b}") for a, b in itertools.pairwise("xabcy")]
        infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "y")]
        graph = helper.make_graph(nodes, "stain", infos[:1], infos[1:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
        self._feeds = {"x": np.full(shape, 321.0, np.float32)}
        self._session = open_session(model.SerializeToString(), "htp", options)

    def spread(self) -> None:
        """Run something else."""
        self._session.run(None, self._feeds)
