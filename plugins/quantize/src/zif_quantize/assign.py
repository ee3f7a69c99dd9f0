"""Which unit is quantized how, and what that means for each tensor."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from zif import UsageError
from zif.plugin import BIASED, CHANNEL_AXIS, MERGED, WEIGHTED, attribute, did_you_mean

from zif_quantize.recipes import ACTIVATIONS, WEIGHTS, Recipe, bits, recipe
from zif_quantize.rules import only_in, prepared_by

if TYPE_CHECKING:
    import onnx
    from zif import Model, TensorInfo
    from zif.plugin import QuantizationRules

    Chosen = Mapping[str, Recipe | str]

#: The word for a unit that stays as it is.
FLOAT = "float"


def assignment(model: Model, base: Recipe, overrides: Mapping[str, str | Recipe]) -> dict[str, Recipe | str]:
    """The recipe of every unit, or FLOAT. Raises UsageError for a name that is no unit and for an unknown precision."""
    units = {unit.id for unit in model.units}
    for name in overrides:
        if name not in units:
            hint = did_you_mean(name, units)
            raise UsageError(f"the model has no unit {name!r} to override.{hint} `zif plan --all-units` lists them")
    rules = prepared_by(model)
    recipes = {name: FLOAT if override == FLOAT else recipe(override, rules) for name, override in overrides.items()}
    chosen: dict[str, Recipe | str] = {unit.id: recipes.get(unit.id, base) for unit in model.units}
    for unit in model.units:
        if unit.op_type in MERGED and unit.inputs[0] in model.producers and len(model.consumers[unit.inputs[0]]) == 1:
            chosen[unit.id] = chosen[model.units[model.producers[unit.inputs[0]]].id]
    return chosen


def tensor_overrides(
    model: Model, base: Recipe, chosen: Chosen, types: Any, kept: Collection[str]
) -> dict[str, list[dict[str, Any]]]:
    """onnxruntime's overrides per tensor: the type of each value, conversions between units, the types of weights, and
    the ranges that the rules fix. kept: the units that stay in float.
    """
    tensors = _activations(model, base, chosen, types)
    for node, unit in zip(model.proto.graph.node, _units_of_nodes(model), strict=True):
        recipe_ = chosen[unit]
        if isinstance(recipe_, Recipe):
            _weights(model, node, recipe_, base, types, tensors)
    for node, unit in zip(model.proto.graph.node, _units_of_nodes(model), strict=True):
        if unit not in kept:
            _first_factor(model, node, base, types, tensors)
            _fixed(node, base, prepared_by(model), types, tensors)
    return tensors


def _activations(model: Model, base: Recipe, chosen: Chosen, types: Any) -> dict[str, list[dict[str, Any]]]:
    """For every value between units of different types: that of its maker, and the conversion for the others."""
    kinds = {recipe_.activation for recipe_ in chosen.values() if isinstance(recipe_, Recipe)}
    if kinds <= {base.activation}:
        return {}
    tensors: dict[str, list[dict[str, Any]]] = {}
    values = [info.name for info in model.inputs] + [name for unit in model.units for name in unit.outputs]
    for name in values:
        if model.tensors[name].dtype not in ("float32", "float16"):
            continue
        made = _made_as(model, name, base, chosen)
        others: dict[str, set[str]] = {}
        for reader in _reader_nodes(model, name):
            wanted = chosen[reader]
            if isinstance(wanted, Recipe) and wanted.activation != made:
                others.setdefault(wanted.activation, set()).add(reader)
        row: dict[str, Any] = {"quant_type": quant_type(types, made)}
        if len(others) > 1:
            raise UsageError(f"the tensor {name!r} is wanted as {made}, {', '.join(others)}: two types at most")
        for kind, readers in others.items():
            row["convert"] = {"quant_type": quant_type(types, kind), "recv_nodes": readers}
        if made != base.activation or others:
            tensors[name] = [row]
    return tensors


def _made_as(model: Model, name: str, base: Recipe, chosen: Chosen) -> str:
    """The type in which a value comes into being: its maker's, or that of its first quantized reader."""
    if name in model.producers:
        maker = chosen[model.units[model.producers[name]].id]
        if isinstance(maker, Recipe):
            return maker.activation
    wanted = [chosen[reader] for reader in _reader_nodes(model, name)]
    return next((kind.activation for kind in wanted if isinstance(kind, Recipe)), base.activation)


def _reader_nodes(model: Model, name: str) -> list[str]:
    return [model.units[position].id for position in model.consumers.get(name, ())]


def _units_of_nodes(model: Model) -> list[str]:
    owner = {index: unit.id for unit in model.units for index in unit.nodes}
    return [owner[index] for index in range(len(model.proto.graph.node))]


def _weights(
    model: Model,
    node: onnx.NodeProto,
    recipe: Recipe,
    base: Recipe,
    types: Any,
    tensors: dict[str, list[dict[str, Any]]],
) -> None:
    """The types of a node's constant inputs."""
    for place, name in enumerate(node.input):
        info = model.initializers.get(name)
        if info is None or info.dtype not in ("float32", "float16") or name in tensors:
            continue
        if node.op_type in WEIGHTED:
            if place == 1:
                tensors[name] = [_weight(node, info, recipe, types, prepared_by(model))]
        elif recipe.activation != base.activation:
            tensors[name] = [{"quant_type": quant_type(types, recipe.activation)}]


