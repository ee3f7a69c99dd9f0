"""`zif quantize --accuracy-goal`: a search for precisions instead of one precision for all units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from zif import UsageError

if TYPE_CHECKING:
    from zif.plugin import QuantizationRules

    from zif_quantize.search.mixed import Mixed

GoalOption = Annotated[
    list[str],
    typer.Option("--accuracy-goal", metavar="SQNR=DB|metric=N", help="Find the least costly mix that reaches this."),
]
EvalOption = Annotated[
    str, typer.Option("--eval", metavar="FILE.py:FUNCTION", help="Gives the metric: takes a session, returns a number.")
]
BudgetOption = Annotated[int, typer.Option("--max-candidates", min=3, help="Measure at most so many mixes.")]
CostOption = Annotated[
    str, typer.Option("--cost", help="latency or energy, as the plan predicts for --target, or bitops.")
]
SensitivityOption = Annotated[
    str, typer.Option("--sensitivity", help="Measure it on the target, or on the faster CPU reference.")
]
FrontierOption = Annotated[
    Path | None, typer.Option("--frontier", metavar="FILE.csv", help="Where every candidate is written.")
]


class Search(NamedTuple):
    """The options of a search. `fixed`: whether options were given that settle what the search is there to find."""

    goals: Sequence[str]
    function: str
    most: int
    cost: str
    sensitivity: str
    frontier: Path | None
    fixed: bool


def table_of(output: Path, frontier: Path | None) -> Path:
    """Where every candidate is written."""
    return frontier or output.with_name(f"{output.stem}.frontier.csv")


def script(function: str) -> Path | None:
    """The file of --eval."""
    file = function.rpartition(":")[0]
    return Path(file) if file else None


def reach(
    model: Path,
    output: Path,
    wanted: Search,
    data: Mapping[str, Any],
    shapes: Mapping[str, Sequence[int]],
    target: str,
    method: str,
    rules: str,
    encodings_format: str,
    as_json: bool,
) -> None:
    """Search, tell, and write the model if the goal is met; exit 1 if it is not."""
    from zif.plugin import export_encodings, write_text

    from zif_quantize.cli.saving import save
    from zif_quantize.rules import document as rules_document
    from zif_quantize.rules import wanted as rules_wanted

    _check(wanted)
    whose = rules_wanted(rules or None, target)
    search, calibration = _searched(model, wanted, data, shapes, target, method, whose.rules)
    rows = table_of(output, wanted.frontier)
    write_text(rows, search.csv())
    beside = save(search.model, export_encodings(search.model), output, encodings_format) if search.met else None
    document = {
        "model": str(model),
        "precision": "mixed",
        "rules": rules_document(whose),
        "target": target or None,
        "calibration": calibration | {"random": data["random"] is not None},
        "search": search.to_json(),
        "output": str(output) if search.met else None,
        "encodings": str(beside) if beside else None,
        "frontier": str(rows),
    }
    _tell(search, document, as_json)
    if not search.met:
        raise typer.Exit(1)


def _check(wanted: Search) -> None:
    if not wanted.goals:
        raise UsageError("--eval gives the metric of --accuracy-goal metric=…; `zif eval` judges one model")
    if wanted.fixed:
        raise UsageError(
            "--accuracy-goal searches precisions and recipes: leave out --precision, --unit, --encodings, --repair, "
            "--per-channel, --symmetric and --percentile"
        )
    if wanted.sensitivity not in ("target", "reference"):
        raise UsageError(f"--sensitivity {wanted.sensitivity}: must be target or reference")


def _searched(
    model: Path,
    wanted: Search,
    data: Mapping[str, Any],
    shapes: Mapping[str, Sequence[int]],
    target: str,
    method: str,
    rules: QuantizationRules,
) -> tuple[Mixed, dict[str, int]]:
    from zif.plugin import working

    from zif_quantize.calibration.holdout import split_samples
    from zif_quantize.calibration.sample_sources import calibration_samples, check_shapes
    from zif_quantize.rewrites.prepare import prepare
    from zif_quantize.search.goal import AccuracyGoal
    from zif_quantize.search.to_goal import measuring, quantize_to_goal

    goal = AccuracyGoal.parse(wanted.goals)
    with working(f"preparing {model.name}") as told:
        made = prepare(model, shapes, rules=rules)
        check_shapes(made)
        samples = calibration_samples(made, **data)
        options: dict[str, Any] = {
            "cost": wanted.cost,
            "most": wanted.most,
            "on_reference": wanted.sensitivity == "reference",
        }
        function = wanted.function or None
        search = quantize_to_goal(
            made, samples, goal, target=target, function=function, method=method, progress=told, **options
        )
    split = split_samples(samples)
    measured, fresh = (len(part) for part in measuring(split))
    unseen = measured if split.held else 0
    return search, {"samples": len(samples), "held_out": fresh, "chosen_on": measured, "chosen_unseen": unseen}


def _tell(mixed: Mixed, document: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        from zif.plugin import print_document as emit

        emit("quantize", document)
        return
    from zif.plugin import note, say

    from zif_quantize.cli.mixed_view import show
    from zif_quantize.cli.view import told_rules

    show(mixed)
    told_rules(document["rules"], document["target"])
    say(_measured(mixed, document["calibration"]))
    if mixed.met and set(mixed.chosen.counts) == {"float"}:
        note("no unit is quantized: nothing that reaches the goal costs less than float")
    if mixed.met:
        say(f"{document['output']}, encodings in {document['encodings']}, candidates in {document['frontier']}")
    else:
        note(f"no candidate reaches the goal, so no model is written; all are in {document['frontier']}")
    if document["calibration"]["random"]:
        note("calibrated and measured with random values: the figures say nothing about real inputs")


def _measured(mixed: Mixed, calibration: Mapping[str, int]) -> str:
    """On what the mixes were measured, and what the chosen one has on samples that did not choose it."""
    from zif.plugin import things, told_db

    from zif_quantize.search.to_goal import ENOUGH

    on = things(calibration["chosen_on"], "sample")
    if not calibration["chosen_unseen"]:
        return f"measured on the {on} that it was calibrated with"
    told = f"measured and chosen on {on} that calibration has not seen"
    if not mixed.fresh:
        return f"{told}; with {ENOUGH} samples or more the choice would be held against others"
    fresh, least = min(mixed.fresh.values()), mixed.goal.sqnr_db
    missed = f", less than the goal's {least:g} dB" if least is not None and fresh < least else ""
    return f"{told}; on {things(calibration['held_out'], 'other')}, that did not choose it: {told_db(fresh)}{missed}"
