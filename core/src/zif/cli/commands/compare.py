"""`zif compare`: two things on the same inputs, how far they are apart, and where it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from zif.cli import options
from zif.cli.options import JsonOption
from zif.errors import UsageError

if TYPE_CHECKING:
    from zif.evaluation.accuracy import Function, Goal
    from zif.evaluation.comparison import Comparison, Side

_WHAT = "An ONNX file or a bundle, then @ and a target, backends, or both: m.onnx@some-chip,my_npu"


@options.fed
def command(
    a: Annotated[str, typer.Argument(metavar="A[@WHERE]", help=_WHAT, show_default=False)],
    b: Annotated[str, typer.Argument(metavar="B[@WHERE]", help="What is held against A.", show_default=False)],
    feed: options.FeedOptions,
    calibration: Annotated[
        Path | None,
        typer.Option("--calibration", "-c", metavar="DIR|NPZ|LIST", help="Sets of inputs, as for zif quantize."),
    ] = None,
    samples: Annotated[int, typer.Option("--samples", min=0, help="Use so many of the inputs; 0: all.")] = 0,
    target: Annotated[str, typer.Option("--target", "-t", help="The target of both, where they name none.")] = "",
    target_a: Annotated[str, typer.Option("--target-a", help="The target of A.")] = "",
    target_b: Annotated[str, typer.Option("--target-b", help="The target of B.")] = "",
    policy: options.PolicyOption = "balanced",
    shape: options.ShapeOption = [],  # noqa: B006
    custom_ops: options.CustomOption = [],  # noqa: B006
    outputs_only: Annotated[bool, typer.Option("--outputs-only", help="Do not look at inner tensors.")] = False,
    group: Annotated[
        int, typer.Option("--group", min=0, help="Read at most so many inner tensors in one run; 0: what fits.")
    ] = 0,
    worst: Annotated[int, typer.Option("--worst", min=0, help="Show so many inner tensors, the worst first.")] = 10,
    min_sqnr: Annotated[
        float | None, typer.Option("--min-sqnr", metavar="DB", help="Exit 1 when an output is below.")
    ] = None,
    function: Annotated[
        str, typer.Option("--eval", metavar="FILE.py:FUNCTION", help="Let a function judge the sessions of both, too.")
    ] = "",
    goal: Annotated[
        str | None, typer.Option("--goal", metavar="NUMBER", help="Exit 1 when its number for B misses it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run two things on the same inputs: how far B is from A, tensor by tensor, and where the error starts."""
    from zif.cli.inputs import note_folder
    from zif.cli.views import terminal
    from zif.cli.views.progress import working
    from zif.evaluation.comparison import side

    shapes = options.shapes(shape)
    judge = _Judge.of(function, goal)
    note_folder(calibration, feed.preprocess)
    with working(f"reading {a} and {b}") as told:
        sides = ((a, target_a), (b, target_b))
        first, other = (side(source, own or target, shapes, policy, custom_ops) for source, own in sides)
        if shapes and first.model is None and other.model is None:
            raise UsageError("--shape is for models: the shapes of a bundle were settled when it was compiled")
        if calibration and feed.chosen:
            raise UsageError("--calibration goes without --input, --input-list and --random")
        extras = {"intermediates": not outputs_only, "group": group, "progress": told}
        comparison = _compare(first, other, _Inputs(feed, calibration, samples), extras)
        if judge:
            told(f"{function} judges both")
        values = judge.values(first, other) if judge else None
    if as_json:
        terminal.document("compare", comparison.to_json() | {"min_sqnr_db": min_sqnr, "eval": values})
    else:
        from zif.cli.views.compare import show

        show(comparison, worst)
        if values:
            terminal.say(f"{function}: {values['a']:g} for A, {values['b']:g} for B")
    if not (_close_enough(comparison, min_sqnr) and (judge is None or judge.met(values))):
        raise typer.Exit(1)


class _Inputs(NamedTuple):
    """Where the sets of inputs come from, and how many of them are used (0: all)."""

    feed: options.FeedOptions
    calibration: Path | None
    most: int

    def sets(self, known: Any) -> Sequence[Any]:
        """The sets of inputs for what `known` takes, which are read when they are needed."""
        if self.calibration is not None:
            from zif.inputs import parse
            from zif.inputs.samples import samples_of

            images = parse(self.feed.preprocess) if self.feed.preprocess else None
            return samples_of(self.calibration, known, images)[: self.most or None]
        from zif.cli.inputs import feeds

        fed = feeds(self.feed, known.inputs, known.optional_inputs)
        return [feed.read for feed in fed[: self.most or None]]


def _compare(a: Side, b: Side, inputs: _Inputs, options: Mapping[str, Any]) -> Comparison:
    """Feed both: by A's inputs, or B's where A is a bundle whose inputs are not known before it is opened."""
    import attrs

    from zif.evaluation import comparison

    known = a.model or b.model
    if known is None:
        with a.open(options["progress"]) as session:
            a = attrs.evolve(a, session=session)
            return comparison.compare(a, b, inputs.sets(session), **options)
    return comparison.compare(a, b, inputs.sets(known), **options)


class _Judge(NamedTuple):
    """The function of --eval and the bound of --goal."""

    function: Function
    goal: Goal | None

    @classmethod
    def of(cls, function: str, goal: str | None) -> _Judge | None:
        from zif.evaluation.accuracy import Goal, resolved

        if goal is not None and not function:
            raise UsageError("--goal is for the number of --eval; --min-sqnr is the bound for the outputs")
        return cls(resolved(function), Goal.parse(goal) if goal is not None else None) if function else None

    def values(self, a: Side, b: Side) -> dict[str, float]:
        """Its numbers for both."""
        from zif.evaluation.accuracy import score

        scores = {}
        for name, side in (("a", a), ("b", b)):
            session = side.open()
            try:
                scores[name] = score(self.function, session)
            finally:
                side.close(session)
        return scores

    def met(self, values: Mapping[str, float] | None) -> bool:
        """Whether B is good enough; says so when it is not."""
        from zif.cli.views import terminal

        if self.goal is None or values is None or self.goal.met(values["b"]):
            return True
        terminal.note(f"the goal is missed: {values['b']:g} is not {self.goal}")
        return False


def _close_enough(comparison: Comparison, least: float | None) -> bool:
    """Whether every output reaches the bound; says so when one does not."""
    from zif.cli.views import terminal

    if least is None:
        return True
    told = [
        f"{output.name!r} has {output.figures.not_finite} values that are finite on one side only"
        if output.figures.not_finite
        else f"{output.name!r} has {output.figures.sqnr_db:.1f} dB"
        for output in comparison.below(least)
    ]
    if told:
        terminal.note(f"--min-sqnr {least:g} is missed: {', '.join(told)}")
    return not told
