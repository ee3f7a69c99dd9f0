"""From a float model, its ranges and a recipe to a QDQ model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from zif import StageFailed

from zif_quantize.assign import FLOAT, assignment, quant_type, tensor_overrides
from zif_quantize.calibration.ranges import Ranges, calibrate, needs_histograms
from zif_quantize.keep import kept_float
from zif_quantize.ort.quantizer import quantizer
from zif_quantize.ort.tools import quiet, tools
from zif_quantize.recipes import Recipe, recipe
from zif_quantize.rewrites.extremes import tamed
from zif_quantize.rewrites.names_apart import Apart
from zif_quantize.rewrites.prepare import prepare, unmark, whole

if TYPE_CHECKING:
    from zif import Model
    from zif.plugin import Progress, Source

    from zif_quantize.calibration.ranges import Samples

    Pair = tuple[float, float]

#: No range is smaller. onnxruntime's 1e-4 for QNN makes noise of small numbers; Qualcomm's compiler does not need it.
LEAST_RANGE = 1e-9


def quantize_model(
    source: Source,
    data: Ranges | Samples,
    precision: str | Recipe = "w8a8",
    overrides: Mapping[str, str | Recipe] | None = None,
    progress: Progress | None = None,
) -> onnx.ModelProto:
    """The QDQ model of a float model.

    data: `Ranges` from `calibrate` on the same model, or samples to calibrate with. overrides: per unit (node) name
    another precision, or "float"; values that pass from one to another are converted in between. Raises UsageError for
    an unknown unit or precision, InvalidModel, and InvalidInput for samples that do not fit.
    """
    model = prepare(source)
    base = recipe(precision)
    chosen = assignment(model, base, overrides or {})
    if not isinstance(data, Ranges):
        methods = {one.method for one in chosen.values() if isinstance(one, Recipe)}
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
    given = tensor_overrides(model, base, chosen, tools().QuantType)
    for name, (low, high) in constants.items():
        given[name] = [{**given.get(name, [{}])[0], "rmin": np.float32(low), "rmax": np.float32(high)}]
    kept = {name for name, one in chosen.items() if one == FLOAT} | kept_float(model)
    try:
        made = _quantizer(_typed(proto), base, sorted(kept), apart.keyed(given), apart.keyed(pairs))
        made.quantize_model()
    except (ValueError, AssertionError, KeyError, TypeError, RuntimeError) as error:
        raise StageFailed(f"onnxruntime's quantizer failed on {model.name}: {error}") from error
    made.model.topological_sort()
    result: onnx.ModelProto = made.model.model
    apart.back(result)
    unmark(result)
    return result


def _quantizer(
    proto: onnx.ModelProto, base: Recipe, kept: Sequence[str], given: Mapping[str, Any], pairs: Mapping[str, Pair]
) -> Any:
    """onnxruntime's quantizer, set up for QNN; `kept` are the nodes that it leaves alone."""
    types = tools().QuantType
    config = tools("execution_providers.qnn").get_qnn_qdq_config(
        proto,
        None,
        activation_type=quant_type(types, base.activation),
        weight_type=quant_type(types, base.weight),
        per_channel=base.per_channel,
        init_overrides=given,
        add_qtype_converts=False,
        activation_symmetric=base.symmetric,
        weight_symmetric=not base.weight.startswith("u"),
        op_types_to_quantize=sorted({node.op_type for node in proto.graph.node} - {"Cast"}),
        nodes_to_exclude=kept,
    )
    return quantizer()(
        proto,
        config.per_channel,
        config.reduce_range,
        config.weight_type,
        config.activation_type,
        _tensors_data(pairs),
        config.nodes_to_quantize,
        config.nodes_to_exclude,
        config.op_types_to_quantize,
        {**config.extra_options, "MinimumRealRange": LEAST_RANGE, **base.options},
    )


def _typed(proto: onnx.ModelProto) -> onnx.ModelProto:
    """With a type for every value, as the quantizer wants it."""
    typed: onnx.ModelProto = onnx.shape_inference.infer_shapes(proto)
    tools("quant_utils").add_infer_metadata(typed)
    return typed


def _pairs(ranges: Ranges, base: Recipe, chosen: Mapping[str, Recipe | str], model: Model) -> dict[str, Pair]:
    """Each tensor's range by the method of the unit that makes it; the base's for inputs."""
    pairs = dict(ranges.of(base))
    for unit in model.units:
        one = chosen[unit.id]
        if isinstance(one, Recipe) and one is not base:
            own = ranges.of(one)
            pairs.update((name, own[name]) for name in unit.outputs if name in own)
    return pairs


def _tensors_data(pairs: Mapping[str, Pair]) -> Any:
    module = tools("calibrate")
    data = {name: (np.float32(low), np.float32(high)) for name, (low, high) in pairs.items()}
    return module.TensorsData(module.CalibrationMethod.MinMax, data)
