"""Every layer of Caffe that OpenCV reads, too, beside OpenCV; the others beside their formula."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from zif import Unsupported
from zif.plugin import Request
from zif_caffe.layers import REFUSED, WRITERS
from zif_caffe.network import read
from zif_caffe.source import judged, pair
from zif_caffe.translate import convert

from caffe.nets import Arrays, one_layer, saved, values

P = (2, 6, 9, 11)
#: What stands in the layer, the shapes of its inputs, its weights.
Case = tuple[str, Sequence[Sequence[int]], Sequence[np.ndarray]]


def conv(text: str, *weight: int, out: int = 4, bias: bool = True, kind: str = "Convolution") -> Case:
    arrays = [values(1, *weight), *([values(2, out)] if bias else [])]
    return f'type: "{kind}" convolution_param {{ num_output: {out} {text} }}', [P], arrays


def plain(text: str, *shapes: Sequence[int]) -> Case:
    return text, shapes or [P], []


BY_OPENCV: dict[str, Case] = {
    "conv": conv("kernel_size: 3 pad: 1", 4, 6, 3, 3),
    "conv-stride": conv("kernel_h: 3 kernel_w: 5 stride: 2 pad_h: 1 pad_w: 2", 4, 6, 3, 5),
    "conv-group-dilation": conv("kernel_size: 3 group: 2 dilation: 2", 4, 3, 3, 3),
    "conv-no-bias": conv("kernel_size: 1 bias_term: false", 4, 6, 1, 1, bias=False),
    "deconv": conv("kernel_size: 4 stride: 2 pad: 1", 6, 4, 4, 4, kind="Deconvolution"),
    "deconv-group": conv("kernel_size: 2 stride: 2 group: 2", 6, 2, 2, 2, kind="Deconvolution"),
    "inner-product": (
        'type: "InnerProduct" inner_product_param { num_output: 5 }',
        [P],
        [values(1, 5, 6 * 9 * 11), values(2, 5)],
    ),
    "max-pool": plain('type: "Pooling" pooling_param { pool: MAX kernel_size: 3 stride: 2 }'),
    "max-pool-pad": plain('type: "Pooling" pooling_param { pool: MAX kernel_size: 3 stride: 2 pad: 1 }'),
    "max-pool-over": plain('type: "Pooling" pooling_param { pool: MAX kernel_size: 2 stride: 2 }'),
    "global-pool": plain('type: "Pooling" pooling_param { pool: AVE global_pooling: true }'),
    "ave-pool": plain('type: "Pooling" pooling_param { pool: AVE kernel_size: 3 stride: 2 }', (1, 3, 7, 9)),
    "lrn": plain('type: "LRN" lrn_param { local_size: 5 alpha: 0.5 beta: 0.75 }'),
    "batch-norm": (
        'type: "BatchNorm" batch_norm_param { eps: 0.001 }',
        [P],
        [values(1, 6), np.abs(values(2, 6)) + 0.1, np.array([2.0])],
    ),
    "scale": ('type: "Scale" scale_param { bias_term: true }', [P], [values(1, 6), values(2, 6)]),
    "softmax": plain('type: "Softmax"'),
    "softmax-axis": plain('type: "Softmax" softmax_param { axis: 2 }'),
    "relu": plain('type: "ReLU"'),
    "leaky-relu": plain('type: "ReLU" relu_param { negative_slope: 0.1 }'),
    "prelu": ('type: "PReLU"', [P], [np.abs(values(1, 6))]),
    "elu": plain('type: "ELU" elu_param { alpha: 1 }'),
    "sigmoid": plain('type: "Sigmoid"'),
    "tanh": plain('type: "TanH"'),
    "abs": plain('type: "AbsVal"'),
    "bnll": plain('type: "BNLL"'),
    "power": plain('type: "Power" power_param { power: 2 scale: 0.5 shift: 1.5 }'),
    "flatten": plain('type: "Flatten"'),
    "flatten-part": plain('type: "Flatten" flatten_param { axis: 2 end_axis: 3 }'),
    "reshape": plain('type: "Reshape" reshape_param { shape { dim: 0 dim: 2 dim: 3 dim: -1 } }'),
    "reshape-part": plain('type: "Reshape" reshape_param { axis: 1 num_axes: 1 shape { dim: 2 dim: 3 } }'),
    "permute": plain('type: "Permute" permute_param { order: 0 order: 2 order: 3 order: 1 }'),
    "normalize": (
        'type: "Normalize" norm_param { across_spatial: false channel_shared: false }',
        [P],
        [values(1, 6)],
    ),
    "normalize-all": ('type: "Normalize" norm_param { across_spatial: true }', [(1, 6, 5, 4)], [np.array([3.0])]),
    "mvn": plain('type: "MVN" mvn_param { eps: 1e-9 }'),
    "mvn-mean": plain('type: "MVN" mvn_param { normalize_variance: false }'),
    "shuffle": plain('type: "ShuffleChannel" shuffle_channel_param { group: 3 }'),
    "dropout": plain('type: "Dropout"'),
    "eltwise-sum": plain('type: "Eltwise" eltwise_param { operation: SUM coeff: 2 coeff: -0.5 }', P, P),
    "eltwise-prod": plain('type: "Eltwise" eltwise_param { operation: PROD }', P, P, P),
    "eltwise-max": plain('type: "Eltwise" eltwise_param { operation: MAX }', P, P),
    "concat": plain('type: "Concat"', P, (2, 3, 9, 11)),
    "concat-axis": plain('type: "Concat" concat_param { axis: 2 }', P, (2, 6, 4, 11)),
    "crop": plain('type: "Crop" crop_param { axis: 2 offset: 1 offset: 3 }', P, (2, 3, 5, 7)),
    "prior-box": plain(
        'type: "PriorBox" prior_box_param { min_size: 30 max_size: 60 aspect_ratio: 2 aspect_ratio: 3 flip: true '
        "clip: false variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 }",
        (1, 4, 5, 6),
        (1, 3, 100, 120),
    ),
    "prior-box-step": plain(
        'type: "PriorBox" prior_box_param { min_size: 30 min_size: 50 aspect_ratio: 2 flip: false clip: true step: 16 '
        "variance: 0.1 }",
        (1, 4, 5, 6),
        (1, 3, 80, 96),
    ),
}


def made(path: Path, inputs: dict[str, np.ndarray], opset: int = 0) -> dict[str, np.ndarray]:
    model = convert(read(*pair(path)), {}, opset).model
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    given = {value.name: inputs[value.name] for value in session.get_inputs()}
    return dict(zip(names, session.run(names, given), strict=True))


def feed(shapes: Sequence[Sequence[int]]) -> dict[str, np.ndarray]:
    return {f"x{number}": values(10 + number, *shape) for number, shape in enumerate(shapes)}


def net(folder: Path, case: Case, tops: Sequence[str] = ("y",)) -> Path:
    text, shapes, arrays = case
    return saved(folder, one_layer(text, *shapes, bottoms=len(shapes), tops=tops), {"l": arrays})


@pytest.mark.parametrize("opset", [13, 17, 21])
@pytest.mark.parametrize("name", BY_OPENCV)
def test_a_layer_is_what_opencv_computes(tmp_path: Path, name: str, opset: int) -> None:
    pytest.importorskip("cv2", reason="OpenCV 4 runs the source")
    path = net(tmp_path, BY_OPENCV[name])
    inputs = feed(BY_OPENCV[name][1])
    right = judged(path, Request(), inputs)["y"]
    ours = made(path, inputs, opset)["y"]
    assert ours.shape == right.shape
    np.testing.assert_allclose(ours, right, rtol=2e-4, atol=2e-5)


X, Y = values(10, *P), values(11, *P)


def windows(x: np.ndarray, kernel: int, stride: int, pad: int) -> np.ndarray:
    """Caffe's mean, place by place, as its documentation and `PoolingLayer` have it."""
    size = x.shape[2]
    places = -(-(size + 2 * pad - kernel) // stride) + 1
    if pad and (places - 1) * stride >= size + pad:
        places -= 1
    out = np.zeros((*x.shape[:2], places, places), np.float64)
    for row, column in np.ndindex(places, places):
        begins = [place * stride - pad for place in (row, column)]
        ends = [min(begin + kernel, size + pad) for begin in begins]
        area = (ends[0] - begins[0]) * (ends[1] - begins[1])
        (top, left), (bottom, right) = [max(0, one) for one in begins], [min(one, size) for one in ends]
        out[:, :, row, column] = x[:, :, top:bottom, left:right].sum((2, 3)) / area
    return out


Formula = Callable[..., np.ndarray]
SQUARE = (1, 3, 8, 8)
BY_FORMULA: dict[str, tuple[Case, Formula]] = {
    f"ave-pool-{kernel}-{stride}-{pad}": (
        plain(
            f'type: "Pooling" pooling_param {{ pool: AVE kernel_size: {kernel} stride: {stride} pad: {pad} }}', SQUARE
        ),
        lambda x, k=kernel, s=stride, p=pad: windows(x, k, s, p),
    )
    for kernel, stride, pad in [(3, 2, 0), (3, 2, 1), (2, 3, 1), (5, 3, 2), (3, 1, 1), (4, 4, 3)]
} | {
    "exp": (
        plain('type: "Exp" exp_param { base: 2 scale: 0.5 shift: 1 }'),
        lambda x: 2 ** (1 + 0.5 * x),
    ),
    "exp-e": (plain('type: "Exp"'), np.exp),
    "log": (
        ('type: "Log" log_param { base: 10 scale: 0.1 shift: 5 }', [P], []),
        lambda x: np.log10(5 + 0.1 * x),
    ),
    "threshold": (
        plain('type: "Threshold" threshold_param { threshold: 0.3 }'),
        lambda x: (x > 0.3).astype(np.float32),
    ),
    "swish": (plain('type: "Swish" swish_param { beta: 2 }'), lambda x: x / (1 + np.exp(-2 * x))),
    "clip": (plain('type: "Clip" clip_param { min: -0.5 max: 0.7 }'), lambda x: np.clip(x, -0.5, 0.7)),
    "relu6": (plain('type: "ReLU6"'), lambda x: np.clip(x, 0, 6)),
    "tile": (plain('type: "Tile" tile_param { axis: 1 tiles: 3 }'), lambda x: np.tile(x, (1, 3, 1, 1))),
    "sum": (plain('type: "Reduction" reduction_param { operation: SUM axis: 2 }'), lambda x: x.sum((2, 3))),
    "asum": (
        plain('type: "Reduction" reduction_param { operation: ASUM axis: 1 coeff: 2 }'),
        lambda x: 2 * np.abs(x).sum((1, 2, 3)),
    ),
    "sumsq": (plain('type: "Reduction" reduction_param { operation: SUMSQ axis: 3 }'), lambda x: (x**2).sum(3)),
    "mean": (plain('type: "Reduction" reduction_param { operation: MEAN axis: -1 }'), lambda x: x.mean(3)),
    "argmax": (
        plain('type: "ArgMax" argmax_param { axis: 1 }'),
        lambda x: x.argmax(1)[:, None].astype(np.float32),
    ),
    "argmax-flat": (
        plain('type: "ArgMax" argmax_param { top_k: 2 }'),
        lambda x: np.argsort(-x.reshape(2, 1, -1), axis=2, kind="stable")[:, :, :2].astype(np.float32),
    ),
    "argmax-both": (
        plain('type: "ArgMax" argmax_param { out_max_val: true }'),
        lambda x: np.stack([x.reshape(2, -1).argmax(1), x.reshape(2, -1).max(1)], 1)[..., None].astype(np.float32),
    ),
    "argmax-value": (
        plain('type: "ArgMax" argmax_param { axis: 1 out_max_val: true }'),
        lambda x: x.max(1, keepdims=True),
    ),
    "lrn-within": (
        plain('type: "LRN" lrn_param { local_size: 3 alpha: 2 beta: 0.75 norm_region: WITHIN_CHANNEL }', SQUARE),
        lambda x: x / (1 + 2 * windows(x**2, 3, 1, 1)) ** 0.75,
    ),
    "mvn-all": (
        plain('type: "MVN" mvn_param { across_channels: true eps: 0.01 }'),
        lambda x: (x - x.mean((1, 2, 3), keepdims=True)) / (x.std((1, 2, 3), keepdims=True) + 0.01),
    ),
    "bias": (('type: "Bias"', [P], [values(1, 6)]), lambda x: x + values(1, 6)[:, None, None]),
    "scale-two": (
        plain('type: "Scale" scale_param { axis: 0 }', P, (2, 6)),
        lambda x, s: x * s[:, :, None, None],
    ),
    "scale-axis": (
        ('type: "Scale" scale_param { axis: 2 num_axes: 2 }', [P], [values(1, 9, 11)]),
        lambda x: x * values(1, 9, 11),
    ),
    "inner-product-transposed": (
        ('type: "InnerProduct" inner_product_param { num_output: 4 axis: 3 transpose: true bias_term: false }', [P], [
            values(1, 11, 4)
        ]),
        lambda x: x @ values(1, 11, 4),
    ),
    "embed": (
        ('type: "Embed" embed_param { num_output: 3 input_dim: 4 }', [(2, 5)], [values(1, 4, 3), values(2, 3)]),
        lambda x: values(1, 4, 3)[x.astype(int)] + values(2, 3),
    ),
    "batch-reindex": (
        plain('type: "BatchReindex"', (4, 3, 2, 2), (6,)),
        lambda x, order: x[order.astype(int)],
    ),
    "spp": (
        plain('type: "SPP" spp_param { pyramid_height: 2 }', (1, 3, 8, 8)),
        lambda x: np.concatenate([x.max((2, 3)), x.reshape(1, 3, 2, 4, 2, 4).max((3, 5)).reshape(1, -1)], 1),
    ),
    "interp": (
        plain('type: "Interp" interp_param { height: 15 width: 15 }', SQUARE),
        lambda x: corners(x, 15),
    ),
    "upsample": (
        plain('type: "Upsample" upsample_param { scale: 2 }', SQUARE),
        lambda x: x.repeat(2, axis=2).repeat(2, axis=3),
    ),
}  # fmt: skip


def corners(x: np.ndarray, size: int) -> np.ndarray:
    """Bilinear with the corners on the corners."""
    at = np.linspace(0, x.shape[2] - 1, size)
    low = np.minimum(at.astype(int), x.shape[2] - 2)
    part = at - low
    rows = x[:, :, low] * (1 - part)[:, None] + x[:, :, low + 1] * part[:, None]
    made: np.ndarray = rows[..., low] * (1 - part) + rows[..., low + 1] * part
    return made


@pytest.mark.parametrize("name", BY_FORMULA)
def test_a_layer_is_its_formula(tmp_path: Path, name: str) -> None:
    case, formula = BY_FORMULA[name]
    inputs = feed(case[1])
    if name in ("embed", "batch-reindex"):
        last = f"x{len(case[1]) - 1}"
        inputs[last] = np.random.default_rng(0).integers(0, 4, inputs[last].shape).astype(np.float32)
    np.testing.assert_allclose(made(net(tmp_path, case), inputs)["y"], formula(*inputs.values()), rtol=1e-4, atol=1e-5)


def test_pieces_and_copies(tmp_path: Path) -> None:
    path = net(tmp_path, plain('type: "Slice" slice_param { axis: 1 slice_point: 1 slice_point: 4 }'), ("a", "b", "c"))
    given = feed([P])
    right = np.split(given["x0"], [1, 4], axis=1)
    for name, piece in zip("abc", right, strict=True):
        np.testing.assert_array_equal(made(path, given)[name], piece)
    path = net(tmp_path, plain('type: "Split"'), ("a", "b"))
    np.testing.assert_array_equal(made(path, given)["b"], given["x0"])


@pytest.mark.parametrize("kind", [*REFUSED, "Frobnicate"])
def test_what_cannot_be_said_names_the_layer(tmp_path: Path, kind: str) -> None:
    path = net(tmp_path, plain(f'type: "{kind}"'))
    with pytest.raises(Unsupported, match=rf"layer 'l' .*{kind}"):
        convert(read(*pair(path)), {})


def test_every_layer_is_tried() -> None:
    text = "".join(case[0] for case in [*BY_OPENCV.values(), *(case for case, _ in BY_FORMULA.values())])
    others = {"Split", "Slice", "DetectionOutput", "Parameter", "ROIPooling"}
    aliases = {"ConvolutionDepthwise", "DepthwiseConvolution"}
    assert {kind for kind in WRITERS if f'type: "{kind}"' not in text} == others | aliases


def weights_of(*arrays: np.ndarray) -> Arrays:
    return {"l": arrays}


def test_a_learned_array_and_regions(tmp_path: Path) -> None:
    text = one_layer('type: "Parameter" parameter_param { shape { dim: 2 dim: 3 } }', (1, 1), bottoms=0)
    array = values(1, 2, 3)
    np.testing.assert_array_equal(made(saved(tmp_path, text, weights_of(array)), feed([(1, 1)]))["y"], array)
    path = net(
        tmp_path,
        plain(
            'type: "ROIPooling" roi_pooling_param { pooled_h: 2 pooled_w: 2 spatial_scale: 1 }', (1, 3, 8, 8), (1, 5)
        ),
    )
    x = values(10, 1, 3, 8, 8)
    regions = np.array([[0, 0, 0, 7, 7]], np.float32)
    right = x.reshape(1, 3, 2, 4, 2, 4).max((3, 5))
    np.testing.assert_array_equal(made(path, {"x0": x, "x1": regions})["y"], right)
