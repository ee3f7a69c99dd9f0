"""Two readings of the same models: what moved, and what of it is worse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from attrs import frozen

from zif.errors import UsageError
from zif.evaluation.drift.reading import Kept, Reading, plan_of
from zif.files.wording import listed, size, things
from zif.planning.changes.difference import PlanDiff, VerdictChange, diff
from zif.runtime.measures import Figures, Tally

#: What may grow unless the caller says otherwise, as a share; and how close outputs have to stay, in dB.
THRESHOLD, LEAST_DB = 0.05, 40.0
#: Of integers, booleans and text, so many may be others.
_OTHERS = 0.01


@frozen
class OutputDrift:
    """An output of the new side against the old side's, over every set. other: why that cannot be; "" when it can."""

    name: str
    figures: Figures
    other: str = ""

    @property
    def same(self) -> bool:
        """Whether not one value differs."""
        f = self.figures
        exact = f.agreement in (None, 1.0) if f.max_abs is None else not f.max_abs
        return exact and not f.not_finite and not self.other


@frozen
class ModelDrift:
    """One model. plan: None where a side has no plan. bytes: of artifacts by backend, (old, new), None for not known.

    failure: (old, new), why it was not built or run. worse: a sentence for each thing that is worse than was allowed.
    """

    model: str
    plan: PlanDiff | None
    bytes: Mapping[str, tuple[int | None, int | None]]
    outputs: tuple[OutputDrift, ...]
    failure: tuple[str, str]
    worse: tuple[str, ...] = ()

    @property
    def moved(self) -> bool:
        """Whether anything is not as it was."""
        grown = any(a != b for a, b in self.bytes.values() if a is not None and b is not None)
        planned = self.plan is not None and not self.plan.same
        failed = self.failure[0] != self.failure[1]
        return planned or grown or failed or any(not output.same for output in self.outputs)


@frozen
class Drift:
    """All models. old, new: whose; threshold: what may grow, as a share; least_db: how close outputs have to be."""

    old: str
    new: str
    target: str
    models: tuple[ModelDrift, ...]
    threshold: float
    least_db: float

    @property
    def worse(self) -> bool:
        """Whether anything is worse than was allowed."""
        return any(model.worse for model in self.models)

    @property
    def moved(self) -> bool:
        """Whether anything is not as it was."""
        return any(model.moved for model in self.models)

    def to_json(self) -> dict[str, Any]:
        """The document `zif.drift/1`; ratios that are infinite are for its writer to turn into null."""
        return {
            "schema": "zif.drift/1",
            "old": self.old,
            "new": self.new,
            "target": self.target,
            "threshold": self.threshold,
            "min_sqnr_db": self.least_db,
            "moved": self.moved,
            "worse": self.worse,
            "models": [_row(model) for model in self.models],
        }


def compared(old: Kept, new: Kept, target: str, threshold: float, least_db: float) -> Drift:
    """Hold the new readings against the old ones, model by model. Raises UsageError where no model is in both."""
    pairs = [(before, after) for after in new.readings if (before := old.of(after.model)) is not None]
    if not pairs:
        a, b = (listed((reading.model for reading in side.readings), 4) or "none" for side in (old, new))
        raise UsageError(f"{old.source} and {new.source} have no model in common: {a}; {b}")
    models = tuple(_model(old, new, *pair, threshold, least_db) for pair in pairs)
    return Drift(old.source, new.source, target, models, threshold, least_db)


def _model(old: Kept, new: Kept, before: Reading, after: Reading, threshold: float, least_db: float) -> ModelDrift:
    plans = plan_of(before, old.source), plan_of(after, new.source)
    if plans[0] is not None and plans[1] is not None and plans[0].digest != plans[1].digest:
        raise UsageError(
            f"{after.model} is another model in {old.source} (its digest differs): a drift of toolchains is told for "
            "the same model; keep it anew, or give the file that was kept"
        )
    model_drift = ModelDrift(
        model=after.model,
        plan=diff(plans[0], plans[1], threshold) if plans[0] is not None and plans[1] is not None else None,
        bytes=_bytes(before, after),
        outputs=tuple(_outputs(old, new, before, after)),
        failure=(before.failure, after.failure),
    )
    return attrs.evolve(model_drift, worse=tuple(_worse(model_drift, threshold, least_db)))


