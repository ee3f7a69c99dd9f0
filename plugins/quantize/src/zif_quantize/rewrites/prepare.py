"""A float model made ready for quantizing: shapes fixed, constants folded, patterns fused into what QNN has."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
from onnx import numpy_helper
from zif import InvalidModel
from zif.plugin import BIASED as BIASED

from zif_quantize.ort.tools import quiet, tools
from zif_quantize.rewrites.spelling import settle
from zif_quantize.rewrites.widened import widen

if TYPE_CHECKING:
    from zif import Model
    from zif.plugin import Source

#: Marks a model that has been through here.
MARK = "zif.prepared"
#: Opsets that are tried: 16-bit QuantizeLinear, LayerNormalization, one scale per channel.
OPSETS = (21, 17, 13)
#: Operators of models that are quantized already.
QUANTIZED = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger", "ConvInteger")


def prepare(source: Source, shapes: Mapping[str, Sequence[int]] | None = None) -> Model:
    """The model as it will be quantized. One that has been prepared comes back as it is.

    BatchNormalizations are folded into convolutions, the parts of LayerNormalization and of Gelu (Erf) are fused into
    one operator each, every node has a name. Raises InvalidModel for a model that is quantized already.
    """
    from zif import Model

    model = Model.load(source, shapes)
    if is_prepared(model):
        return model
    _refuse_quantized(model)
    proto = whole(model)
    widen(proto)
    with quiet():
        proto = _optimized(proto)
        fused = _fused(proto)
        proto = fused if _loads(fused) else proto
    settle(proto)
    made = Model.load(proto)
    made.proto.metadata_props.append(onnx.StringStringEntryProto(key=MARK, value="1"))
    made.name = model.name
    return made


def is_prepared(model: Model) -> bool:
    """Whether the model has been through `prepare`."""
    return any(entry.key == MARK for entry in model.proto.metadata_props)


def unmark(proto: onnx.ModelProto) -> None:
    """Take away the mark of `prepare`: the model is no longer a float one."""
    kept = [entry for entry in proto.metadata_props if entry.key != MARK]
    del proto.metadata_props[:]
    proto.metadata_props.extend(kept)


def whole(model: Model) -> onnx.ModelProto:
    """A copy of the model's proto with every weight inside it."""
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    for tensor in proto.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            tensor.CopyFrom(numpy_helper.from_array(model.array(tensor.name), tensor.name))
    return proto


def _refuse_quantized(model: Model) -> None:
    found = [n for n in model.proto.graph.node if n.op_type in QUANTIZED or n.op_type.startswith("QLinear")]
    if found:
        raise InvalidModel(
            f"{model.name} is quantized already: node {found[0].name!r} is a {found[0].op_type}. "
            "Quantize the float model that it was made from."
        )


def _optimized(proto: onnx.ModelProto) -> onnx.ModelProto:
    """After onnxruntime's basic optimizations (standard operators only), in the newest of OPSETS that works."""
    from onnx import version_converter

    opset = next((one.version for one in proto.opset_import if one.domain in ("", "ai.onnx")), 0)
    for wanted in OPSETS:
        if opset < wanted:
            # Neither the converter nor onnxruntime has a class of its own for what it cannot do.
            with contextlib.suppress(Exception):
                return _simplified(version_converter.convert_version(proto, wanted))
    try:
        return _simplified(proto)
    except Exception as error:
        raise InvalidModel(f"ONNX Runtime, which calibrates, refuses the model: {error}") from error


def _simplified(proto: onnx.ModelProto) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory(prefix="zif-") as folder:
        before, after = Path(folder) / "in.onnx", Path(folder) / "out.onnx"
        onnx.save(proto, before)
        tools("quant_utils").optimize_model(before, after)
        return onnx.load(after)


def _loads(proto: onnx.ModelProto) -> bool:
    """Whether ONNX Runtime takes a model: a fusion can go wrong on shapes that its author did not think of."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception:  # onnxruntime's errors have no common base class
        return False
    return True


def _fused(proto: onnx.ModelProto) -> onnx.ModelProto:
    preprocess: Any = tools("execution_providers.qnn").qnn_preprocess_model
    with tempfile.TemporaryDirectory(prefix="zif-") as folder:
        after = Path(folder) / "out.onnx"
        given = onnx.ModelProto()
        given.CopyFrom(proto)  # it moves the weights of what it is given into files
        del given.metadata_props[:]  # which it fails on (onnxruntime 1.32)
        changed = preprocess(given, after, fuse_layernorm=True)
        if not changed:
            return proto
        made = onnx.load(after)
        del made.metadata_props[:]
        made.metadata_props.extend(proto.metadata_props)
        return made
