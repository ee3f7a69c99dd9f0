"""What QNN 2.51 computes wrongly from a value that it leaves in place, with a copy of the value in between.

Conv → Slice → Conv (or AveragePool, or a Split in between), where the part begins at no multiple of 8 in height or
width: the compiler reads the part in place, and the second window then reaches beyond it. On the emulator 16-bit floats
came out at -90 dB, 8-bit integers at -8, and some sizes ended the process. With padding floats are right without, but
not 8 bits. So it is with what a Concat joins along height or width. A Pad is left in place, too: another one behind it,
and the padding of a pool, came out wrong, or ended the process.

And a quantized Clip behind a convolution or an addition becomes the end of their range: where its own output's range
goes further, nothing was clipped. A copy of all channels in their order keeps all of them right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from zif.plugin import attribute, attribute_list
from zif_qnn_htp.rewrites.clips import cuts
from zif_qnn_htp.rewrites.requantizing import again
from zif_qnn_runtime.graph import owners

if TYPE_CHECKING:
    from zif import Model

_PARTS = frozenset({"Slice", "Split", "Concat"})
#: For each operator, what must not lie in place before it.
_BEFORE: Mapping[str, frozenset[str]] = {
    "Conv": _PARTS,
    "AveragePool": _PARTS | {"Pad"},
    "LpPool": _PARTS | {"Pad"},
    "MaxPool": frozenset({"Pad"}),
    "Pad": frozenset({"Pad"}),
}
_PAIR = frozenset({"QuantizeLinear", "DequantizeLinear"})
#: What leaves a value where it is; a Concat does when it has one input.
_HANDS_ON = _PAIR | {"Identity", "Concat"}


def copy(graph: onnx.GraphProto, model: Model) -> dict[str, str]:
    """Put a copy wherever one is needed; gives the unit of every new node, by the node's name."""
    whose = owners(model)
    makers = {name: node for node in graph.node for name in node.output}
    fed = {value.name for value in graph.input}
    added: dict[str, str] = {}
    for node in [node for node in graph.node if not node.domain]:
        if node.op_type in _BEFORE:
            needed = _wide(node, model) and _in_place(node.input[0], _BEFORE[node.op_type], makers, fed)
        else:
            needed = node.op_type == "Clip" and cuts(graph, node, model) and _source(node.input[0], makers) not in fed
        if needed:
            added.update(dict.fromkeys(_copied(graph, node, makers, model), whose[node.name][0]))
    return added


def _wide(window: onnx.NodeProto, model: Model) -> bool:
    """Whether a window covers more than one place."""
    kernel = attribute_list(window, "kernel_shape")
    weights = model.tensors[window.input[1]].shape if window.op_type == "Conv" else None
    return any(side != 1 for side in kernel or (weights or (0, 0, 0))[2:])


def _in_place(name: str, kinds: frozenset[str], makers: Mapping[str, onnx.NodeProto], fed: set[str]) -> bool:
    """Whether a value comes from such an operator and from one that is made here; from what is fed it was right."""
    while (node := makers.get(name)) is not None:
        if node.op_type in kinds and not _beside(node):
            return not node.domain and _source(node.input[0], makers) not in fed
        if node.op_type not in _HANDS_ON or len(node.input) > 1 + 2 * (node.op_type in _PAIR):
            return False
        name = node.input[0]
    return False


def _beside(node: onnx.NodeProto) -> bool:
    """Whether it is a Concat that joins channels, or nothing at all."""
    axis = attribute(node, "axis", 1)
    return node.op_type == "Concat" and (axis in (0, 1, -3) or len(node.input) == 1)


def _source(name: str, makers: Mapping[str, onnx.NodeProto]) -> str:
    while name in makers and makers[name].op_type in _PAIR:
        name = makers[name].input[0]
    return name


def _copied(
    graph: onnx.GraphProto, window: onnx.NodeProto, makers: Mapping[str, onnx.NodeProto], model: Model
) -> tuple[str, ...]:
    """Gather all channels before the window, in the encoding that they have; the names of the new nodes."""
    value, base = window.input[0], f"{window.name}_copied"
    shape = model.tensors[value].shape or (None,)
    axis = min(1, len(shape) - 1)
    channels = shape[axis]
    if not isinstance(channels, int):
        return ()
    indices = numpy_helper.from_array(np.arange(channels, dtype=np.int64), f"{base}_channels")
    graph.initializer.append(indices)
    node = helper.make_node("Gather", [value, indices.name], [f"{base}_value"], base, axis=axis)
    shown = helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, model.tensors[value].shape)
    known = next((info for info in graph.value_info if info.name == value), None)
    if known is not None:
        shown.type.CopyFrom(known.type)
    graph.value_info.append(shown)
    position = next(at for at, node in enumerate(graph.node) if node.name == window.name)
    graph.node.insert(position, node)
    window.input[0], names = again(graph, position + 1, base, node.output[0], makers.get(value), model)
    return (node.name, *names)
