"""Recipes held against each other by cross-validation: what each loses on samples that its ranges have not seen.

The recipe to beat takes weights per channel and ranges as observed, which is what everybody has. Another takes its
place when it is better by a margin; one that cuts values off has to be better by more than the figures are sure, since
what it loses on a sample that is louder than those at hand has no end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import attrs
from attrs import define, field, frozen

from zif_quantize.calibration.folds import Folds, dealt, judging
from zif_quantize.measure import Judge, Reference, ratios, spread, worst
from zif_quantize.recipes import Recipe, bits

if TYPE_CHECKING:
    import onnx
    from zif import Model
    from zif.plugin import Progress

    from zif_quantize.calibration.ranges import Ranges
    from zif_quantize.measure import Energies

#: By so many dB a recipe has to beat the one that stands.
MARGIN = 0.5
#: A recipe that is behind by this after some folds is not tried on the others.
BEHIND = 1.0
#: From so many samples on, recipes that cut values off take part.
ENOUGH = 8
#: How many times as wide as observed ranges are tried, one after the other while that helps, and if the first does not.
ROOMS, LESS_ROOM = (1.25, 1.5, 2.0), 1.1
#: What is taken where 8 bits did best with so much room: a fold that is left out needs more than ranges of all samples.
SETTLED = {1.1: 1.05, 1.25: 1.1, 1.5: 1.25, 2.0: 1.5}
#: Where a single sample says what ranges there are, they get this much room at once; 16 bits have steps to spare.
ALONE = {8: 1.1, 16: 1.5}
#: What the others start with: 16 bits have half a bit for all that samples have not shown, 8 bits spare a little where
#: there are few samples.
SPARE, SPARE_OF_FEW = {16: 1.5}, {8: 1.05, 16: 1.5}
#: On a target so many folds are run, each on so many samples: an emulator takes up to seconds for one.
FOLDS_ON_TARGET, SAMPLES_ON_TARGET = 2, 6


@frozen
class Trial:
    """One recipe that was measured: SQNR in dB per output, over samples that its ranges had not seen.

    spread: the standard error of the worst output's, in dB, over samples; infinite for a single one.
    """

    recipe: Recipe
    sqnr: Mapping[str, float]
    spread: float = math.inf
    smoothed: bool = False


@define(eq=False)
class Bench:
    """Recipes by what they lose on each fold, by a model that was calibrated with the others.

    make: the QDQ model of a recipe and ranges. target: on whose arithmetic; "" is the CPU reference. The samples to
    measure on are read at once, so that one that is wrong is told before the work.
    """

    model: Model
    samples: Sequence[Mapping[str, object]] = field(repr=False)
    make: Callable[[Recipe, Ranges], onnx.ModelProto]
    target: str = ""
    told: Progress = lambda _: None
    folds: Folds | None = None
    backends: tuple[str, ...] = ()
    emulated: tuple[str, ...] = ()
    judges: list[Judge] = field(init=False, repr=False)
    _rows: dict[Recipe, list[list[Energies]]] = field(factory=dict, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        dealt_samples = dealt(self.samples)
        if self.target:
            dealt_samples = dealt_samples[:FOLDS_ON_TARGET]
            self.judges = [
                Judge(self.model, judging(part, len(dealt_samples), SAMPLES_ON_TARGET)) for part in dealt_samples
            ]
        else:
            self.judges = [Judge(self.model, judging(part, len(dealt_samples))) for part in dealt_samples]

    @property
    def measured(self) -> int:
        """On how many samples recipes are measured."""
        return sum(len(judge.samples) for judge in self.judges)

    def rows(self, recipe: Recipe, folds: int) -> list[Energies]:
        """What a recipe loses per sample, on the first so many folds."""
        assert self.folds is not None
        done = self._rows.setdefault(recipe, [])
        while len(done) < folds:
            self.told(f"trying {describe(recipe)}" + (f", fold {len(done) + 1}" if len(self.judges) > 1 else ""))
            made = self.make(recipe, self.folds.without(len(done)))
            done.append(self._energies(self.judges[len(done)], made))
        return [row for fold in done[:folds] for row in fold]

    def _energies(self, judge: Judge, made: onnx.ModelProto) -> list[Energies]:
        if not self.target:
            return judge.energies(Reference(made))
        from zif_quantize.on_target import accelerated

        with accelerated(made, self.target) as session:
            self.backends, self.emulated = session.plan.backends, session.plan.emulated
            return judge.energies(session)

    def forget(self) -> None:
        """What was measured counts no more: the models that recipes make have changed."""
        self._rows.clear()

    def run(self, made: onnx.ModelProto) -> list[Energies]:
        """What a model loses on the first fold."""
        return self._energies(self.judges[0], made)

    def trial(self, recipe: Recipe) -> Trial:
        """A recipe on all folds."""
        rows = self.rows(recipe, len(self.judges))
        return Trial(recipe, ratios(rows), spread(rows, _worst))

    def trials(self) -> tuple[Trial, ...]:
        """Every recipe that was tried on all folds, or was behind before, in the order of trying."""
        rows = {line: [row for fold in done for row in fold] for line, done in self._rows.items()}
        return tuple(Trial(row, ratios(line), spread(line, _worst)) for row, line in rows.items())

    def beats(self, recipe: Recipe, best: Recipe, sure: float) -> bool:
        """Whether a recipe is better than another by the margin and so many times the standard error."""
        return _better(self, recipe, self, best, sure)


def surpasses(bench: Bench, other: Bench, recipe: Recipe) -> bool:
    """Whether a recipe is surely better on the model of one bench than on that of another."""
    return _better(bench, recipe, other, recipe, sure=1)


def _better(bench: Bench, recipe: Recipe, other: Bench, best: Recipe, sure: float) -> bool:
    for folds in range(1, len(bench.judges) + 1):
        theirs, ours = other.rows(best, folds), bench.rows(recipe, folds)
        if _gain(list(zip(ours, theirs, strict=True))) < -BEHIND:
            return False
    pairs = list(zip(ours, theirs, strict=True))
    doubt = sure * spread(pairs, _gain) if sure else 0.0
    return _gain(pairs) - doubt > MARGIN


def _worst(rows: Sequence[Energies]) -> float:
    return worst(ratios(rows))


def _gain(pairs: Sequence[tuple[Energies, Energies]]) -> float:
    """How many dB the worst output is better."""
    ours, theirs = (_worst([pair[place] for pair in pairs]) for place in (0, 1))
    return 0.0 if ours == theirs else ours - theirs


def chosen(bench: Bench, base: Recipe, any_weights: bool) -> Recipe:
    """The recipe of a precision: first how much room ranges get, then the weights, then other ways to find ranges.

    Of a single sample nothing can be learned about others: the recipe to beat it is then, with room.
    """
    width = bits(base.activation)
    if len(bench.samples) == 1:
        return roomy(base, ALONE.get(width, 1.0))
    spare = SPARE if len(bench.samples) >= ENOUGH else SPARE_OF_FEW
    best = roomy(base, spare.get(width, 1.0))
    if best != base and bench.beats(base, best, sure=0):
        best = base
    best = _with_room(bench, best, width)
    for weighting in weights(best) if any_weights else []:
        best = weighting if weighting != best and bench.beats(weighting, best, sure=1) else best
    for weighting in cuts(best) if len(bench.samples) >= ENOUGH else []:
        best = weighting if bench.beats(weighting, best, sure=2) else best
    return best


def _with_room(bench: Bench, best: Recipe, width: int) -> Recipe:
    """Wider ranges as long as that helps: what they cost is known, what values beyond a range cost is not."""
    first = best
    for room in (room for room in ROOMS if room > best.room):
        if not bench.beats(roomy(best, room), best, sure=0):
            break
        best = roomy(best, room)
    less = roomy(best, LESS_ROOM)
    if best == first and first.room < LESS_ROOM and bench.beats(less, best, sure=0):
        best = less
    settled = SETTLED[best.room] if width == 8 and best != first else best.room
    return roomy(best, max(settled, first.room))


def roomy(base: Recipe, room: float) -> Recipe:
    """The recipe with ranges so many times as wide as observed; one that finds them in another way stays as it is."""
    return attrs.evolve(base, room=room) if base.method == "minmax" else base


def weights(base: Recipe) -> list[Recipe]:
    """The recipe with its weights per channel and per tensor, where they have one scale signed and unsigned."""
    tensor = attrs.evolve(base, per_channel=False)
    signed = [attrs.evolve(weighting, tensor_weight="") for weighting in (base, tensor)]
    return list(dict.fromkeys([base, tensor, *signed]))


def cuts(base: Recipe) -> list[Recipe]:
    """The recipe with the ways to find ranges that leave out what is rare."""
    others = [{"method": "percentile"}, {"method": "percentile", "percentile": 99.99}, {"method": "mse"}]
    return [attrs.evolve(base, room=1.0, **other) for other in others]  # type: ignore[arg-type]


def describe(recipe: Recipe) -> str:
    """A recipe in words: "w8a8, per channel, mse"."""
    method = f"{recipe.method} {recipe.percentile:g}" if recipe.method == "percentile" else recipe.method
    method += f" × {recipe.room:g}" if recipe.room != 1.0 and recipe.method == "minmax" else ""
    single = recipe.tensor_weight or recipe.weight
    if not recipe.per_channel:
        weights = f"{single} per tensor"
    else:
        weights = f"{recipe.weight} per channel" + (f" ({single} per tensor)" if single != recipe.weight else "")
    return f"{recipe.name}, {weights}, {method}"
