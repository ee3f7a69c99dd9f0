"""ONNX's node tests with every unit on the HTP backend that it takes, and the rest in onnx's reference evaluator."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any, Protocol

import numpy as np
import zif
import zif_qnn_htp
from attrs import frozen
from onnx.reference import ReferenceEvaluator
from zif import Unsupported
from zif.model import Model
from zif.testing.nodetests import NodeTest
from zif_qnn_htp.options import HtpOptions
from zif_qnn_runtime import QnnError

from tools.tables.qnn_htp.judge import as_half, difference


@frozen
class Row:
    """How one test ended: "right", "fp16" (right for what fp16 holds), "wrong", "failed", "crash"; units on the HTP."""

    name: str
    outcome: str
    detail: str = ""
    on_htp: int = 0
    units: int = 0


def rows(tests: Iterable[NodeTest], chip: str) -> Iterator[Row]:
    """A process for each test, so that a crash is a row."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "onnxruntime", "zif_qnn_htp.report"])
    for test in tests:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(
            target=_child, args=(theirs, test.name, test.model.SerializeToString(), test.data, chip)
        )
        process.start()
        theirs.close()
        try:
            yield ours.recv()
        except EOFError:
            process.join()
            yield Row(test.name, "crash", f"exit code {process.exitcode}")
        process.join()
        ours.close()


def _child(pipe: Connection, name: str, proto: bytes, data: Sequence[Any], chip: str) -> None:
    model = Model.load(proto)
    try:
        pipe.send(_row(name, model, data, zif.target(chip)))
    except Exception as error:
        pipe.send(Row(name, "failed", f"{type(error).__name__}: {error}"[:300], 0, len(model.units)))
    pipe.close()


def _row(name: str, model: Model, data: Sequence[Any], target: zif.Target) -> Row:
    split = Split.of(model, target, Reference)
    count = len(split.taken), len(model.units)
    outcome, detail = "right", ""
    for given, wanted in data:
        names = [value.name for value in model.proto.graph.input]
        feeds = {key: value for key, value in zip(names, given, strict=False) if value is not None}
        made, expected = split.run(feeds), dict(zip((v.name for v in model.outputs), wanted, strict=True))
        detail = compare(expected, made)
        if detail and split.taken:
            outcome = "fp16" if explained(model, feeds, expected, made) else "wrong"
        elif detail:
            outcome = "not on HTP"
    return Row(name, outcome, detail, *count)


class Runs(Protocol):
    """What runs a part of a model."""

    def run(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]: ...


class Reference:
    """A part of a model in onnx's reference evaluator."""

    def __init__(self, part: Model) -> None:
        self._part = part
        self._names = [value.name for value in (*part.inputs, *part.optional_inputs)]

    def run(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        return reference(self._part, {name: inputs[name] for name in self._names if name in inputs})


@frozen(eq=False)
class Split:
    """A model with every unit on the HTP that it takes, and the rest elsewhere, in runs of neighbours."""

    model: Model
    steps: Sequence[Runs]
    taken: frozenset[str]

    @classmethod
    def of(cls, model: Model, target: zif.Target, other: Callable[[Model], Runs]) -> Split:
        """A unit that does not build is taken off, and all is built again."""
        verdicts = zif.backend("qnn_htp").capabilities(target, model).verdicts
        taken = frozenset(unit for unit, verdict in verdicts.items() if verdict.supported)
        while True:
            steps: list[Runs] = []
            for on_htp, units in _neighbours(model, taken):
                part = model.slice(units, "part") if len(units) < len(model.units) else model
                try:
                    steps.append(_htp(part, target) if on_htp else other(part))
                except Unsupported as error:
                    taken -= {obstacle.unit for obstacle in error.obstacles}
                    break
                except QnnError:
                    taken -= set(units)
                    break
            else:
                return cls(model, steps, taken)

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        values = dict(feeds)
        for step in self.steps:
            values.update(step.run(values))
        return {value.name: values[value.name] for value in self.model.outputs}


def _neighbours(model: Model, taken: Collection[str]) -> Iterator[tuple[bool, list[str]]]:
    """Runs in topological order, so that none needs what a later one makes."""
    run: list[str] = []
    for unit in model.units:
        if run and (unit.id in taken) != (run[-1] in taken):
            yield run[-1] in taken, run
            run = []
        run.append(unit.id)
    if run:
        yield run[-1] in taken, run


def _htp(part: Model, target: zif.Target) -> Runs:
    options = HtpOptions()
    made: Runs = zif_qnn_htp.load(zif_qnn_htp.compile(zif_qnn_htp.convert(part, target), target, options), options)
    return made


def reference(model: Model, feeds: Mapping[str, Any]) -> dict[str, Any]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        values = ReferenceEvaluator(model.proto).run(None, dict(feeds))
    return dict(zip((value.name for value in model.outputs), values, strict=True))


def explained(model: Model, feeds: Mapping[str, Any], wanted: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    """Whether the answer is that of the inputs, or of the outputs, as fp16 holds them, or one step of 8 bits off."""
    made = {name: as_half(value) for name, value in made.items()}
    if not compare({name: as_half(value) for name, value in wanted.items()}, made) or _one_step(wanted, made):
        return True
    try:
        rounded = reference(model, {name: as_half(value) for name, value in feeds.items()})
    except Exception:  # the reference has gaps
        return False
    return not compare({name: as_half(value) for name, value in rounded.items()}, made)


def _one_step(wanted: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    """Whether 8-bit integers differ by 1 at most, as they do where a scale in fp16 decides a tie, and nothing else."""
    whole = {name for name, value in wanted.items() if np.asarray(value).dtype in (np.uint8, np.int8)}
    near = all(np.abs(np.int16(wanted[name]) - np.int16(made[name])).max(initial=0) <= 1 for name in whole)
    rest = [{name: as_half(of[name]) for name in wanted if name not in whole} for of in (wanted, made)]
    return bool(whole) and near and not compare(*rest)


def compare(wanted: Mapping[str, Any], made: Mapping[str, Any]) -> str:
    """ "" when everything agrees; sequences and optionals element by element."""
    for name, value in wanted.items():
        text = _compare(value, made[name])
        if text:
            return f"{name}: {text}"
    return ""


def _compare(wanted: Any, made: Any) -> str:
    if wanted is None or made is None:
        return "" if wanted is None and made is None else "only one is there"
    if isinstance(wanted, list):
        if len(wanted) != len(made):
            return f"{len(made)} elements instead of {len(wanted)}"
        return next(filter(None, map(_compare, wanted, made)), "")
    wanted, made = np.asarray(wanted), np.asarray(made)
    if made.shape == () != wanted.shape and made.size == wanted.size:
        made = made.reshape(wanted.shape)
    return difference({"value": wanted}, {"value": made})


__all__ = ["Reference", "Row", "Split", "compare", "reference", "rows"]
