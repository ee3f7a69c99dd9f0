"""Windows that QNN 2.51 lays wrongly over the padding in floats, with the padding written as a Pad before them.

A convolution over a row (one dimension, or a picture one pixel high) of 8·n values that keeps its length: the compiler
folds the row into 8 rows of n, and a window that reaches further than n into the padding on both sides is wrong, at 1
to 6 dB. One row less or one value more, and it is right.

An average with padding: where the padding counts (count_include_pad), it is wrong for windows that are not square, in
one and in three dimensions; where it does not count, it is wrong for pictures from some size on (a window of 3 from 28
pixels on), and for windows of 9. Where the last window sticks out, it reads beyond the picture. Without padding these
are right, and what does not count is a factor for each place.

And an average over all places (stride 1) of a narrow picture, from 14 rows of up to 8 values on, is at 1 to 5 dB even
without padding, unless the window is 3 by 3. As a convolution of every channel by itself it is right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper
from zif.plugin import attribute, attribute_list
from zif_qnn_htp.rewrites.node_maker import Maker, lone, sizes

if TYPE_CHECKING:
    from zif import Model
    from zif.plugin import Array

#: Into so many rows a long one is folded.
_ROWS = 8
#: The first opset in which paddings are an input of Pad.
_PADS_INPUT = 11


def lay(graph: onnx.GraphProto, model: Model) -> dict[str, str]:
    """Rewrite such windows in place; gives the unit of every new node, by the node's name."""
    units = lone(model)
    added: dict[str, str] = {}
    for node in [node for node in graph.node if node.name in units]:
        unit, original = units[node.name]
        made = Maker(graph, node, "laid")
        if node.op_type == "Conv":
            _row(made, original, model)
        elif node.op_type == "AveragePool":
            _average(made, original, model)
        added.update(dict.fromkeys(made.names, unit))
    return added


def even(node: onnx.NodeProto, model: Model) -> bool:
    """Whether all windows of an average can be laid over an explicit padding."""
    return _laid(node, model) is not None


