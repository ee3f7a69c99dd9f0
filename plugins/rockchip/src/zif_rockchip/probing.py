"""A verdict on every unit of a model from the real compiler, for one chip.

All units are built as one model first. Where that fails, the units that the compiler names are left out and the rest is
built again; where it names none, each half is asked by itself, and what both leave over is asked once more as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import Factory, define, frozen
from zif import InvalidModel, Verdict
from zif.plugin import judging_infinities, write_whole

from zif_rockchip import graph, logs
from zif_rockchip.job import Job
from zif_rockchip.toolkit_process import ToolkitDied, bench

if TYPE_CHECKING:
    from zif import Model, Unit

    from zif_rockchip.chips import Chip

#: So many models are built for one question at most: then the units that are left are not claimed.
MOST = 80
_CONVERSIONS = frozenset({"QuantizeLinear", "DequantizeLinear"})
_FLOATS = frozenset({"fp32", "fp16", "bf16", "fp64"})


_INFINITE = Verdict(
    False,
    "observed",
    "observed-wrong",
    "it makes or judges infinite values that decide, and the toolkit makes -10000 of minus infinity",
)


@frozen
class Probed:
    """The verdict on every unit, and what had to be assumed to get it."""

    verdicts: Mapping[str, Verdict]
    notes: tuple[str, ...] = ()


@frozen
class _Answer:
    """What came of building some units: rows by unit, or refusals of those at fault, or a sentence that names none."""

    rows: Mapping[str, tuple[logs.Row, ...]] = Factory(dict)
    notes: tuple[str, ...] = ()
    refused: Mapping[str, Verdict] = Factory(dict)
    failure: str = ""


def probe(model: Model, chip: Chip, crashing: Sequence[str] = ()) -> Probed:
    """Ask the compiler about every unit. crashing: units that it must not be asked about.

    Raises BackendUnavailable when the toolkit cannot be imported.
    """
    sure = dict.fromkeys(judging_infinities(model), _INFINITE)
    sure |= {unit.id: said for unit in model.units if (said := _sure(model, unit, chip))}
    sure |= dict.fromkeys(crashing, Verdict(None, "probed", "probe-failed", "the compiler was not asked: it crashes"))
    inquiry = _Inquiry(model, chip, left=MOST)
    asked = inquiry.settled([unit.id for unit in model.units if unit.id not in sure])
    verdicts = {**asked, **sure}
    return Probed({unit.id: verdicts[unit.id] for unit in model.units}, tuple(inquiry.notes))


def _sure(model: Model, unit: Unit, chip: Chip) -> Verdict | None:
    known = graph.ruled_out(model, unit)
    if known is not None:
        return Verdict(False, "declared", *known)
    if not chip.fp16 and unit.precision in _FLOATS and unit.op_type not in _CONVERSIONS:
        return Verdict(False, "declared", "precision", f"{chip.title} computes in integers only: quantize the model")
    return None


@define
class _Inquiry:
    """The questions about one model."""

    model: Model
    chip: Chip
    left: int
    notes: dict[str, None] = Factory(dict)

    def settled(self, units: list[str]) -> dict[str, Verdict]:
        """The verdict on each of these units."""
        verdicts: dict[str, Verdict] = {}
        pending = list(units)
        while pending:
            if self.left <= 0:
                return verdicts | dict.fromkeys(pending, _UNASKED)
            answer = self._ask(pending)
            verdicts.update(answer.refused)
            pending = [unit for unit in pending if unit not in answer.refused]
            if answer.failure:
                return verdicts | self._halves(pending, answer.failure)
            if not answer.refused:
                return verdicts | {unit: self._taken(answer.rows.get(unit, ())) for unit in pending}
        return verdicts

    def _halves(self, pending: list[str], failure: str) -> dict[str, Verdict]:
        if len(pending) == 1:
            return {pending[0]: _refused(failure)}
        middle = len(pending) // 2
        halves = self.settled(pending[:middle]) | self.settled(pending[middle:])
        taken = [unit for unit in pending if halves[unit].supported]
        if len(taken) == len(
            pending
        ):  # each half alone, but not both: the last unit that can be added is where it ends
            return halves | {self._last_straw(pending): _refused(failure)}
        return halves | (self.settled(taken) if taken else {})

    def _last_straw(self, pending: list[str]) -> str:
        """The first unit with which those before it do not build."""
        low, high = len(pending) // 2, len(pending)
        while high - low > 1 and self.left > 0:
            middle = (low + high) // 2
            answer = self._ask(pending[:middle])
            low, high = (low, middle) if answer.failure or answer.refused else (middle, high)
        return pending[high - 1]

    def _ask(self, units: Sequence[str]) -> _Answer:
        self.left -= 1
        try:
            whole = len(units) == len(self.model.units)
            part = self.model if whole else self.model.slice(units, self.model.name)
            bad = {edge.unit: Verdict(False, "declared", edge.code, edge.reason) for edge in graph.edges(part)}
            if bad:
                return _Answer(refused=bad)
            made = graph.build(part, invent_weights=True)
        except InvalidModel as error:
            return _Answer(failure=str(error))
        answer = _built(made, part, self.chip)
        self.notes.update(dict.fromkeys((*made.notes, *answer.notes)))
        return answer

    def _taken(self, rows: tuple[logs.Row, ...]) -> Verdict:
        if not rows:
            return Verdict(
                True, "probed", reason="the compiler joins it with a neighbour or computes it beforehand", cost_us=0.0
            )
        what = ", ".join(dict.fromkeys(f"{row.op_type} in {row.dtype} on the {_PLACES[row.place]}" for row in rows))
        cycles = sum(row.cycles for row in rows)
        cost = cycles / self.chip.mhz if cycles and self.chip.mhz else None
        return Verdict(True, "probed", reason=f"the compiler makes of it {what[:200]}", cost_us=cost)


_PLACES = {"NPU": "NPU", "CPU": "chip's CPU", "GPU": "chip's GPU"}
_UNASKED = Verdict(
    None, "probed", "probe-failed", f"the compiler was not asked: {MOST} builds were not enough for the model"
)


def _refused(failure: str) -> Verdict:
    return Verdict(False, "probed", logs.code_of(failure), f"rknn-toolkit2 was asked and refused: {failure}")


def _built(made: graph.Graph, part: Model, chip: Chip) -> _Answer:
    """Build a graph and read what the compiler says of it."""
    with bench() as toolkit:
        file = toolkit.folder / "asked.onnx"
        write_whole(file, made.data)
        try:
            outcome = toolkit.build(Job(file, chip.platform))
        except ToolkitDied as error:
            said = "" if error.endless else f"; the last that it said: {logs.complaint('', toolkit.log())}"
            return _Answer(failure=made.translated(f"{error}{said}"))
    if outcome.error:
        return _failed(made, outcome.error, outcome.log)
    odd = dict(_odd_shapes(made, part, outcome.log))
    return _Answer(_rows(made, outcome.log), logs.left_out(outcome.left_out), refused=odd)


def _failed(made: graph.Graph, error: str, log: str) -> _Answer:
    sentence = logs.complaint(error, log)
    units = made.named(sentence)
    told = made.translated(sentence)
    return _Answer(refused={units[0]: _refused(told)}) if units else _Answer(failure=told)


def _rows(made: graph.Graph, log: str) -> dict[str, tuple[logs.Row, ...]]:
    rows: dict[str, tuple[logs.Row, ...]] = {}
    for row in logs.table(log):
        for unit in made.named(row.name)[:1]:
            rows[unit] = (*rows.get(unit, ()), row)
    return rows


def _odd_shapes(made: graph.Graph, part: Model, log: str) -> Iterator[tuple[str, Verdict]]:
    """Units whose outputs the compiler has in another shape than the model: it took something for constant."""
    shapes = {made.names.get(name, name): shape for name, shape in logs.results(log).items()}
    for info in part.outputs:
        said, wanted = shapes.get(info.name), f"({','.join(map(str, info.shape or ()))})"
        if said is None or said == wanted or (said, wanted) == ("(1)", "()") or info.name not in part.producers:
            continue
        unit = part.units[part.producers[info.name]]
        reason = f"rknn-toolkit2 makes {info.name!r} in the shape {said}, not {wanted}"
        yield unit.id, Verdict(False, "probed", "probe-failed", reason)