def _first_factor(
    model: Model, node: onnx.NodeProto, base: Recipe, types: Any, tensors: dict[str, list[dict[str, Any]]]
) -> None:
    """A constant that a MatMul has on its left is a weight, too: with scales per channel, and with 8 beside 16 bits."""
    if node.op_type != "MatMul" or node.input[0] not in model.initializers or node.input[0] in tensors:
        return
    eight_beside = bits(base.weight) == 8 and bits(_read_as(node, node.input[1], base, types, tensors)) == 16
    if base.per_channel or (eight_beside and node.input[1] not in model.initializers):
        kind = base.weight
        tensors[node.input[0]] = [{"quant_type": quant_type(types, kind), "symmetric": not kind.startswith("u")}]


def _read_as(
    node: onnx.NodeProto, name: str, base: Recipe, types: Any, tensors: Mapping[str, list[dict[str, Any]]]
) -> str:
    """The type in which a node reads a value."""
    row = tensors.get(name, [{}])[0]
    convert = row.get("convert", {})
    kind = convert["quant_type"] if node.name in convert.get("recv_nodes", ()) else row.get("quant_type")
    return next((word for word in (*ACTIVATIONS, *WEIGHTS) if kind == quant_type(types, word)), base.activation)


def _fixed(
    node: onnx.NodeProto,
    base: Recipe,
    rules: QuantizationRules,
    types: Any,
    tensors: dict[str, list[dict[str, Any]]],
) -> None:
    """The encoding of a result whose range the rules fix."""
    name = node.output[0]
    kind = _made_in(name, base, types, tensors)
    for row in rules.fixed_ranges:
        if row.op_type == node.op_type and bits(kind) in row.bits:
            scale, zero = fixed_encoding(row.low, row.high, kind, base.symmetric and not kind.startswith("u"))
            own = tensors.get(name, [{}])[0]
            words = {"quant_type": quant_type(types, kind), "scale": np.array(scale, np.float32)}
            tensors[name] = [{**own, **words, "zero_point": np.array(zero, kind)}]


def _made_in(name: str, base: Recipe, types: Any, tensors: Mapping[str, list[dict[str, Any]]]) -> str:
    """The type in which a value comes into being."""
    kind = tensors.get(name, [{}])[0].get("quant_type")
    return next((word for word in ACTIVATIONS if kind == quant_type(types, word)), base.activation)


def fixed_encoding(low: float, high: float, kind: str, symmetric: bool) -> tuple[float, int]:
    """Scale and zero point of a range that is fixed; see `zif.plugin.FixedRange`."""
    steps = 2 ** bits(kind)
    if symmetric or kind == "int16":
        return max(-low, high) / (steps // 2), 0
    scale = (high - low) / steps
    least = 0 if kind.startswith("u") else -steps // 2
    return scale, least + min(steps - 1, round(-low / scale))


def _weight(
    node: onnx.NodeProto, info: TensorInfo, recipe: Recipe, types: Any, rules: QuantizationRules
) -> dict[str, Any]:
    """The override of a weight."""
    axis = channel_axis(node, info, rules) if recipe.per_channel else None
    kind = recipe.weight if axis is not None else recipe.tensor_weight or recipe.weight
    if kind.endswith("int4") and _wants_eight(node, info, rules):
        kind = kind.replace("4", "8")
    kind = only_in(node.op_type, bits(recipe.activation), rules) or kind
    row: dict[str, Any] = {"quant_type": quant_type(types, kind), "symmetric": not kind.startswith("u")}
    return row if axis is None else {**row, "axis": axis}


def _wants_eight(node: onnx.NodeProto, info: TensorInfo, rules: QuantizationRules) -> bool:
    """Whether the backend does not take the weight in 4 bits."""
    dims, axis = [dim if isinstance(dim, int) else 0 for dim in info.shape or ()], channel_axis(node, info, rules)
    biased = node.op_type in BIASED and len(node.input) > 2
    single = axis is None or dims[axis] == 1  # one scale, which for a compiler may be none per channel
    alone = axis is not None and math.prod(dims) == dims[axis]  # one number per channel
    high = rules.int4_max_rank is not None and len(dims) > rules.int4_max_rank
    refused = (biased and single and not rules.int4_scale_with_bias) or (alone and not rules.int4_single_values)
    return refused or high or node.op_type not in rules.int4


def channel_axis(node: onnx.NodeProto, info: TensorInfo, rules: QuantizationRules) -> int | None:
    """The axis of the output channels in a node's weight, where the rules give each a scale; None where they do not.

    That of a ConvTranspose in groups has fewer channels than the output and its bias: each is one of every group.
    """
    if node.op_type not in rules.per_channel:
        return None
    if node.op_type == "ConvTranspose" and attribute(node, "group", 1) != 1:
        return None
    if node.op_type == "Gemm":
        return 0 if attribute(node, "transB", 0) else 1
    if node.op_type == "MatMul":
        rank = len(info.shape or ())
        return rank - 1 if rank > 1 else None
    return CHANNEL_AXIS.get(node.op_type)


def quant_type(types: Any, dtype: str) -> Any:
    """onnxruntime's member for an element type's name."""
    return getattr(types, "QU" + "Int" + dtype[4:] if dtype.startswith("u") else "QInt" + dtype[3:])
