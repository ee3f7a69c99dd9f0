"""From a float model, its ranges and a recipe to a QDQ model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from zif import StageFailed

from zif_quantize.assign import FLOAT, assignment, quant_type, tensor_overrides
from zif_quantize.calibration.bounds import capped
from zif_quantize.calibration.ranges import Ranges, calibrate, needs_histograms
from zif_quantize.float_units import kept_float
from zif_quantize.ort.quantizer import quantizer
from zif_quantize.ort.tools import quiet, tools
from zif_quantize.recipes import Recipe, bits, recipe
from zif_quantize.rewrites.extremes import tamed
from zif_quantize.rewrites.names_apart import Apart
from zif_quantize.rewrites.prepare import prepare, unmark, whole
from zif_quantize.rules import prepared_by

if TYPE_CHECKING:
    from zif import Model
    from zif.plugin import Progress, QuantizationRules, Source

    from zif_quantize.calibration.ranges import Samples
    from zif_quantize.rules import Rules

    Pair = tuple[float, float]

#: From this opset on QuantizeLinear makes 4 and 16 bits, too; before, onnxruntime's own does.
NATIVE_WIDTHS = 21


def quantize_model(
    source: Source,
    data: Ranges | Samples,
    precision: str | Recipe = "w8a8",
    overrides: Mapping[str, str | Recipe] | None = None,
    progress: Progress | None = None,
    *,
    rules: Rules = None,
) -> onnx.ModelProto:
    """The QDQ model of a float model.

    data: `Ranges` from `calibrate` on the same model, or samples to calibrate with. overrides: per unit (node) name
    another precision, or "float"; values that pass from one to another are converted in between. rules: as for
    `prepare`, whose rules a prepared model keeps. Raises UsageError for an unknown unit or precision, InvalidModel, and
    InvalidInput for samples that do not fit.
    """
    model = prepare(source, rules=rules)
    base = recipe(precision, prepared_by(model))
    chosen = assignment(model, base, overrides or {})
    if not isinstance(data, Ranges):
        methods = {recipe_.method for recipe_ in chosen.values() if isinstance(recipe_, Recipe)}
        data = calibrate(model, data, needs_histograms(methods), progress)
    if progress:
        progress(f"quantizing {model.name}")
    # A mask of -3e38 in the steps of a range that ends far before it is infinite, and saturates.
    with quiet(), np.errstate(over="ignore"):
        return _quantized(model, data, base, chosen)


def _quantized(model: Model, ranges: Ranges, base: Recipe, chosen: Mapping[str, Recipe | str]) -> onnx.ModelProto:
    proto = whole(model)
    apart = Apart(proto)
    pairs, constants = tamed(model, _pairs(ranges, base, chosen, model))
    kept = {name for name, recipe_ in chosen.items() if recipe_ == FLOAT} | kept_float(model)
    overrides = tensor_overrides(model, base, chosen, tools().QuantType, kept)
    for name, (low, high) in constants.items():
        overrides[name] = [{**overrides.get(name, [{}])[0], "rmin": np.float32(low), "rmax": np.float32(high)}]
    try:
        rules = prepared_by(model)
        made = _quantizer(_typed(proto), base, rules, sorted(kept), apart.keyed(overrides), apart.keyed(pairs))
        made.quantize_model()
    except (ValueError, AssertionError, KeyError, TypeError, RuntimeError) as error:
        raise StageFailed(f"onnxruntime's quantizer failed on {model.name}: {error}") from error
    made.model.topological_sort()
    result: onnx.ModelProto = made.model.model
    apart.back(result)
    unmark(result)
    return result


def _quantizer(
    proto: onnx.ModelProto,
    base: Recipe,
    rules: QuantizationRules,
    kept: Sequence[str],
    overrides: Mapping[str, Any],
    pairs: Mapping[str, Pair],
) -> Any:
    """onnxruntime's quantizer, set up; `kept` are the nodes that it leaves alone."""
    types = tools().QuantType
    return quantizer(rules)(
        proto,
        base.per_channel,
        False,
        quant_type(types, base.weight),
        quant_type(types, base.activation),
        _tensors_data(pairs),
        [],
        kept,
        sorted({node.op_type for node in proto.graph.node} - {"Cast"}),
        {**_options(proto, base, rules, overrides), **base.options},
    )


def _options(
    proto: onnx.ModelProto, base: Recipe, rules: QuantizationRules, overrides: Mapping[str, Any]
) -> dict[str, Any]:
    """onnxruntime's `extra_options`."""
    options: dict[str, Any] = {
        "MinimumRealRange": rules.least_range,
        "DedicatedQDQPair": False,
        "QDQKeepRemovableActivations": not rules.merged_activations,
        "TensorQuantOverrides": overrides,
        "ActivationSymmetric": base.symmetric,
        "WeightSymmetric": not base.weight.startswith("u"),
    }
    opset = next(opset.version for opset in proto.opset_import if opset.domain in ("", "ai.onnx"))
    rows = [row for rows in overrides.values() for row in rows]
    kinds = [
        row["quant_type"] for override in rows for row in (override, override.get("convert", {})) if "quant_type" in row
    ]
    widths = {str(kind).rpartition("Int")[2] for kind in kinds} | {str(bits(base.weight)), str(bits(base.activation))}
    if opset < NATIVE_WIDTHS and widths & {"4", "16"}:
        options["UseQDQContribOps"] = True
    return options


def _typed(proto: onnx.ModelProto) -> onnx.ModelProto:
    """With a type for every value, as the quantizer wants it."""
    typed: onnx.ModelProto = onnx.shape_inference.infer_shapes(proto)
    tools("quant_utils").add_infer_metadata(typed)
    return typed


def _pairs(ranges: Ranges, base: Recipe, chosen: Mapping[str, Recipe | str], model: Model) -> dict[str, Pair]:
    """Each tensor's range by the method of the unit that makes it; the base's for inputs."""
    pairs = dict(ranges.of(base))
    for unit in model.units:
        recipe_ = chosen[unit.id]
        if isinstance(recipe_, Recipe) and recipe_ is not base:
            own = ranges.of(recipe_)
            pairs.update((name, own[name]) for name in unit.outputs if name in own)
    return capped(model, pairs)


def _tensors_data(pairs: Mapping[str, Pair]) -> Any:
    module = tools("calibrate")
    data = {name: (np.float32(low), np.float32(high)) for name, (low, high) in pairs.items()}
    return module.TensorsData(module.CalibrationMethod.MinMax, data)
