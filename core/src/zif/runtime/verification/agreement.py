"""Outputs of a whole model held against the judge's, on the same inputs: nearly free beside an emulator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from zif.errors import BackendUnavailable
from zif.model.compiled_units import elsewhere
from zif.runtime.measures import Figures
from zif.runtime.verification.floor import computes_in, floor
from zif.runtime.verification.judge import Judge
from zif.runtime.verification.record import TensorCheck, Word, furthest, gravest
from zif.runtime.verification.tallies import Beside, gates

if TYPE_CHECKING:
    from zif.model import Model
    from zif.planning import Plan
    from zif.runtime.session import Session


@frozen
class Agreement:
    """How far outputs are from those of a judge, by name; `judge` names who computed these.

    precision is the coarsest that the plan computes in, and `checks` has beside each output's figures what that must
    cost.
    """

    judge: tuple[str, ...]
    precision: str
    outputs: Mapping[str, Figures]
    checks: tuple[TensorCheck, ...]

    @property
    def word(self) -> Word:
        """The gravest word for an output."""
        return gravest(self.checks, self.precision)

    @property
    def worst(self) -> TensorCheck | None:
        """The output that lies furthest below what the precision costs."""
        return furthest(self.checks, self.precision)


class OutputJudge:
    """Holds a plan's outputs against a judge's. It keeps up to two sessions on the CPU open: `close` it.

    Raises ZifError where nothing can judge.
    """

    def __init__(self, model: Model, plan: Plan) -> None:
        if why := elsewhere(model):
            raise BackendUnavailable(why)
        judge = Judge.installed()
        self.judge = tuple(judge.options)
        self.precision = coarsest(plan, judge)
        self._model, self._rounds = model, judge.session
        self._right = judge.session(model)
        self._gates = gates(model)
        self._least: Session | None = None

    def doubted(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
        """The judge's outputs where these are not as near to them as rounding outputs alone leaves them; else none.

        It takes half of the work of `judged`, which says what the doubtful ones are.
        """
        beside, right = Beside(self._gates), self._right.run(inputs)
        beside.add(right, outputs, right, right)
        return {} if gravest(beside.rows(), self.precision) == "right" else right

    def judged(self, runs: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> tuple[Agreement, dict[str, Any]]:
        """The outputs of some runs, each with its inputs, beside the judge's; and the judge's of the last run."""
        beside, right = Beside(self._gates), dict[str, Any]()
        for inputs, outputs in runs:
            right = self._right.run(inputs)
            beside.add(right, outputs, self._rounded().run(inputs), right)
        return Agreement(self.judge, self.precision, beside.figures(), tuple(beside.rows())), right

    def _rounded(self) -> Session:
        if self._least is None:
            self._least = self._rounds(floor(self._model, self.precision))
        return self._least

    def close(self) -> None:
        """Close its sessions. May be called twice."""
        for session in (self._right, self._least):
            if session is not None:
                session.close()


def agreement(model: Model, plan: Plan, runs: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> Agreement:
    """The outputs of some runs, each with its inputs, beside the judge's. Raises ZifError where nothing can judge."""
    judge = OutputJudge(model, plan)
    try:
        return judge.judged(runs)[0]
    finally:
        judge.close()


def coarsest(plan: Plan, judge: Judge) -> str:
    """The coarsest precision that a backend of the plan computes in which is no judge: "int8" before "fp16"."""
    from zif.backends import registry
    from zif.backends.deadline import deadline
    from zif.backends.survey import open_and_ask
    from zif.targets import target

    chip, kinds = target(plan.target), []
    rows = {row.name: row for row in registry.installed()}
    for segment in plan.segments:
        if segment.backend not in judge.options and segment.backend in rows:
            general = open_and_ask(rows[segment.backend], chip, deadline())[1]
            kinds.append(computes_in(general, chip, (plan.unit(unit).precision for unit in segment.units)))
    order = ("int4", "int8", "int16", "bf16", "fp16")
    return next((kind for kind in order if kind in kinds), "fp32")
