"""`zif.quantize`: from a float model and calibration data to a QDQ model, its encodings and its accuracy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
from attrs import Factory, frozen

from zif.errors import InvalidModel, UsageError
from zif.quantization.auto import auto_quantize, measure, split, spread
from zif.quantization.encodings import (
    Applied,
    Encodings,
    apply,
    export,
    filled,
    read,
    refuse_unmatched,
    repaired,
)
from zif.quantization.measure import Judge, Reference
from zif.quantization.prepare import prepare
from zif.quantization.recipe import METHODS, Recipe, recipe
from zif.quantization.samples import Sample, Samples, samples_of
from zif.quantization.weights_only import quantize_weights

if TYPE_CHECKING:
    from zif.arguments import Progress, Source
    from zif.model import Model
    from zif.quantization.auto import Trial
    from zif.quantization.encodings import Problem

#: The precision that needs no data: eight-bit weights only.
WEIGHTS_ONLY = "w8"
#: How many random samples stand in for data when they are asked for.
RANDOM_SAMPLES = 8


@frozen(eq=False)
class Quantization:
    """What `zif.quantize` made.

    sqnr: signal to quantization noise in dB per float output against the float model, on the CPU reference, over
    `held_out` samples that calibration never saw (over all of them when that is 0); empty without samples.
    target_sqnr: the same on `target`'s arithmetic. trials: every recipe that was measured. unmatched, uncovered: of an
    encodings file, entries without a tensor and tensors without an entry. repairs: entries that were repaired.
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


def quantize(
    source: Source,
    calibration: Path | str | Iterable[Sample] | None = None,
    precision: str | Recipe = "w8a8",
    method: str = "auto",
    *,
    encodings: Path | str | Encodings | None = None,
    overrides: Mapping[str, str | Recipe] | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    target: str = "",
    preprocess: str = "",
    random: int | None = None,
    repair: bool = False,
    progress: Progress | None = None,
    **changes: Any,
) -> Quantization:
    """Quantize a float model to QDQ.

    calibration: a folder, an .npz or .npy, an input list, or samples (inputs by name). method: "minmax", "percentile",
    "entropy", "mse", or "auto", which measures several and takes the best. encodings: a file that says how tensors are
    quantized; calibration fills what it leaves open. overrides: precision or "float" per unit. target: measure on its
    arithmetic as well. random: a seed, to calibrate with random values when there is no data. changes: other fields of
    the recipe, such as per_channel. Raises UsageError, InvalidInput and InvalidModel.
    """
    if precision == WEIGHTS_ONLY:
        _refuse_idle({"encodings": encodings, "overrides": overrides, "target": target, "repair": repair, **changes})
        return _weights_only(source, shapes)
    if method not in ("auto", *METHODS):
        raise UsageError(f"unknown method {method!r}; known: auto, {', '.join(METHODS)}")
    base = recipe(precision, **({} if method == "auto" else {"method": method}), **changes)
    given = _file(encodings, repair)
    model = prepare(source, shapes)
    check_shapes(model)
    samples = calibration_samples(model, calibration, preprocess, random, given is not None)
    if not samples:
        assert given is not None
        return _applied(model, given, base, samples, target, random)
    own_weights = bool(changes.keys() & {"per_channel", "weight", "tensor_weight"})
    made = auto_quantize(model, samples, base, target, overrides, method == "auto", not own_weights, progress)
    if given is not None:
        return _applied(model, given, made.recipe, samples, target, random, filled_by=made.model)
    _refuse_nothing(model, made.model)
    there = _on(target, model, samples, made.model)
    return Quantization(
        made.model,
        base.name,
        made.recipe,
        export(made.model),
        len(samples),
        made.held_out,
        random is not None,
        made.sqnr,
        target,
        there,
        made.trials,
    )


def _refuse_nothing(model: Model, made: onnx.ModelProto) -> None:
    """Raise InvalidModel when not one operator was quantized, which nobody should find out on a device."""
    if not any(node.op_type == "QuantizeLinear" for node in made.graph.node):
        kinds = sorted({unit.op_type for unit in model.units})
        raise InvalidModel(
            f"nothing in {model.name} was quantized: it consists of {', '.join(kinds[:8])}. What lies in the bodies of "
            "If, Loop and Scan stays in float; export the model without them"
        )


def _refuse_idle(given: Mapping[str, Any]) -> None:
    """Raise UsageError for wishes that quantizing the weights alone would pass over without a word."""
    idle = [name for name, value in given.items() if value or (value is False and name != "repair")]
    if idle:
        raise UsageError(
            f"{WEIGHTS_ONLY} quantizes weights of MatMul, Gemm and LSTM and nothing else, so {', '.join(idle)} would "
            "change nothing: leave it out, or take another precision"
        )


def _weights_only(source: Source, shapes: Mapping[str, Sequence[int]] | None) -> Quantization:
    made = quantize_weights(prepare(source, shapes))
    return Quantization(made, WEIGHTS_ONLY, None, export(made))


def _file(given: Path | str | Encodings | None, repair: bool) -> _Given | None:
    if given is None:
        return None
    found = given if isinstance(given, Encodings) else read(given)
    fixed = tuple(problem for problem in found.problems if problem.fixable) if repair else ()
    return _Given(repaired(found) if repair else found, fixed)


@frozen(eq=False)
class _Given:
    encodings: Encodings
    repairs: tuple[Problem, ...]


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
    from zif.inputs import parse, random_inputs

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
        return samples_of(Path(calibration), model, parse(preprocess) if preprocess else None)
    found = calibration if isinstance(calibration, Sequence) else list(calibration)
    if not found:
        raise UsageError("no calibration data: there is no sample")
    return found


def _applied(
    model: Model,
    given: _Given,
    base: Recipe,
    samples: Sequence[Sample],
    target: str,
    random: int | None,
    filled_by: onnx.ModelProto | None = None,
) -> Quantization:
    """A file's encodings in the model, what it leaves open from calibration."""
    full = given.encodings if filled_by is None else filled(model, given.encodings, export(filled_by))
    made: Applied = apply(model, full)
    unmatched = tuple(one for one in made.unmatched if one in {entry.name for entry in given.encodings.entries})
    refuse_unmatched(model, given.encodings, made)
    held = split(samples)[1] or samples
    sqnr = Judge(model, held).sqnr(Reference(made.model)) if samples else {}
    return Quantization(
        made.model,
        base.name,
        base,
        export(made.model),
        len(samples),
        len(split(samples)[1]) if samples else 0,
        random is not None,
        sqnr,
        target,
        _on(target, model, samples, made.model),
        (),
        unmatched,
        made.uncovered,
        given.repairs,
    )


def _on(target: str, model: Model, samples: Sequence[Sample], made: onnx.ModelProto) -> Mapping[str, float]:
    """SQNR on the arithmetic of a target, over the held-out samples."""
    if not target or not samples:
        return {}
    held = split(samples)[1] or samples
    return measure(Judge(model, spread(held, len(held))), target)(made)
