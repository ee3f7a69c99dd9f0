"""What `zif.quantize` gives back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import onnx
from attrs import Factory, frozen
from zif.plugin import Wanted, export_encodings

from zif_quantize.qdq import Encodings
from zif_quantize.recipes import Recipe

if TYPE_CHECKING:
    from zif_quantize.auto import Quantized
    from zif_quantize.choosing import Trial
    from zif_quantize.qdq import Problem


@frozen(eq=False)
class Quantization:
    """What `zif.quantize` made.

    sqnr: signal to quantization noise in dB per float output against the float model, on the CPU reference, over
    `held_out` samples, each by a model that was calibrated without it (over all of them when that is 0); empty without
    samples. spread: the standard error of the worst output's, in dB; infinite for one sample. precision: of a file's
    encodings alone, the bits that most weights and activations have; recipe is None then, as it is for weights alone.
    target_sqnr: the same on `target`'s arithmetic, which `target_backends` ran, those in `emulated` as emulators.
    trials: every recipe that was measured, over `chosen_on` samples, of which `chosen_unseen` had not calibrated what
    was measured on them; both are 0 where no recipe was searched. The model is calibrated with all samples. unmatched,
    uncovered: of an encodings file, entries without a tensor and tensors without an entry. repairs: entries that were
    repaired. rules: what backends want of a quantized model, and which; without backends those that suit most, or the
    caller's. smoothed: whether factors of uneven channels were moved into weights. mended: units that `target` computes
    too coarsely, and the precision that they have instead. reformed: of a model that was quantized already, which
    operators were put together, and how many of each; its `sqnr` is against the model as it was given, on made inputs.
    """

    model: onnx.ModelProto
    precision: str
    recipe: Recipe | None
    encodings: Encodings
    samples: int = 0
    held_out: int = 0
    random: bool = False
    sqnr: Mapping[str, float] = Factory(dict)
    target: str = ""
    target_sqnr: Mapping[str, float] = Factory(dict)
    trials: tuple[Trial, ...] = ()
    unmatched: tuple[str, ...] = ()
    uncovered: tuple[str, ...] = ()
    repairs: tuple[Problem, ...] = ()
    chosen_on: int = 0
    chosen_unseen: int = 0
    target_backends: tuple[str, ...] = ()
    emulated: tuple[str, ...] = ()
    rules: Wanted = Factory(Wanted)
    spread: float = 0.0
    smoothed: bool = False
    mended: Mapping[str, str] = Factory(dict)
    reformed: Mapping[str, int] | None = None

    @classmethod
    def chosen(
        cls, made: Quantized, precision: str, samples: int, random: bool, target: str, whose: Wanted
    ) -> Quantization:
        """Of a recipe that was chosen, with what speaks for it."""
        return cls(
            made.model,
            precision,
            made.recipe,
            export_encodings(made.model),
            samples,
            made.held_out,
            random,
            made.sqnr,
            target,
            made.target_sqnr,
            made.trials,
            target_backends=made.backends,
            emulated=made.emulated,
            chosen_on=made.chosen_on,
            chosen_unseen=made.chosen_unseen,
            rules=whose,
            spread=made.spread,
            smoothed=made.smoothed,
            mended=made.mended,
        )
