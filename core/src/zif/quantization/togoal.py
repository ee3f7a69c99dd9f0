"""From a float model, calibration data and a goal for accuracy to the least costly mix of precisions that meets it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zif.errors import UsageError
from zif.quantization.assign import FLOAT
from zif.quantization.auto import auto_quantize, split, spread
from zif.quantization.goal import AccuracyGoal
from zif.quantization.mixed import LEVELS, Mixed, mixed_precision
from zif.quantization.prepare import prepare
from zif.quantization.recipe import Recipe, recipe

if TYPE_CHECKING:
    from zif.arguments import Progress, Source
    from zif.evaluating import Function
    from zif.quantization.calibration import Ranges
    from zif.quantization.samples import Sample

#: On so many samples a candidate is measured: an emulator takes up to seconds for one.
MEASURED = 8


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
    progress: Progress | None = None,
    **options: Any,
) -> Mixed:
    """Calibrate, choose a recipe for each precision, and search the least costly mix that meets `goal`.

    samples: inputs by name; some are held out to measure on. goal: "SQNR=35" or an AccuracyGoal. function: gives the
    metric, a callable or "FILE.py:NAME". method: as for `zif.quantize`; "auto" takes for each precision the recipe that
    is best on the CPU reference. options: those of `mixed_precision` (policy, cost, most, on_reference, only, …).
    Raises UsageError, InvalidInput and InvalidModel.
    """
    from zif.evaluating import resolved

    wanted = AccuracyGoal.parse([goal]) if isinstance(goal, str) else goal
    call = None if function is None else resolved(function)
    if wanted.metric is not None and call is None:
        raise UsageError("a goal for the metric needs the function that gives it: --eval FILE.py:FUNCTION")
    model, given = prepare(source, shapes), samples if isinstance(samples, Sequence) else list(samples)
    recipes, ranges = _recipes(model, given, levels, method, progress)
    calibration, held = split(given)
    measured = spread(held or calibration, MEASURED)
    return mixed_precision(
        model, ranges, measured, wanted, target=target, levels=recipes, function=call, progress=progress, **options
    )


def _recipes(
    model: Any, samples: Sequence[Sample], levels: Sequence[str], method: str, progress: Progress | None
) -> tuple[dict[str, Recipe | str], Ranges]:
    """What each precision stands for, and the ranges that all of them share."""
    found: dict[str, Recipe | str] = {}
    ranges: Ranges | None = None
    for level in levels:
        if level == FLOAT:
            found[level] = FLOAT
            continue
        base = recipe(level) if method == "auto" else recipe(level, method=method)
        made = auto_quantize(model, samples, base, search=method == "auto", progress=progress, ranges=ranges)
        found[level], ranges = made.recipe, made.ranges
    if ranges is None:
        raise UsageError(f"of the precisions {', '.join(levels)} none is quantized")
    return found, ranges
