"""How far a session's outputs are from another's, and whether a judge finds them wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from math import isinf
from typing import TYPE_CHECKING, Any

from attrs import frozen

from zif.errors import InvalidInput, WrongResult, ZifError
from zif.runtime.measures import Figures, Tally
from zif.runtime.verification.agreement import OutputJudge
from zif.runtime.verification.samples import made_samples
from zif.runtime.verification.watching import sentence

if TYPE_CHECKING:
    from zif.model import Model
    from zif.runtime.session import Session
    from zif.runtime.verification.bench import Sample

#: How many samples are compared of many.
MOST = 8


@frozen
class Differing:
    """The figures of each output, the first session's as the signal; `wrong` where a judge refuses the second's.

    unjudged: why nobody has judged; "" where somebody has, or nobody needs to.
    """

    figures: Mapping[str, Figures]
    wrong: WrongResult | None = None
    unjudged: str = ""


def differing(
    first: Session, second: Session, model: Model, samples: Sequence[Sample] | None, told: Callable[[str], None]
) -> Differing:
    """Run both on the samples, or on values that are made. Raises ZifError where either cannot run.

    Where no values can be made, nothing is compared, and `unjudged` says why.
    """
    try:
        sets = list(samples[:MOST]) if samples else made_samples(model)
    except InvalidInput as error:
        return Differing({}, None, str(error))
    tallies: dict[str, Tally] = {}
    runs: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
    for number, sample in enumerate(sets, 1):
        told(f"comparing sample {number} of {len(sets)}")
        fed = sample() if callable(sample) else sample
        made = second.run(fed)
        _count(tallies, first.run(fed), made)
        runs.append((fed, made))
    figures = {name: tally.figures() for name, tally in tallies.items()}
    return _judged(figures, second, model, runs, told)


def _judged(
    figures: Mapping[str, Figures], second: Session, model: Model, runs: Sequence[Any], told: Callable[[str], None]
) -> Differing:
    told("holding it against the judge")
    try:
        judge = OutputJudge(model, second.plan)
    except ZifError as error:
        return Differing(figures, None, str(error))
    with closing(judge):
        if set(second.plan.backends) <= set(judge.judge):
            return Differing(figures)
        agreed, _ = judge.judged(runs)
    wrong = WrongResult(sentence(agreed)) if agreed.word in ("wrong", "unholdable") else None
    return Differing(figures, wrong)


def _count(tallies: dict[str, Tally], outputs: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    for name, value in outputs.items():
        if hasattr(value, "dtype") and hasattr(other.get(name), "dtype"):
            tallies.setdefault(name, Tally()).add(value, other[name])


def told(differing: Differing) -> str:
    """The figures in a sentence: "'y' differs by 61.2 dB SQNR, at most 0.0012"."""
    rows = [_row(name, figures) for name, figures in differing.figures.items()]
    return (
        "; ".join([*rows, *([f"not verified: {differing.unjudged}"] if differing.unjudged else [])])
        or "nothing to compare"
    )


def _row(name: str, figures: Figures) -> str:
    if figures.sqnr_db is None:
        return f"{100 * (figures.agreement or 0.0):.3g} % of {name!r} are equal"
    if isinf(figures.sqnr_db) and figures.sqnr_db > 0:
        return f"{name!r} is the same"
    return f"{name!r} differs by {figures.sqnr_db:.1f} dB SQNR, at most {figures.max_abs or 0.0:.3g}"
