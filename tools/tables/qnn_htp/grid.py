"""Tests beyond ONNX's own: operators of vision and language models over the values that their attributes take."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from attrs import frozen
from onnx import helper, numpy_helper
from zif.model import Model

from tools.tables.qnn_htp.cases import UnitCase, make
from tools.tables.qnn_htp.judge import by_reference, difference

if TYPE_CHECKING:
    from zif.records import Array

    Values = Mapping[str, Any]

OPSET = 21
Shape = tuple[int, ...]
#: An input: a shape to fill with numbers around zero, a value (fed when it is an array, a constant when it is a list),
#: or None, which leaves it out.
Input = Shape | list[Any] | Any | None


@frozen
class Grid:
    """One operator: its inputs, and for each attribute the values to combine; None leaves an attribute out."""

    op_type: str
    inputs: Sequence[Input]
    outputs: int = 1
    attributes: Mapping[str, Sequence[Any]] = {}


def _grid(op_type: str, *inputs: Input, outputs: int = 1, **attributes: Sequence[Any]) -> Grid:
    return Grid(op_type, inputs, outputs, attributes)


_IMAGE = (1, 4, 9, 11)
_PADS = ([0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 1, 0])
_POOL: dict[str, Any] = {
    "kernel_shape": ([2, 2], [3, 3]),
    "strides": ([1, 1], [2, 2]),
    "pads": _PADS,
    "ceil_mode": (0, 1),
}
_RESIZE: dict[str, Any] = {
    "coordinate_transformation_mode": ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"),
    "mode": ("nearest", "linear", "cubic"),
    "nearest_mode": ("round_prefer_floor", "floor", "ceil"),
}
_SAMPLING: dict[str, Any] = {"padding_mode": ("zeros", "border", "reflection"), "align_corners": (0, 1)}
_STRIDES: dict[str, Any] = {"strides": ([1, 1], [2, 2])}
_PADDED: dict[str, Any] = {"count_include_pad": (0, 1), **_STRIDES}
_KERNELS = ((2, 1), (3, 1), (3, 2), (4, 1), (4, 2), (5, 1), (5, 2), (7, 3))
_INDICES = ([[0, 1, 2, 0], [2, 1, 0, 1]], [[0, -1, 2, 0], [-2, 1, 0, 1]])
_REDUCTIONS = ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL2")
_UNARY = (
    *("Abs", "Atan", "Ceil", "Cos", "Elu", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Mish"),
    *(
        "Neg",
        "Relu",
        "Round",
        "Selu",
        "Sigmoid",
        "Sign",
        "Sin",
        "Softplus",
        "Softsign",
        "Tan",
        "Tanh",
        "ThresholdedRelu",
    ),
)
_BINARY = ("Add", "Sub", "Mul", "Max", "Min", "PRelu", "Greater", "LessOrEqual", "Equal")

GRIDS: tuple[Grid, ...] = (
    _grid("Conv", _IMAGE, (6, 4, 3, 3), pads=_PADS, strides=([1, 1], [2, 2]), dilations=([1, 1], [2, 2])),
    _grid("Conv", _IMAGE, (4, 1, 3, 3), (4,), group=(4,), pads=_PADS, strides=([1, 1], [2, 1])),
    _grid("Conv", _IMAGE, (6, 2, 1, 1), (6,), group=(2,)),
    _grid("Conv", (1, 4, 20), (6, 4, 3), pads=([0, 0], [1, 1], [2, 0]), strides=([1], [2]), dilations=([1], [2])),
    _grid("Conv", (1, 2, 5, 6, 7), (3, 2, 3, 3, 3), pads=([0] * 6, [1] * 6), strides=([1, 1, 1], [2, 2, 2])),
    _grid("Conv", _IMAGE, (6, 4, 3, 3), auto_pad=("SAME_UPPER", "SAME_LOWER", "VALID"), strides=([1, 1], [2, 2])),
    _grid("ConvTranspose", _IMAGE, (4, 6, 3, 3), pads=_PADS, strides=([1, 1], [2, 2])),
    _grid("ConvTranspose", _IMAGE, (4, 6, 3, 3), pads=_PADS, strides=([2, 2],), output_padding=([1, 1], [0, 1])),
    _grid("ConvTranspose", _IMAGE, (4, 3, 2, 2), group=(2,), strides=([2, 2],)),
    _grid("ConvTranspose", (1, 4, 20), (4, 6, 3), strides=([1], [2]), pads=([0, 0], [1, 1]), dilations=([1], [2])),
    _grid("ConvTranspose", _IMAGE, (4, 6, 3, 3), strides=([2, 2],), auto_pad=("SAME_UPPER", "SAME_LOWER")),
    _grid("MaxPool", _IMAGE, **_POOL),
    _grid("MaxPool", _IMAGE, kernel_shape=([3, 3],), dilations=([2, 2],), strides=([1, 1], [2, 2])),
    _grid("MaxPool", (1, 4, 20), kernel_shape=([3],), strides=([1], [2]), pads=([0, 0], [1, 1])),
    _grid("AveragePool", _IMAGE, count_include_pad=(0, 1), **_POOL),
    _grid("AveragePool", _IMAGE, kernel_shape=([3, 3],), auto_pad=("SAME_UPPER", "SAME_LOWER"), strides=([2, 2],)),
    _grid("AveragePool", (1, 4, 20), kernel_shape=([3],), strides=([1], [2]), pads=([0, 0], [1, 1])),
    _grid("LpPool", _IMAGE, p=(1, 2), kernel_shape=([2, 2], [3, 3]), strides=([2, 2],), pads=_PADS),
    _grid("GlobalAveragePool", _IMAGE),
    _grid("GlobalMaxPool", _IMAGE),
    _grid("Resize", (1, 2, 4, 6), None, [1.0, 1.0, 2.0, 2.0], **_RESIZE),
    _grid("Resize", (1, 2, 4, 6), None, [1.0, 1.0, 1.5, 3.0], **_RESIZE),
    _grid("Resize", (1, 2, 8, 6), None, [1.0, 1.0, 0.5, 0.5], **_RESIZE),
    _grid("Resize", (1, 2, 4, 6), None, None, [1, 2, 7, 9], **_RESIZE),
    _grid("Pad", (1, 3, 5, 6), [0, 0, 1, 2, 0, 0, 1, 0], mode=("constant", "reflect", "edge", "wrap")),
    _grid("Pad", (1, 3, 5, 6), [0, 0, -1, 1, 0, 0, 0, 1], mode=("constant",)),
    _grid("BatchNormalization", _IMAGE, [1.0, 2, 3, 4], [0.0, 1, 2, 3], [0.5, 0, 1, 2], [1.0, 2, 0.5, 1]),
    _grid("InstanceNormalization", _IMAGE, [1.0, 2, 3, 4], [0.0, 1, 2, 3]),
    _grid("GroupNormalization", _IMAGE, [1.0, 2, 3, 4], [0.0, 1, 2, 3], num_groups=(1, 2, 4)),
    _grid("LayerNormalization", (2, 5, 8), [1.0, 2, 3, 4, 1, 1, 1, 1], [0.0] * 8, axis=(-1, 2)),
    _grid("LRN", _IMAGE, size=(3, 5), alpha=(1e-4, 0.1)),
    _grid("LpNormalization", (2, 5, 8), axis=(-1, 1), p=(1, 2)),
    *(_grid(op, (2, 5, 8), axis=(-1, 0, 1, 2)) for op in ("Softmax", "LogSoftmax")),
    *(_grid(op, (2, 5, 8), [axis], keepdims=(0, 1)) for op in _REDUCTIONS for axis in (-1, 1)),
    *(_grid(op, (2, 5, 8), axis=(-1, 0, 1), keepdims=(0, 1), select_last_index=(0, 1)) for op in ("ArgMax", "ArgMin")),
    *(_grid(op, (2, 5, 8)) for op in _UNARY),
    *(_grid(op, (2, 5, 8), other) for op in _BINARY for other in ((2, 5, 8), (8,), (5, 1))),
    _grid("MatMul", (2, 5, 8), (8, 3)),
    _grid("MatMul", (2, 4, 5, 8), (2, 4, 8, 3)),
    _grid("MatMul", (5, 8), (8,)),
    _grid("MatMul", (8,), (8, 3)),
    *(_grid("Gemm", a, (8, 3), (3,), transA=(t,), alpha=(1.0, 0.5)) for a, t in (((5, 8), 0), ((8, 5), 1))),
    *(_grid("Gemm", (5, 8), b, (3,), transB=(t,), beta=(1.0, 2.0)) for b, t in (((8, 3), 0), ((3, 8), 1))),
    _grid("Transpose", (2, 3, 4, 5), perm=([0, 2, 3, 1], [3, 2, 1, 0], [1, 0, 2, 3])),
    _grid("Transpose", (2, 3, 2, 4, 5), perm=([0, 2, 1, 3, 4], [4, 3, 2, 1, 0])),
    _grid("Gather", (5, 8), [0, 2, 4], axis=(0, 1)),
    _grid("Gather", (5, 8), [-1, 2, -3], axis=(0, 1)),
    _grid("GatherElements", (3, 4), [[0, 1, 2, 0], [2, 1, 0, 1]], axis=(0,)),
    _grid("GatherElements", (3, 4), [[0, -1, 2, 0], [-2, 1, 0, 1]], axis=(0,)),
    _grid("GatherND", (3, 4, 2), [[0, 1], [2, 3]]),
    _grid("ScatterElements", (3, 4), [[0, 1, 2, 0]], (1, 4), axis=(0,), reduction=("none", "add", "mul", "max", "min")),
    _grid("ScatterND", (4, 3), [[0], [2]], (2, 3), reduction=("none", "add", "mul", "max", "min")),
    _grid("Slice", (4, 9, 6), [1, 0], [8, 5], [1, 2], [1, 1]),
    _grid("Slice", (4, 9, 6), [1, 0], [8, 5], [1, 2], [2, 3]),
    _grid("Slice", (4, 9, 6), [8], [0], [1], [-1]),
    _grid("Slice", (4, 9, 6), [-3], [9223372036854775807], [2]),
    _grid("Split", (4, 9, 6), [2, 3, 4], outputs=3, axis=(1,)),
    _grid("Split", (4, 9, 6), outputs=3, axis=(1, 2), num_outputs=(3,)),
    _grid("Concat", (2, 3, 4), (2, 3, 4), axis=(0, 1, -1)),
    _grid("Tile", (2, 3), [2, 3]),
    _grid("Expand", (3, 1), [2, 3, 4]),
    _grid("Reshape", (2, 3, 4), [0, -1]),
    _grid("Flatten", (2, 3, 4), axis=(0, 1, 2)),
    _grid("Squeeze", (1, 3, 1, 4), [0, 2]),
    _grid("Unsqueeze", (3, 4), [0, 3]),
    _grid("Where", [[True, False, True]], (2, 3), (2, 3)),
    _grid("Clip", (2, 5, 8), [-0.5], [0.5]),
    _grid("DepthToSpace", (1, 8, 3, 4), blocksize=(2,), mode=("DCR", "CRD")),
    _grid("SpaceToDepth", (1, 2, 6, 4), blocksize=(2,)),
    _grid("TopK", (3, 10), [4], outputs=2, axis=(-1, 0), largest=(0, 1), sorted=(1,)),
    _grid("CumSum", (3, 6), [1], exclusive=(0, 1), reverse=(0, 1)),
    _grid("GridSample", (1, 2, 5, 6), (1, 4, 3, 2), mode=("linear", "nearest", "cubic"), **_SAMPLING),
    _grid("LSTM", (5, 2, 4), (1, 12, 4), (1, 12, 3), (1, 24), outputs=3, hidden_size=(3,)),
    _grid("GRU", (5, 2, 4), (1, 9, 4), (1, 9, 3), (1, 18), outputs=2, hidden_size=(3,), linear_before_reset=(0, 1)),
    _grid("Pow", (2, 5), [2.0]),
    _grid("Mod", (2, 5), [0.7], fmod=(1,)),
    _grid("Einsum", (2, 3, 4), (2, 4, 5), equation=("bij,bjk->bik",)),
    _grid("Trilu", (4, 5), upper=(0, 1)),
    _grid("ConvTranspose", (1, 2, 3, 3), (2, 3, 3, 3), strides=([3, 2], [2, 2]), output_padding=(None, [1, 1], [0, 1])),
    _grid("ConvTranspose", (1, 2, 3, 3), (2, 3, 3, 3), strides=([3, 2],), output_shape=([10, 8],)),
    _grid("AveragePool", (1, 1, 4, 4), **_POOL),
    _grid("MaxPool", (1, 1, 4, 4), **_POOL),
    *(_grid(op, shape) for op in _UNARY for shape in ((9,), (3, 7), (1, 3, 4, 5))),
    *(_grid("AveragePool", (1, 4, 16, 16), kernel_shape=([k, k],), pads=([p] * 4,), **_PADDED) for k, p in _KERNELS),
    *(_grid("MaxPool", (1, 4, 16, 16), kernel_shape=([k, k],), pads=([p] * 4,), **_STRIDES) for k, p in _KERNELS),
    *(_grid("LpPool", (1, 4, 16, 16), kernel_shape=([k, k],), pads=([p] * 4,), **_STRIDES) for k, p in _KERNELS),
    *(_grid("GatherElements", (3, 4), np.array(i), axis=(0, 1)) for i in _INDICES),
    *(_grid("ScatterElements", (3, 4), np.array(i), (2, 4), axis=(0, 1)) for i in _INDICES),
    *(_grid("Gather", (5, 4), np.array(i), axis=(0, 1)) for i in _INDICES),
    *(_grid("GatherND", (3, 4), np.array(i)) for i in ([[0, 1], [2, 3]], [[-1, 1], [2, -3]])),
    *(_grid("ScatterND", (4, 3), np.array(i), (2, 3)) for i in ([[0], [2]], [[-1], [2]])),
    *(_grid("ScatterND", (4, 3), i, (2, 3)) for i in ([[0], [2]], [[-1], [2]])),
    _grid("Pad", (1, 3, 5, 6), [0, 0, 1, 1, 0, 0, 1, 1], mode=("constant", "reflect", "edge")),
    _grid("Pad", (3, 5, 6), [0, 1, 2, 0, 1, 0], mode=("constant", "reflect", "edge")),
    _grid("Resize", (1, 8, 16, 16), None, [1.0, 1.0, 2.0, 2.0], **_RESIZE),
    _grid("Resize", (1, 3, 16, 12), None, None, [1, 3, 32, 24], **_RESIZE),
    _grid("Resize", (1, 3, 16, 12), None, None, [1, 3, 8, 6], **_RESIZE),
    # Two pictures of three channels, and sizes that no scale or stride divides.
    _grid("Resize", (2, 3, 4, 6), None, [1.0, 1.0, 1.5, 1.5], **_RESIZE),
    _grid("Resize", (2, 3, 8, 6), None, [1.0, 1.0, 0.5, 0.5], **_RESIZE),
    _grid("AveragePool", (2, 3, 8, 9), count_include_pad=(0, 1), **_POOL),
    _grid("MaxPool", (2, 3, 8, 9), **_POOL),
    _grid("LpPool", (2, 3, 8, 9), p=(2,), **_POOL),
    _grid("Conv", (2, 3, 8, 9), (4, 3, 2, 2), pads=_PADS, strides=([1, 1], [2, 2])),
)  # fmt: skip


def grid_cases() -> Iterator[UnitCase]:
    """One case per combination of attributes."""
    for position, grid in enumerate(GRIDS):
        names = list(grid.attributes)
        for number, values in enumerate(itertools.product(*grid.attributes.values())):
            chosen = {name: value for name, value in zip(names, values, strict=True) if value is not None}
            case = _case(f"grid_{grid.op_type.lower()}_{position}_{number}", grid, chosen)
            if case is not None:
                yield case


def _case(name: str, grid: Grid, attributes: Mapping[str, Any]) -> UnitCase | None:
    """A case whose answer two engines agree on; None when they do not, or when neither knows it."""
    random = np.random.default_rng(len(name))
    names = [f"i{number}" if inputs is not None else "" for number, inputs in enumerate(grid.inputs)]
    values = {n: _value(name, random) for n, name in zip(names, grid.inputs, strict=True) if name is not None}
    fixed = [n for n, name in zip(names, grid.inputs, strict=True) if isinstance(name, list)]
    feeds = {n: value for n, value in values.items() if n not in fixed}
    outputs = [f"o{number}" for number in range(grid.outputs)]
    node = helper.make_node(grid.op_type, names, outputs, "only", **attributes)
    weights = [numpy_helper.from_array(values[n], n) for n in fixed]
    wanted = by_reference(_model(node, feeds, dict.fromkeys(outputs), weights).SerializeToString(), feeds)
    if wanted is None:
        return None
    proto = _model(node, feeds, wanted, weights)
    if difference(wanted, _second_opinion(proto, feeds, wanted)):
        return None
    return make(name, [node], Model.load(proto), feeds, wanted, fixed)


def _model(
    node: onnx.NodeProto, feeds: Values, outputs: Values, weights: Sequence[onnx.TensorProto]
) -> onnx.ModelProto:
    graph = helper.make_graph([node], "grid", _infos(feeds), _infos(outputs), weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)


def _infos(values: Values) -> list[onnx.ValueInfoProto]:
    return [
        helper.make_tensor_value_info(name, 0, None)
        if value is None
        else helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in values.items()
    ]


def _second_opinion(proto: onnx.ModelProto, feeds: Values, first: Values) -> Mapping[str, Any]:
    """What ONNX Runtime's CPU provider computes; the first opinion where it does not have the operator."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return dict(zip(first, session.run(list(first), dict(feeds)), strict=True))
    except Exception:  # it has gaps, too
        return first


def _value(entry: Any, random: np.random.Generator) -> Array:
    if isinstance(entry, np.ndarray):
        return entry
    if isinstance(entry, tuple):
        return random.normal(size=entry).astype(np.float32)
    value = np.array(entry)
    return value.astype(np.float32) if value.dtype == np.float64 else value
