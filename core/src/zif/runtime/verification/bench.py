"""The bench on which segments are tried: fed what is right at their border, and held against what comes out there.

The judge runs the whole model and shows what crosses between segments, so that each segment answers for itself alone
and not for those before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field, frozen

from zif.errors import BackendUnavailable, UsageError, ZifError
from zif.model.arguments import Progress
from zif.model.compiled_units import elsewhere
from zif.runtime.measures import is_float
from zif.runtime.verification.floor import computes_in, floor
from zif.runtime.verification.judge import Judge, showing
from zif.runtime.verification.record import SegmentCheck, TensorCheck, Verification, gravest
from zif.runtime.verification.samples import likelier, made_samples
from zif.runtime.verification.tallies import Beside, gates

if TYPE_CHECKING:
    from zif.model import Model
    from zif.planning import Plan
    from zif.planning.planner import Planner
    from zif.records import Executable
    from zif.runtime.session import Session
    from zif.runtime.session.step import Step

    Sample = Mapping[str, Any] | Callable[[], Mapping[str, Any]]

#: How many samples are used of many: each costs a run of the judge and of what is judged.
MOST = 8

#: After so many seconds on one segment it is believed when all that was tried of made samples was right: on an emulator
#: that takes ten seconds a run, three runs are most of what verifying costs.
PATIENCE_S = 5.0

#: What is right, by the name of each value, for each sample.
Values = Sequence[Mapping[str, Any]]


@frozen(eq=False)
class Piece:
    """Some units of a model on one backend, loaded: `run` gives their outputs from their inputs."""

    model: Model
    precision: str
    run: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@define
class Bench:
    """A model, its samples and a judge. `told` hears what is being done, `notes` holds what a record says of it."""

    planner: Planner
    samples: Sequence[Sample]
    judge: Judge
    told: Progress
    made: bool = False
    notes: list[str] = field(factory=list)

    @classmethod
    def of(
        cls,
        planner: Planner,
        samples: Sequence[Sample] | None = None,
        told: Progress | None = None,
        backends: Sequence[str] | None = None,
        judge: str = "",
    ) -> Bench:
        """A bench with the judge that is installed; without samples, on values that are made (see `made_samples`); of
        many samples the first MOST are used.

        backends: who will be tried; where all of them judge, no values are made. judge: a backend that is held to be
        right, whatever it computes in; "" for those that are. Raises BackendUnavailable where nothing can judge, as
        what was compiled elsewhere, BackendNotFound for a judge that is not there, InvalidInput where no values can be
        made, and UsageError for an empty sequence of samples.
        """
        if samples is not None and not len(samples):
            raise UsageError("there are no samples to verify with")
        if why := elsewhere(planner.model):
            raise BackendUnavailable(why)
        judging = Judge.named(judge, planner.target.name) if judge else Judge.installed()
        needed = backends is None or not set(backends) <= set(judging.options)
        sets = samples[:MOST] if samples is not None else made_samples(planner.model) if needed else []
        return cls(planner, sets, judging, told or (lambda _: None), samples is None)

    def result(self, plan: Plan, checks: Sequence[SegmentCheck]) -> Verification:
        """The record of what was found for a plan."""
        used = {*plan.backends, *self.judge.options}
        rows = {
            candidate.name: f"{candidate.distribution} {candidate.version}, {candidate.toolchain}"
            for candidate in plan.candidates
        }
        inputs = "values made from seeds" if self.made else "samples of the caller's"
        versions = {name: text for name, text in rows.items() if name in used}
        judge = tuple(self.judge.options)
        return Verification(
            plan.model, plan.target, len(self.samples), inputs, judge, tuple(checks), versions, tuple(self.notes)
        )

    def checks(self, steps: Iterable[Step]) -> list[SegmentCheck]:
        """Every segment held against the judge, but those of backends that judge. Raises what running raises."""
        self.notes = []
        tried = [step for step in steps if step.segment.backend not in self.judge.options]
        if not tried:
            return []
        values = self.values([name for step in tried for name in (*step.inputs, *step.outputs)])
        return [self._check(step, values) for step in tried]

    def values(self, names: Sequence[str]) -> Values:
        """What is right of these values, sample by sample; made samples that prove nothing are left out."""
        self.told("building the judge")
        rows = []
        with self.judge.session(showing(self.planner.model, names)) as session:
            for number, sample in enumerate(self.samples, 1):
                self.told(f"judging sample {number} of {len(self.samples)}")
                fed = sample() if callable(sample) else sample
                rows += [row] if (row := self._judged(session, fed)) else []
        if len(rows) < len(self.samples):
            self.notes.append(
                f"of {len(self.samples) - len(rows)} made samples the judge makes no numbers: give your own"
            )
        return rows

    def _judged(self, session: Session, sample: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What is right of one sample, or of one that is like it; None where no made one gives numbers."""
        row = {**sample, **session.run(sample)}
        if not self.made or self._is_sound(row):
            return row
        others = ({**fed, **session.run(fed)} for fed in likelier(self.planner.model, sample))
        return next(filter(self._is_sound, others), None)

    def _is_sound(self, row: Mapping[str, Any]) -> bool:
        """Whether what the model gives are numbers: who computes otherwise what is none is not wrong."""
        outputs = (row[info.name] for info in self.planner.model.outputs if info.name in row)
        return not any(is_float(value) and np.isnan(value.astype(np.float64)).any() for value in outputs)

    def piece(self, backend: str, units: Sequence[str], executable: Executable) -> Piece:
        """Units of the model whose executable on a backend is loaded."""
        model = self.planner.model.slice(units, f"{self.planner.model.name}-piece")
        names = tuple(info.name for info in (*model.inputs, *model.optional_inputs))
        outputs = tuple(info.name for info in model.outputs)
        return Piece(model, self._precision(backend, model), executable.run, names, outputs)

    def compare(
        self, piece: Piece, values: Values, enough: Callable[[int, list[TensorCheck]], bool] = lambda *_: False
    ) -> list[TensorCheck]:
        """A piece beside its rounded run, both held against what is right. Raises ZifError where either cannot run.

        enough: asked after each sample, with the number of those that were tried and the rows so far.
        """
        inner = frozenset(piece.outputs) - {info.name for info in self.planner.model.outputs}
        beside = Beside(gates(piece.model), inner if piece.precision == "fp16" else frozenset())
        with self.judge.session(floor(piece.model, piece.precision)) as least:
            for number, right in enumerate(values, 1):
                made = piece.run({name: right[name] for name in piece.inputs if name in right})
                beside.add(right, made, least.run({i.name: right[i.name] for i in least.inputs}), piece.outputs)
                if number < len(values) and enough(number, beside.rows()):
                    break
        return beside.rows()

    def _precision(self, backend: str, piece: Model) -> str:
        general = self.planner.participants.by_name[backend].capabilities
        return computes_in(general, self.planner.target, (unit.precision for unit in piece.units))

    def _check(self, step: Step, values: Values) -> SegmentCheck:
        segment = step.segment
        self.told(f"verifying segment {segment.id} on {segment.backend}")
        piece = self.piece(segment.backend, segment.units, step.executable)
        about = (segment.id, segment.backend, segment.kind, segment.units, piece.precision)
        begun = monotonic()

        def enough(number: int, rows: list[TensorCheck]) -> bool:
            spent, word = monotonic() - begun, gravest(rows, piece.precision)
            if not self.made or spent < PATIENCE_S or word != "right":
                return False
            self.notes.append(f"segment {segment.id}: right on {number} of {len(values)}, which took {spent:.0f} s")
            return True

        try:  # the last one made has ties, zeros and indices from the end, and tells most
            return SegmentCheck(*about, tuple(self.compare(piece, values[::-1] if self.made else values, enough)))
        except ZifError as error:
            return SegmentCheck(*about, (), str(error))


__all__ = ["Bench", "Piece", "Values"]
