"""Operators put together from their parts, those that the rules ask for and no others."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import onnx
from zif.plugin import private_folder

from zif_quantize.ort.libraries import session_options
from zif_quantize.ort.tools import on_disk, tools

if TYPE_CHECKING:
    from collections.abc import Collection

#: The optimizers of ONNX Runtime's basic level that fuse by themselves, by the operator that they make.
_BUILT_IN = {"LayerNormalization": "LayerNormFusionL1", "Gelu": "GeluFusionL1"}
#: onnxruntime's classes, in the order in which they see the graph. It has one for SpaceToDepth, too, whose parts its
#: optimizer has put together in another way by then.
_FUSIONS = (
    ("Gelu", "fusions", "FusionGelu"),
    ("LpNormalization", "execution_providers.qnn.fusion_lpnorm", "FusionLpNormalization"),
    ("LayerNormalization", "fusions", "FusionLayerNormalization"),
)
#: How onnxruntime's own preprocessing names what has no name, such as the body of a function: users name units so.
_UNNAMED = "qnn_preproc_node_"
_WHAT = "the model that ONNX Runtime optimizes"
#: From this opset on there is a LayerNormalization.
_LAYER_NORMALIZATION = 17


def optimized(proto: onnx.ModelProto, operators: Collection[str], *keep: str) -> onnx.ModelProto:
    """After ONNX Runtime's basic optimizations (standard operators only), which fuse none but these operators.

    keep: further optimizers that are left out, by ONNX Runtime's names. Raises NotWritten when the temporary folder has
    no room, and what ONNX Runtime raises for what it cannot do.
    """
    import onnxruntime

    options = session_options()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    left_out = [*keep, *(name for operator, name in _BUILT_IN.items() if operator not in operators)]
    with private_folder("zif-") as folder:
        before, after = folder / "in.onnx", folder / "out.onnx"
        with on_disk(_WHAT, folder):
            onnx.save(proto, before)
        options.optimized_model_filepath = str(after)
        providers = ["CPUExecutionProvider"]
        try:
            onnxruntime.InferenceSession(str(before), options, providers=providers, disabled_optimizers=left_out)
        except Exception:  # it calls a full disk a model that cannot be serialized
            with on_disk(_WHAT, folder):
                onnx.save(proto, after)
            raise
        return onnx.load(after)


def fused(proto: onnx.ModelProto, operators: Collection[str]) -> onnx.ModelProto:
    """A copy in which these operators stand for their parts, and every node has a name; the model itself where it is so
    already.
    """
    inferred = onnx.shape_inference.infer_shapes(proto)
    del inferred.metadata_props[:]  # of which none is lost
    graph: Any = tools("onnx_model").ONNXModel(optimized(inferred, operators))
    opset = next(opset.version for opset in graph.model.opset_import if opset.domain in ("", "ai.onnx"))
    changed = False
    for operator, module, name in _FUSIONS:
        if operator in operators and (operator != "LayerNormalization" or opset >= _LAYER_NORMALIZATION):
            with suppress(KeyError):  # it looks for who reads a value that the model gives, and changes nothing then
                changed |= getattr(tools(module), name)(graph).apply()
    if not (changed | _named(graph)):
        return proto
    graph.topological_sort()
    made: onnx.ModelProto = graph.model
    del made.metadata_props[:]
    made.metadata_props.extend(proto.metadata_props)
    return made


def _named(graph: Any) -> bool:
    """Give every node a name; whether one had none."""
    unnamed = [node for node in graph.nodes() if not node.name and node.op_type != "Constant"]
    first = graph.get_largest_node_name_suffix(_UNNAMED) + 1
    for number, node in enumerate(unnamed, first):
        node.name = f"{_UNNAMED}{number}"
    return bool(unnamed)
