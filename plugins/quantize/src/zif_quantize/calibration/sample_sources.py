"""The samples that a caller hands over, in any of the forms that there are, for a model with fixed shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zif import UsageError
from zif.plugin import Sample, Samples, samples_of

if TYPE_CHECKING:
    from zif import Model

#: How many random samples stand in for data when they are asked for.
RANDOM_SAMPLES = 8


def check_shapes(model: Model) -> None:
    """Raise UsageError for open dimensions: neither calibration nor an NPU can do with them."""
    for info in model.inputs:
        if not info.static and info.dtype:
            told = ", ".join("?" if dim is None else str(dim) for dim in info.shape or ())
            dims = enumerate(info.shape or ())
            example = ",".join(str(dim) if isinstance(dim, int) else "…" if place else "1" for place, dim in dims)
            raise UsageError(
                f"input {info.name!r} of {model.name} has open dimensions [{told}]: fix them, such as with "
                f"--shape {info.name}={example}"
            )


def calibration_samples(
    model: Model, calibration: Any, preprocess: str = "", random: int | None = None, optional: bool = False
) -> Sequence[Sample]:
    """The samples that `calibration` describes, or random ones from this seed on; none at all only if `optional`.

    Raises UsageError and InvalidInput.
    """
    from zif.plugin import parse_preprocess, random_inputs

    if calibration is None and random is not None:
        seeds = range(random, random + RANDOM_SAMPLES)
        return Samples([(f"random sample {seed}", partial(random_inputs, model.inputs, seed)) for seed in seeds])
    if random is not None:
        raise UsageError("random values stand in for calibration data: give one of them")
    if calibration is None and optional:
        return ()
    if calibration is None:
        raise UsageError(
            "no calibration data: ranges of activations need real inputs. Give --calibration DIR|NPZ|input_list.txt; "
            "--random-calibration takes random values, which tells nothing about accuracy"
        )
    if isinstance(calibration, (str, Path)):
        return samples_of(Path(calibration), model, parse_preprocess(preprocess) if preprocess else None)
    return _given_samples(model, calibration)


def _given_samples(model: Model, samples: Any) -> Sequence[Sample]:
    """Samples as a caller hands them over. Raises UsageError for what is no sequence of inputs by name."""
    wrong = samples
    if isinstance(samples, Iterable) and not isinstance(samples, Mapping) and not hasattr(samples, "dtype"):
        listed = samples if isinstance(samples, Sequence) else list(samples)
        if not listed:
            raise UsageError("no calibration data: there is no sample")
        wrong = listed[0]
        if isinstance(wrong, Mapping):
            return listed
    raise UsageError(
        f"calibration takes samples, each with the inputs by name, and got {type(wrong).__name__}: give "
        f"[{{{model.inputs[0].name!r}: array}}, …], or the path of a file or folder"
    )
