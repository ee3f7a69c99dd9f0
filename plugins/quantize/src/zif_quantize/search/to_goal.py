"""From a float model, calibration data and a goal for accuracy to the least costly mix of precisions that meets it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zif import UsageError

from zif_quantize.assign import FLOAT
from zif_quantize.auto import auto_quantize
from zif_quantize.calibration.holdout import Split, split_samples, spread
from zif_quantize.calibration.ranges import calibrate, extended, needs_histograms
from zif_quantize.measure import Judge
from zif_quantize.ort.libraries import knowing
from zif_quantize.recipes import Recipe, check_known, recipe
from zif_quantize.rewrites.prepare import prepare
from zif_quantize.rules import prepared_by
from zif_quantize.search.goal import AccuracyGoal
from zif_quantize.search.mixed import LEVELS, Mixed, mixed_precision

if TYPE_CHECKING:
    from zif.plugin import Function, Progress, Sample, Source

    from zif_quantize.calibration.folds import Folds
    from zif_quantize.calibration.ranges import Ranges
    from zif_quantize.rules import Rules

#: On so many samples a candidate is measured: an emulator takes up to seconds for one.
MEASURED = 8
#: From so many samples on there are enough to set those that choose a mix and those that it is held against aside.
ENOUGH = 12


@knowing
def quantize_to_goal(
    source: Source,
    samples: Iterable[Sample],
    goal: AccuracyGoal | str,
    *,
    target: str = "",
    function: Function | str | None = None,
    method: str = "auto",
    shapes: Mapping[str, Sequence[int]] | None = None,
    levels: Sequence[str] = LEVELS,
    rules: Rules = None,
    custom_ops: Sequence[str | Path] | str | Path = (),  # noqa: ARG001 - `knowing` hands it on
    progress: Progress | None = None,
    **options: Any,
) -> Mixed:
    """Calibrate, choose a recipe for each precision, and search the least costly mix that meets `goal`.

    samples: inputs by name, as for `zif.quantize`. Where there are enough of them, candidates are measured on some that
    calibration has not seen, and the one that is chosen once more on others, which the search has not seen either;
    where there are few, on those that are held out of calibration, and that is all. A goal for the ratio is met when
    those others meet it, too. The model has the ranges of all samples in the end. goal: "SQNR=35" or an AccuracyGoal.
    function: gives the metric, a callable or "FILE.py:NAME". method: as for `zif.quantize`; "auto" takes for each
    precision the recipe that is best on the CPU reference. rules, custom_ops: as for `zif.quantize`.
    options: those of
    `mixed_precision` (policy, cost, most, on_reference, only, …). Raises UsageError, InvalidInput and InvalidModel.
    """
    from zif.plugin import resolved

    wanted = AccuracyGoal.parse([goal]) if isinstance(goal, str) else goal
    call = None if function is None else resolved(function)
    if wanted.metric is not None and call is None:
        raise UsageError("a goal for the metric needs the function that gives it: --eval FILE.py:FUNCTION")
    model = prepare(source, shapes, rules=rules, target=target, only=options.get("only") or ())
    split = split_samples(samples if isinstance(samples, Sequence) else list(samples))
    measured, fresh = measuring(split)
    for part in (measured, fresh):
        Judge(model, part)  # a sample that is wrong is told before the work
    seen = split.calibration if fresh else split.rest
    recipes, ranges = _recipes(model, seen, levels, method, progress)
    unseen = [part for part in (split.choosing if fresh else (), split.held) if part]

    def everything() -> Ranges:
        fitted = ranges
        for part in unseen:
            fitted = extended(fitted, model, part, progress)
        return fitted

    return mixed_precision(
        model,
        ranges,
        measured,
        wanted,
        target=target,
        levels=recipes,
        function=call,
        progress=progress,
        fresh=fresh,
        final=everything,
        **options,
    )


def measuring(split: Split) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """The samples that candidates are measured on, and those that the chosen one is measured on once more, if any."""
    if len(split.samples) >= ENOUGH:
        return spread(split.choosing, MEASURED), split.held
    return split.held or split.calibration, ()


def _recipes(
    model: Any, samples: Sequence[Sample], levels: Sequence[str], method: str, progress: Progress | None
) -> tuple[dict[str, Recipe | str], Ranges]:
    """What each precision stands for, and the ranges that all of them share."""
    for level in levels:
        check_known(level, FLOAT)
    quantized = [level for level in levels if level != FLOAT]
    if not quantized:
        raise UsageError(f"of the precisions {', '.join(levels)} none is quantized")
    recipes: dict[str, Recipe | str] = dict.fromkeys(levels, FLOAT)
    if method != "auto":
        recipes |= {level: recipe(level, prepared_by(model), method=method) for level in quantized}
        return recipes, calibrate(model, samples, needs_histograms([method]), progress)
    folds: Folds | None = None
    for level in quantized:
        made = auto_quantize(model, samples, level, progress=progress, folds=folds, free=False)
        recipes[level], folds = made.recipe, made.folds
    assert folds is not None
    return recipes, folds.everything