def _bytes(before: Reading, after: Reading) -> dict[str, tuple[int | None, int | None]]:
    names = dict.fromkeys((*(before.bytes or {}), *(after.bytes or {})))
    return {name: (_of(before, name), _of(after, name)) for name in names}


def _of(reading: Reading, backend: str) -> int | None:
    """What a backend's artifacts take: nothing where it has none, None where nothing was built."""
    return None if reading.bytes is None else reading.bytes.get(backend, 0)


def _outputs(old: Kept, new: Kept, before: Reading, after: Reading) -> Iterator[OutputDrift]:
    tallies = {name: Tally() for name in before.outputs if name in after.outputs}
    other: dict[str, str] = {}
    for number in range(min(before.sets, after.sets) if tallies else 0):
        a, b = old.arrays(before, "outputs", number), new.arrays(after, "outputs", number)
        for name in [tally for tally in tallies if tally not in other]:
            try:
                tallies[name].add(a[name], b[name])
            except ValueError as error:
                other[name] = f"its shapes differ: {error}"
    for name, tally in tallies.items():
        yield OutputDrift(name, tally.figures(), other.get(name, ""))


def _worse(model_drift: ModelDrift, threshold: float, least_db: float) -> Iterator[str]:
    if model_drift.failure[1] and not model_drift.failure[0]:
        yield model_drift.failure[1]
    if model_drift.plan is not None:
        yield from map(_lost, filter(_is_lost, model_drift.plan.verdicts))
        yield from model_drift.plan.regressions
    for backend, (a, b) in model_drift.bytes.items():
        if a and b and b > a * (1 + threshold):
            growth = f"+{100 * (b / a - 1):.1f} %; {100 * threshold:g} % allowed"
            yield f"the artifacts of {backend} take {size(b)} instead of {size(a)} ({growth})"
    for output in model_drift.outputs:
        yield from _further(output, least_db)


def _is_lost(change: VerdictChange) -> bool:
    return bool(change.supported[0]) and not change.supported[1]


def _lost(change: VerdictChange) -> str:
    units = f"{things(len(change.units), 'unit')} ({listed(change.units, 3)})"
    return f"{change.backend} no longer takes {units} [{change.code[1]}, {change.basis[1]}]: {change.reason}"


def _further(output_drift: OutputDrift, least_db: float) -> Iterator[str]:
    f = output_drift.figures
    if output_drift.other:
        yield f"output {output_drift.name}: {output_drift.other}"
    elif f.not_finite:
        yield f"output {output_drift.name}: {things(f.not_finite, 'value')} finite on one side only"
    elif f.sqnr_db is not None and f.sqnr_db < least_db:
        yield f"output {output_drift.name}: {f.sqnr_db:.1f} dB between old and new ({least_db:g} dB asked)"
    elif f.agreement is not None and f.max_abs is None and 1 - f.agreement > _OTHERS:
        yield f"output {output_drift.name}: {1 - f.agreement:.1%} of its elements are others"


def _row(model_drift: ModelDrift) -> dict[str, Any]:
    return {
        "model": model_drift.model,
        "moved": model_drift.moved,
        "worse": list(model_drift.worse),
        "failure": {"old": model_drift.failure[0], "new": model_drift.failure[1]},
        "bytes": {name: {"old": a, "new": b} for name, (a, b) in model_drift.bytes.items()},
        "outputs": [
            {"name": row.name, "same": row.same, "other": row.other, **attrs.asdict(row.figures)}
            for row in model_drift.outputs
        ],
        "plan": None if model_drift.plan is None else model_drift.plan.to_json(),
    }


__all__ = ["LEAST_DB", "THRESHOLD", "Drift", "ModelDrift", "OutputDrift", "compared"]
