"""A float model made ready for quantizing: shapes fixed, constants folded, patterns fused as the rules ask for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import onnx
from onnx import numpy_helper
from zif import InvalidModel, NotWritten, UsageError
from zif.plugin import BIASED as BIASED

from zif_quantize.ort.libraries import loaded, session_options
from zif_quantize.ort.tools import quiet
from zif_quantize.rewrites.faithful import Original, remember
from zif_quantize.rewrites.fusing import fused, optimized
from zif_quantize.rewrites.raising import raised
from zif_quantize.rewrites.spelling import settle
from zif_quantize.rewrites.widened import widen
from zif_quantize.rules import is_prepared, marked, prepared_by, wanted
from zif_quantize.rules import unmark as unmark

if TYPE_CHECKING:
    from zif import Model
    from zif.plugin import Source

    from zif_quantize.rules import Rules

#: Opsets that are tried: 16-bit QuantizeLinear, LayerNormalization, one scale per channel.
OPSETS = (21, 17, 13)
#: Bytes of weights that a message of protobuf holds, with some to spare for the rest of the model.
MOST = (1 << 31) - (1 << 24)
#: Operators of models that are quantized already.
QUANTIZED = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger", "ConvInteger")


def prepare(
    source: Source,
    shapes: Mapping[str, Sequence[int]] | None = None,
    *,
    rules: Rules = None,
    target: str = "",
    only: Sequence[str] = (),
) -> Model:
    """The model as it will be quantized, with the rules that it is quantized by. One that has been here stays as it is.

    rules: what a backend wants of a quantized model; None takes those of the backends that would take part in a plan
    for `target`, of these `only`, and the default's without a target. BatchNormalizations are folded into convolutions,
    the parts of LayerNormalization and of Gelu (Erf) are fused into one operator each where the rules ask for that,
    every node has a name. Raises InvalidModel for a model that is quantized already or too large, and UsageError
    for other rules than a prepared model has.
    """
    model = loaded(source, shapes)
    if is_prepared(model):
        _refuse_other(model, rules)
        return model
    chosen = wanted(rules, target, only).rules
    _refuse_quantized(model)
    _refuse_large(model)
    proto = whole(model)
    widen(proto)
    as_it_was = proto
    with quiet():
        original = Original(as_it_was, model)
        proto = _optimized(proto, chosen.fused, original)
        more = fused(proto, chosen.fused)
        proto = more if _loads(more) and original.means(more) else proto
    settle(proto, chosen)
    made = loaded(proto)
    marked(made, chosen)
    remember(made, as_it_was)
    made.name = model.name
    return made


def whole(model: Model) -> onnx.ModelProto:
    """A copy of the model's proto with every weight inside it."""
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    for tensor in proto.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            tensor.CopyFrom(numpy_helper.from_array(model.array(tensor.name), tensor.name))
    return proto


def _refuse_other(model: Model, rules: Rules) -> None:
    """Raise UsageError when a model that was prepared by some rules is to be quantized by others."""
    if rules is not None and wanted(rules).rules != prepared_by(model):
        raise UsageError(f"{model.name} was prepared by other rules: quantize the model that it was prepared from")


def _refuse_large(model: Model) -> None:
    """Raise InvalidModel for weights that no message of protobuf holds: converters and quantizers need them in one."""
    held = sum(info.nbytes or 0 for info in model.initializers.values())
    if held > MOST:
        raise InvalidModel(
            f"{model.name} has {held / 2**30:.3g} GiB of weights, and a model is quantized in one piece of protobuf, "
            "which holds 2 GiB: cut it into parts, quantize each, and run them one after another"
        )


def _refuse_quantized(model: Model) -> None:
    quantized = [n for n in model.proto.graph.node if n.op_type in QUANTIZED or n.op_type.startswith("QLinear")]
    if quantized:
        raise InvalidModel(
            f"{model.name} is quantized already: node {quantized[0].name!r} is a {quantized[0].op_type}. "
            "Quantize the float model that it was made from."
        )


def _optimized(proto: onnx.ModelProto, operators: Collection[str], original: Original) -> onnx.ModelProto:
    """After onnxruntime's basic optimizations, in the newest of OPSETS that works and means the same."""
    opset = next((opset.version for opset in proto.opset_import if opset.domain in ("", "ai.onnx")), 0)
    for version in OPSETS:
        if opset < version:
            try:
                made = _simplified(raised(proto, version), operators)
                if original.means(made):
                    return made
            except NotWritten:
                raise
            except Exception:  # neither the converter nor onnxruntime has a class of its own for what it cannot do
                continue
    try:
        return _simplified(proto, operators)
    except NotWritten:
        raise
    except Exception as error:
        raise InvalidModel(f"ONNX Runtime, which calibrates, refuses the model: {error}") from error


def _simplified(proto: onnx.ModelProto, operators: Collection[str]) -> onnx.ModelProto:
    return optimized(proto, operators, "ConstantSharing")  # which would give constants other names


def _loads(proto: onnx.ModelProto) -> bool:
    """Whether ONNX Runtime takes a model: a fusion can go wrong on shapes that its author did not think of."""
    import onnxruntime

    options = session_options()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception:  # onnxruntime's errors have no common base class
        return False
    return True
