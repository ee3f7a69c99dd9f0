"""`zif.quantize`: from a float model and calibration data to a QDQ model, its encodings and its accuracy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
from attrs import frozen
from zif import InvalidModel, Model, UsageError
from zif.plugin import Sample, Wanted, export_encodings

from zif_quantize.assign import FLOAT
from zif_quantize.auto import auto_quantize
from zif_quantize.calibration.folds import CHOOSING, dealt, judging
from zif_quantize.calibration.holdout import spread
from zif_quantize.calibration.sample_sources import calibration_samples, check_shapes
from zif_quantize.engine import quantize_model
from zif_quantize.measure import Judge, Reference
from zif_quantize.on_target import Measured, measured
from zif_quantize.ort.libraries import knowing, loaded
from zif_quantize.qdq import Applied, Encodings, apply, filled, read, refuse_unmatched, repaired
from zif_quantize.qdq.applying import settled
from zif_quantize.qdq.foreign_qdq import is_quantized, reformed
from zif_quantize.qdq.mismatched import refuse_lost
from zif_quantize.recipes import METHODS, Recipe, check_known, recipe, said_by
from zif_quantize.result import Quantization
from zif_quantize.rewrites.prepare import prepare
from zif_quantize.rules import wanted
from zif_quantize.weights_only import quantize_weights

if TYPE_CHECKING:
    from zif.plugin import Progress, Source

    from zif_quantize.auto import Quantized
    from zif_quantize.qdq import Problem
    from zif_quantize.rules import Rules

#: The precision that needs no data: eight-bit weights only.
WEIGHTS_ONLY = "w8"


@knowing
def quantize(
    source: Source,
    calibration: Path | str | Iterable[Sample] | None = None,
    precision: str | Recipe = "",
    method: str = "auto",
    *,
    encodings: Path | str | Encodings | None = None,
    overrides: Mapping[str, str | Recipe] | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    target: str = "",
    preprocess: str = "",
    random: int | None = None,
    repair: bool = False,
    rules: Rules = None,
    custom_ops: Sequence[str | Path] | str | Path = (),  # noqa: ARG001 - `knowing` hands it on
    progress: Progress | None = None,
    **changes: Any,
) -> Quantization:
    """Quantize a float model to QDQ; one that is QDQ already and comes alone gets the forms that the rules want.

    calibration: a folder, an .npz or .npy, an input list, or samples: each a mapping from the name of every input to an
    array of exactly its dtype and shape, as the model declares them (with its batch, float32 [1, 3, 224, 224] say), all
    values finite. An iterator is read into a list; a sequence is read one sample at a time. precision: "w8a8", "w8a16",
    "w4a16", "w16a16", "w8" (weights only, calibration is then for measuring) or a Recipe; "" is "w8a8", or what the
    default bitwidths of the encodings say. method: "minmax", "percentile", "entropy", "mse", or "auto", which measures
    several and takes the best. encodings: a file that says how tensors are quantized; calibration fills what it leaves
    open. overrides: precision or "float" per unit (a node's name as in `zif plan`). shapes: the dimensions of inputs
    that the model leaves open, all of an input's. target: a chip, to choose and measure on its arithmetic as well,
    emulated if need be. preprocess: how pictures become tensors, as for `zif run`: "resize=224x224,scale=1/255", or a
    TOML or JSON file. random: a seed, to calibrate with random values when there is no data. repair: take min and max
    where an entry of the encodings contradicts itself, which is refused otherwise. rules: what a backend wants of a
    quantized model (`zif.plugin.QuantizationRules`), the name of a backend for its own, or "default"; None takes those
    of the backends that would take part in a plan for `target`, and the default's without one. custom_ops: libraries of
    operators, as for `zif.load`. progress: called with a sentence before each step. changes: other fields of `Recipe`,
    such as per_channel=False.

    How a recipe is chosen: `zif_quantize.choosing`.
    Raises UsageError for options that do not go together or open dimensions, InvalidInput for a sample that does not
    fit, holds NaN or makes the model fail, and for encodings that do not fit; InvalidModel for what cannot be
    quantized.
    """
    file = _file(encodings, repair)
    fills = file is not None and (calibration is not None or random is not None)
    if precision == "":
        precision = said_by(file.encodings.defaults if file and fills else {})
    check_known(precision, WEIGHTS_ONLY)
    for wish in (overrides or {}).values():
        check_known(wish, FLOAT)
    if precision == WEIGHTS_ONLY:
        wishes = {"encodings": encodings, "overrides": overrides, "repair": repair, **changes}
        wishes |= {"method": "" if method == "auto" else method}
        return _weights_only(source, shapes, wishes, (calibration, preprocess, random), target, wanted(rules, target))
    if method not in ("auto", *METHODS):
        raise UsageError(f"unknown method {method!r}; known: auto, {', '.join(METHODS)}")
    whose = wanted(rules, target)
    bare = calibration is None and random is None and file is None
    if bare and (quantized := loaded(source, shapes)) and is_quantized(quantized):
        _refuse_more({"precision": precision if precision != "w8a8" else "", "overrides": overrides, **changes})
        return _from_outside(quantized, whose, target)
    base = recipe(precision, whose.rules, **({} if method == "auto" else {"method": method}), **changes)
    model = prepare(source, shapes, rules=whose.rules)
    check_shapes(model)
    samples = calibration_samples(model, calibration, preprocess, random, file is not None)
    if not samples:
        assert file is not None
        return _applied(model, file, base, samples, target, random, whose)
    own_weights = bool(changes.keys() & {"per_channel", "weight", "tensor_weight"})
    search, free = method == "auto", file is None  # a file's encodings are for the weights as they are
    made = auto_quantize(model, samples, base, target, overrides, search, not own_weights, progress, free=free)
    if file is not None:
        return _applied(model, file, made.recipe, samples, target, random, whose, _filling(model, made, overrides))
    _refuse_nothing(model, made.model)
    return Quantization.chosen(made, base.name, len(samples), random is not None, target, whose)


@frozen(eq=False)
class _Filling:
    """What fills an encodings file: the model of all samples, and one without a fold, to measure on that."""

    model: onnx.ModelProto
    apart: onnx.ModelProto
    held: Sequence[Sample]


def _filling(model: Model, made: Quantized, overrides: Mapping[str, str | Recipe] | None) -> _Filling:
    folds = made.folds
    if folds is None or folds.count == 1:
        return _Filling(made.model, made.model, ())
    apart = quantize_model(model, folds.without(0), made.recipe, overrides)
    return _Filling(made.model, apart, judging(dealt(folds.samples)[0], folds.count))


def _refuse_more(wishes: Mapping[str, Any]) -> None:
    """Raise UsageError for wishes that a model which is quantized already cannot meet."""
    idle = [name for name, value in wishes.items() if value or value is False]
    if idle:
        raise UsageError(
            f"the model is quantized already, and gets other forms with the encodings it has: leave out {idle[0]}, "
            "or quantize the float model that it was made from"
        )


def _from_outside(model: Model, whose: Wanted, target: str) -> Quantization:
    """What somebody else quantized, in the forms that the rules want."""
    made = reformed(model, whose.rules)
    entries = export_encodings(made.model)
    return Quantization(
        made.model,
        _bits_of(entries),
        None,
        entries,
        random=bool(made.sqnr),
        sqnr=made.sqnr,
        target=target,
        rules=whose,
        reformed=made.made,
    )


def _refuse_nothing(model: Model, made: onnx.ModelProto) -> None:
    """Raise InvalidModel when not one operator was quantized, which nobody should find out on a device."""
    if any(node.op_type == "QuantizeLinear" for node in made.graph.node):
        return
    kinds = sorted({unit.op_type for unit in model.units})
    bodies = [kind for kind in kinds if kind in ("If", "Loop", "Scan")]
    why = f". What lies in the bodies of {', '.join(bodies)} stays in float; export the model without" if bodies else ""
    raise InvalidModel(f"nothing in {model.name} was quantized: it consists of {', '.join(kinds[:8])}{why}")


def _refuse_idle(wishes: Mapping[str, Any]) -> None:
    """Raise UsageError for wishes that quantizing the weights alone would pass over without a word."""
    idle = [name for name, value in wishes.items() if value or (value is False and name != "repair")]
    if idle:
        raise UsageError(
            f"{WEIGHTS_ONLY} quantizes weights and nothing else, and needs no data, so {', '.join(idle)} would change "
            "nothing: leave it out, or take another precision"
        )


def _weights_only(
    source: Source,
    shapes: Mapping[str, Sequence[int]] | None,
    wishes: Mapping[str, Any],
    data: tuple[Any, str, int | None],
    target: str,
    whose: Wanted,
) -> Quantization:
    """The weights in 8 bits; data are for measuring alone, so that all of them are held out."""
    calibration, preprocess, random = data
    has_data = calibration is not None or random is not None
    _refuse_idle(dict(wishes) if has_data else {**wishes, "preprocess": preprocess, "target": target})
    model = prepare(source, shapes, rules=whose.rules)
    samples: Sequence[Sample] = ()
    if has_data:
        samples = calibration_samples(model, calibration, preprocess, random)
    judge = Judge(model, spread(samples, CHOOSING))
    made = quantize_weights(model)
    sqnr = judge.sqnr(Reference(made)) if samples else {}
    there = measured(judge, made, target) if target and samples else Measured()
    held = len(judge.samples)
    return Quantization(
        made,
        WEIGHTS_ONLY,
        None,
        export_encodings(made),
        len(samples),
        held,
        random is not None,
        sqnr,
        target,
        there.sqnr,
        target_backends=there.backends,
        emulated=there.emulated,
        rules=whose,
    )


def _file(source: Path | str | Encodings | None, repair: bool) -> _EncodingsFile | None:
    if source is None:
        return None
    encodings = source if isinstance(source, Encodings) else read(source)
    fixed = tuple(problem for problem in encodings.problems if problem.fixable) if repair else ()
    return _EncodingsFile(repaired(encodings) if repair else encodings, fixed)


@frozen(eq=False)
class _EncodingsFile:
    encodings: Encodings
    repairs: tuple[Problem, ...]


def _applied(
    model: Model,
    file: _EncodingsFile,
    base: Recipe,
    samples: Sequence[Sample],
    target: str,
    random: int | None,
    whose: Wanted,
    filling: _Filling | None = None,
) -> Quantization:
    """A file's encodings in the model, what it leaves open from calibration."""

    def put(filled_by: onnx.ModelProto | None) -> Applied:
        full = file.encodings if filled_by is None else filled(model, file.encodings, export_encodings(filled_by))
        return apply(model, full)

    made = put(filling.model if filling else None)
    unmatched = tuple(name for name in made.unmatched if name in {entry.name for entry in file.encodings.entries})
    refuse_unmatched(model, file.encodings, made)
    refuse_lost(model, settled(model, file.encodings).entries)
    held = filling.held if filling else ()
    judge = Judge(model, held or samples)
    apart = put(filling.apart).model if filling and held else made.model
    sqnr = judge.sqnr(Reference(apart)) if samples else {}
    there = measured(judge, apart, target) if target and samples else Measured()
    entries = export_encodings(made.model)
    return Quantization(
        made.model,
        base.name if filling else _bits_of(entries),
        base if filling else None,
        entries,
        len(samples),
        len(held),
        random is not None,
        sqnr,
        target,
        there.sqnr,
        (),
        unmatched,
        made.uncovered,
        file.repairs,
        target_backends=there.backends,
        emulated=there.emulated,
        rules=whose,
    )


def _bits_of(encodings: Encodings) -> str:
    """The bits that most weights and most activations have: "w4a16"; 32 where none is quantized."""
    told = []
    for letter, kind in (("w", "param"), ("a", "activation")):
        counter = Counter(
            entry.bits for entry in encodings.entries if entry.kind == kind and not entry.is_float and entry.bits < 32
        )
        told.append(f"{letter}{counter.most_common(1)[0][0] if counter else 32}")
    return "".join(told)
