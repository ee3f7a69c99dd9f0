"""Windows and scales that QNN 2.51 places elsewhere than ONNX does, seen from shapes and attributes alone.

The table of observations has what its tests met; these are the causes behind some of them, so that they hold for every
size: a resize goes by the ratio of the sizes, an average by windows that lie evenly, a convolution reads before the
start of the image where a whole window lies in the padding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from zif.plugin import attribute, attribute_list
from zif_qnn_htp.rewrites.windows import even

if TYPE_CHECKING:
    import onnx
    from zif import Model, Unit

#: Before it, RoiAlign has other coordinates, which the provider does not know.
_HALF_PIXEL_ROIS = 16
#: Of pictures: the number of dimensions.
_PICTURE = 4


def misplaced(model: Model, unit: Unit) -> str:
    """Why a unit would be computed over other places than ONNX says; "" when nothing is known against it."""
    for index in unit.nodes:
        node = model.proto.graph.node[index]
        if node.op_type == "AveragePool" and len(unit.nodes) == 1 and even(node, model):
            continue  # it gets its padding written before it
        judge = None if node.domain else _JUDGES.get(node.op_type)
        reason = judge(node, model) if judge else ""
        if reason:
            return reason
    return ""


def _resize(node: onnx.NodeProto, model: Model) -> str:
    """Given a scale, the size is rounded down, but places are scaled by the scale itself."""
    place = 2 if len(node.input) > 2 else 1
    name = node.input[place] if len(node.input) > place else ""
    shape = _shape(model, node.input[0])
    if shape is not None and len(shape) > _PICTURE and attribute(node, "mode", "nearest") == "linear":
        return "in three dimensions and more, linear interpolation gave other values"
    if not name or name not in model.initializers or shape is None:
        return ""
    sizes = [
        size * float(scale) for size, scale in zip(_axes(node, shape), model.array(name).reshape(-1), strict=False)
    ]
    if all(abs(size - round(size)) < 1e-3 for size in sizes):
        return ""
    return "where scale × size is no whole number, it was computed with the ratio of the sizes instead of the scale"


def _axes(node: onnx.NodeProto, shape: Sequence[int]) -> list[int]:
    """The sizes that the scales are for: those of the axes, when there are any."""
    axes = attribute_list(node, "axes")
    return [shape[axis] for axis in axes] if axes else list(shape)


def _average(node: onnx.NodeProto, model: Model) -> str:
    """Windows are right only where they lie evenly: the same padding on both sides, and the last one ends inside."""
    shape, kernel = _shape(model, node.input[0]), attribute_list(node, "kernel_shape")
    if shape is None:
        return ""
    windows = _extents(kernel, attribute_list(node, "dilations"))
    strides = attribute_list(node, "strides") or [1] * len(windows)
    pads = _same_pads(shape[2:], windows, strides, node) or attribute_list(node, "pads") or [0] * (2 * len(windows))
    before, after = pads[: len(windows)], pads[len(windows) :]
    if before != after:
        return "where the padding differs between the sides, it read outside the image, or crashed"
    if any(pad and not window % 2 for pad, window in zip(before, windows, strict=True)):
        return "where windows of even size meet padding, it was averaged over the wrong values"
    rows = zip(shape[2:], windows, strides, before, strict=False)
    out = any((size + 2 * pad - window) % stride for size, window, stride, pad in rows)
    if out and attribute(node, "ceil_mode", 0):
        return "where its last window sticks out (ceil_mode), it was averaged over the wrong number of values"
    return ""


def _same_pads(sizes: Sequence[int], windows: Sequence[int], strides: Sequence[int], node: onnx.NodeProto) -> list[int]:
    """The padding that auto_pad means, the smaller half first (which side it is on does not matter here)."""
    if not attribute(node, "auto_pad", "").startswith("SAME"):
        return []
    rows = zip(sizes, windows, strides, strict=False)
    whole = [max(0, (-(-size // stride) - 1) * stride + window - size) for size, window, stride in rows]
    return [pad // 2 for pad in whole] + [pad - pad // 2 for pad in whole]


def _convolution(node: onnx.NodeProto, model: Model) -> str:
    kernel = _shape(model, node.input[1])
    pads = attribute_list(node, "pads")
    if kernel is None or not pads or attribute(node, "auto_pad", "") not in ("", "NOTSET"):
        return ""
    windows = _extents(kernel[2:], attribute_list(node, "dilations"))
    if any(pad >= window for pad, window in zip(pads, windows, strict=False)):
        return "where a whole window lies in the padding at the start, it read before the image"
    return ""


def _transposed(node: onnx.NodeProto, model: Model) -> str:
    shape = _shape(model, node.input[0])
    if shape is not None and len(shape) > _PICTURE and attribute(node, "group", 1) > 1:
        return "in three dimensions, with groups, it gave other values"
    return "where its output goes on behind its last window, that was never written" if _behind(node, model) else ""


def _behind(node: onnx.NodeProto, model: Model) -> bool:
    """Whether a transposed convolution has an output that no window reaches: more output_padding than padding."""
    shapes = [_shape(model, name) for name in (node.input[0], node.input[1], node.output[0])]
    before, kernel, after = shapes
    if before is None or kernel is None or after is None:
        return False
    windows = _extents(kernel[2:], attribute_list(node, "dilations"))
    strides = attribute_list(node, "strides") or [1] * len(windows)
    pads = attribute_list(node, "pads") or [0] * (2 * len(windows))
    reached = [(size - 1) * step + window for size, step, window in zip(before[2:], strides, windows, strict=True)]
    starts = pads[: len(windows)] if not attribute_list(node, "output_shape") else [0] * len(windows)
    return any(start + size > end for start, size, end in zip(starts, after[2:], reached, strict=True))


def _rois(_node: onnx.NodeProto, model: Model) -> str:
    old = model.opsets.get("", _HALF_PIXEL_ROIS) < _HALF_PIXEL_ROIS
    return f"before opset {_HALF_PIXEL_ROIS} its coordinates are others; raise the model's opset" if old else ""


def _extents(kernel: Sequence[int], dilations: Sequence[int]) -> list[int]:
    return [(k - 1) * d + 1 for k, d in zip(kernel, dilations or [1] * len(kernel), strict=False)]


def _shape(model: Model, name: str) -> list[int] | None:
    info = model.tensors.get(name)
    if info is None or info.shape is None or not info.static:
        return None
    return [size for size in info.shape if isinstance(size, int)]


_JUDGES: Mapping[str, Callable[[onnx.NodeProto, Model], str]] = {
    **{"Resize": _resize, "AveragePool": _average, "LpPool": _average, "Conv": _convolution, "RoiAlign": _rois},
    "ConvTranspose": _transposed,
}
