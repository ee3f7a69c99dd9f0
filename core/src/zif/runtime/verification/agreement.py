"""Outputs of a whole model held against the judge's, on the same inputs: nearly free beside an emulator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from zif.errors import BackendUnavailable
from zif.model.elsewhere import elsewhere
from zif.runtime.measures import Figures
from zif.runtime.verification.beside import Beside
from zif.runtime.verification.floor import computes_in, floor
from zif.runtime.verification.judge import Judge
from zif.runtime.verification.record import TensorCheck, Word, furthest, gravest

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
    """Holds a plan's outputs against a judge's. It keeps two sessions on the CPU open: `close` it.

    Raises ZifError where nothing can judge.
    """

    def __init__(self, model: Model, plan: Plan) -> None:
        if why := elsewhere(model):
            raise BackendUnavailable(why)
        judge = Judge.installed()
        self.judge = tuple(judge.options)
        self.precision = coarsest(plan, judge)
        self._right = judge.session(model)
        try:
            self._least: Session = judge.session(floor(model, self.precision))
        except BaseException:
            self._right.close()
            raise

    def judged(self, runs: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> tuple[Agreement, dict[str, Any]]:
        """The outputs of some runs, each with its inputs, beside the judge's; and the judge's of the last run."""
        beside, right = Beside(), dict[str, Any]()
        for inputs, outputs in runs:
            right = self._right.run(inputs)
            beside.add(right, outputs, self._least.run(inputs), right)
        return Agreement(self.judge, self.precision, beside.figures(), tuple(beside.rows())), right

    def close(self) -> None:
        """Close both sessions. May be called twice."""
        self._right.close()
        self._least.close()


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