def _row(made: Maker, node: onnx.NodeProto, model: Model) -> None:
    shape, out, weights = (sizes(model, name) for name in (node.input[0], node.output[0], node.input[1]))
    if not shape or not out or not weights or len(shape) not in (3, 4) or math.prod(shape[2:-1]) != 1:
        return
    stride, dilation = (attribute_list(node, word) or [1] for word in ("strides", "dilations"))
    reach = (weights[-1] - 1) * dilation[-1]
    pads = _pads(node, shape[2:], [1] * (len(shape) - 3) + [reach + 1], [1] * len(shape[2:]))
    length, pad = shape[-1], pads[-1]
    kept = stride[-1] == 1 and length == out[-1] and 2 * pad == reach and pads[len(pads) // 2 - 1] == pad
    if kept and math.prod(weights[2:-1]) == 1 and not length % _ROWS and pad > length // _ROWS:
        _pad(made, pads[: len(pads) // 2], pads[len(pads) // 2 :], model)


def _average(made: Maker, node: onnx.NodeProto, model: Model) -> None:
    laid = _laid(node, model)
    if laid is None:
        return
    before, after, shares = laid
    if any(before) or any(after):
        _pad(made, before, after, model)
    _each_channel(made, node, model)
    if any((share != 1).any() for share in shares):
        _scaled(made, shares, model.tensors[node.output[0]].dtype)


def _scaled(made: Maker, shares: Sequence[Array], dtype: str) -> None:
    """What the padding has taken from each place."""
    factor = np.ones((), np.float64)
    for axis, share in enumerate(shares):
        factor = factor * share.reshape([-1 if place == axis else 1 for place in range(len(shares))])
    result, made.at.output[0] = made.at.output[0], f"{made.at.name}_laid_value"
    made.single("Mul", made.at.output[0], made.constant(factor[None, None].astype(dtype)))
    made.waiting[-1].output[0] = result
    made.behind()


def _each_channel(made: Maker, node: onnx.NodeProto, model: Model) -> None:
    """An average over all places of a picture becomes a convolution; strides and square windows of 3 stay."""
    kernel, shape = attribute_list(node, "kernel_shape"), sizes(model, node.input[0]) or []
    if len(kernel) != 2 or set(attribute_list(node, "strides")) - {1} or kernel in ([3, 3], [1, 1]):
        return
    dtype = model.tensors[node.output[0]].dtype
    weights = made.constant(np.full([shape[1], 1, *kernel], 1 / math.prod(kernel), dtype))
    made.at.op_type = "Conv"
    made.at.input.append(weights)
    kept = [attribute for attribute in made.at.attribute if attribute.name in ("kernel_shape", "dilations")]
    del made.at.attribute[:]
    made.at.attribute.extend([*kept, helper.make_attribute("group", shape[1])])


def _laid(node: onnx.NodeProto, model: Model) -> tuple[list[int], list[int], list[Array]] | None:
    """What has to be padded before and behind, and by how much each place is then too small, by dimension.

    None where the shapes are not known, the type is none of numpy's, or a window lies wholly in the padding.
    """
    shape, out = sizes(model, node.input[0]), sizes(model, node.output[0])
    if not shape or not out or model.tensors[node.output[0]].dtype not in ("float32", "float16"):
        return None
    kernel = attribute_list(node, "kernel_shape")
    dilations = attribute_list(node, "dilations") or [1] * len(kernel)
    strides = attribute_list(node, "strides") or [1] * len(kernel)
    extents = [(size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True)]
    pads = _pads(node, shape[2:], extents, strides)
    counted = bool(attribute(node, "count_include_pad", 0))
    before, after = pads[: len(kernel)], list[int]()
    shares: list[Array] = []
    for axis, (size, count) in enumerate(zip(shape[2:], out[2:], strict=True)):
        starts = np.arange(count) * strides[axis] - before[axis]
        after.append(max(0, int(starts[-1]) + extents[axis] - size))
        places = starts[:, None] + np.arange(kernel[axis]) * dilations[axis]
        low, high = (-before[axis], size + pads[len(kernel) + axis]) if counted else (0, size)
        inside = ((places >= low) & (places < high)).sum(1)
        if not inside.all():
            return None
        shares.append(kernel[axis] / inside)
    return before, after, shares


def _pads(node: onnx.NodeProto, shape: Sequence[int], extents: Sequence[int], strides: Sequence[int]) -> list[int]:
    """The padding at the start of each dimension, then at the end of each; as auto_pad means it, too."""
    auto = attribute(node, "auto_pad", "NOTSET")
    if not auto.startswith("SAME"):
        return (attribute_list(node, "pads") if auto == "NOTSET" else []) or [0] * (2 * len(shape))
    rows = zip(shape, extents, strides, strict=True)
    whole = [max(0, (-(-size // step) - 1) * step + extent - size) for size, extent, step in rows]
    small, large = [pad // 2 for pad in whole], [pad - pad // 2 for pad in whole]
    return small + large if auto == "SAME_UPPER" else large + small


def _pad(made: Maker, before: Sequence[int], after: Sequence[int], model: Model) -> None:
    """Put the padding before the node, which has none from now on."""
    node, pads = made.at, [0, 0, *before, 0, 0, *after]
    if model.opsets.get("", 1) < _PADS_INPUT:
        node.input[0] = made.single("Pad", node.input[0], pads=pads)
    else:
        node.input[0] = made.single("Pad", node.input[0], made.constant(np.array(pads, np.int64)))
    made.before()
    kept = [
        attribute
        for attribute in node.attribute
        if attribute.name not in ("pads", "auto_pad", "ceil_mode", "count_include_pad")
    ]
    del node.attribute[:]
    node.attribute.extend(kept)
