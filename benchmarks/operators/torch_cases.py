"""What people write in PyTorch, operator by operator, as its exporter writes it: ONNX files for `benchmarks.operators`.

    python benchmarks/operators/torch_cases.py FOLDER [WORD…]

Run it where `torch` and `onnxscript` are (they are no dependency of zif). For each case FOLDER gets NAME.onnx, and
NAME.npz with two sets of inputs, `0/INPUT` and `1/INPUT`. WORD: only cases whose name contains one of these.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

Case = tuple[str, Callable[..., Any], tuple[Any, ...]]


def r(*shape: int, scale: float = 1.0, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(*shape) * scale + shift


def p(*shape: int, low: float = 0.1, high: float = 3.0) -> torch.Tensor:
    return torch.rand(*shape) * (high - low) + low


def i(high: int, *shape: int, low: int = 0, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    return torch.randint(low, high, shape, dtype=dtype)


def b(*shape: int) -> torch.Tensor:
    return torch.rand(*shape) < 0.5


class Fn(nn.Module):
    """A function as a module; its constants are buffers."""

    def __init__(self, call: Callable[..., Any], **buffers: torch.Tensor) -> None:
        super().__init__()
        self.call = call
        for name, value in buffers.items():
            self.register_buffer(name, value)
        self.names = list(buffers)

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.call(*inputs, *(getattr(self, name) for name in self.names))


UNARY: dict[str, Callable[[torch.Tensor], Any]] = {
    "abs": torch.abs, "atan": torch.atan, "ceil": torch.ceil, "cos": torch.cos, "sin": torch.sin, "erf": torch.erf,
    "exp": torch.exp, "expm1": torch.expm1, "floor": torch.floor, "neg": torch.neg, "relu": torch.relu,
    "round": torch.round, "trunc": torch.trunc, "sigmoid": torch.sigmoid, "sign": torch.sign, "square": torch.square,
    "tanh": torch.tanh, "tan": torch.tan, "sinh": torch.sinh, "cosh": torch.cosh, "asinh": torch.asinh,
    "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid, "hardtanh": F.hardtanh, "relu6": F.relu6, "elu": F.elu,
    "elu_alpha": lambda x: F.elu(x, 0.5), "celu": F.celu, "celu_alpha": lambda x: F.celu(x, 2.0), "selu": F.selu,
    "silu": F.silu, "mish": F.mish, "softplus": F.softplus, "softplus_beta": lambda x: F.softplus(x, 2.0, 5.0),
    "softsign": F.softsign, "leaky": lambda x: F.leaky_relu(x, 0.2), "logsigmoid": F.logsigmoid,
    "tanhshrink": F.tanhshrink, "hardshrink": F.hardshrink, "softshrink": F.softshrink,
    "threshold": lambda x: F.threshold(x, 0.1, 20.0), "squared_relu": lambda x: torch.square(torch.relu(x)),
    "frac": lambda x: x - torch.trunc(x), "isnan": lambda x: torch.isnan(x / 1), "isinf": lambda x: torch.isinf(x),
    "logical_not": lambda x: torch.logical_not(x > 0), "reciprocal2": lambda x: torch.reciprocal(2 + torch.abs(x)),
    "clamp": lambda x: x.clamp(-0.3, 0.7), "clamp_min": lambda x: x.clamp(min=0.2), "clamp_max": lambda x: x.clamp(max=0),
    "pow2": lambda x: x**2, "pow3": lambda x: x**3, "pow4": lambda x: x**4, "sq_abs": lambda x: x * x.abs(),
    "nan_to_num": torch.nan_to_num, "deg2rad": torch.deg2rad, "glu": lambda x: F.glu(x, -1),
    "rsub": lambda x: torch.rsub(x, 3.0), "fill": lambda x: torch.full_like(x, 0.5) + x, "zeros": lambda x: x + torch.zeros_like(x),
    "ones_like": lambda x: torch.ones_like(x) * x, "arange": lambda x: x + torch.arange(x.shape[-1]),
}  # fmt: skip
POSITIVE: dict[str, Callable[[torch.Tensor], Any]] = {
    "log": torch.log, "log1p": torch.log1p, "log2": torch.log2, "log10": torch.log10, "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt, "reciprocal": torch.reciprocal, "pow_half": lambda x: x**0.5, "pow_minus": lambda x: x**-1.0,
    "pow1.5": lambda x: x**1.5, "scalar_pow": lambda x: 2.0**x, "lgamma_free": lambda x: torch.log(x) * x,
}  # fmt: skip
BOUNDED = {"asin": torch.asin, "acos": torch.acos, "atanh": lambda x: torch.atanh(x * 0.9), "erfinv_free": lambda x: x}
BINARY: dict[str, Callable[[torch.Tensor, torch.Tensor], Any]] = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "maximum": torch.maximum,
    "minimum": torch.minimum, "add_alpha": lambda x, y: torch.add(x, y, alpha=2), "eq": torch.eq, "ne": torch.ne,
    "gt": torch.gt, "ge": torch.ge, "lt": torch.lt, "le": torch.le, "floor_divide": torch.floor_divide,
    "remainder": torch.remainder, "fmod": torch.fmod, "atan2": torch.atan2, "sub_alpha": lambda x, y: torch.sub(x, y, alpha=3),
    "div_trunc": lambda x, y: torch.div(x, y, rounding_mode="trunc"), "hypot": lambda x, y: torch.sqrt(x * x + y * y),
    "squared_difference": lambda x, y: (x - y) ** 2, "where": lambda x, y: torch.where(x > y, x, y * 2),
    "cdist": lambda x, y: torch.cdist(x.reshape(1, -1, x.shape[-1]), y.reshape(1, -1, y.shape[-1])),
}  # fmt: skip
PAIRS = (
    ((2, 5, 1, 3), (2, 5, 1, 3)),
    ((4, 5), (5,)),
    ((2, 3, 4), (2, 1, 1)),
    ((1, 3, 1, 4), (2, 1, 5, 1)),
    ((8,), (1,)),
)


def elementwise() -> Iterator[Case]:
    for name, call in UNARY.items():
        for number, shape in enumerate(((2, 5, 1, 4), (16,), (1, 3, 6, 8), (2, 1, 2, 3, 4))):
            yield f"{name}_{number}", call, (r(*shape, scale=2.0),)
    for name, call in POSITIVE.items():
        yield f"{name}_0", call, (p(3, 8),)
        yield f"{name}_1", call, (p(1, 4, 5, 6, low=0.01, high=20),)
    for name, call in BOUNDED.items():
        yield f"{name}_0", call, (p(3, 8, low=-1, high=1),)
    for name, call in BINARY.items():
        for number, (first, other) in enumerate(PAIRS):
            if name != "cdist" or first[-1] == other[-1] != 1:
                second = p(*other) if "div" in name or name in ("remainder", "fmod") else r(*other)
                yield f"{name}_{number}", call, (r(*first, scale=3.0), second)
    for name, call in {k: v for k, v in BINARY.items() if k in ("eq", "ne", "gt", "ge", "lt", "le", "where")}.items():
        yield f"{name}_ties", call, (i(4, 3, 8).float(), i(4, 3, 8).float())
        yield f"{name}_int", call, (i(4, 3, 8), i(4, 3, 8))
        yield f"{name}_constant", lambda x, call=call: call(x, torch.tensor(0.5)), (r(2, 3, 4),)
    for name in ("add", "sub", "mul", "floor_divide", "remainder", "maximum"):
        yield f"{name}_int", BINARY[name], (i(50, 3, 8, low=-50), i(20, 3, 8, low=1))
        yield (
            f"{name}_int32",
            BINARY[name],
            (i(50, 3, 8, low=-50, dtype=torch.int32), i(9, 8, low=1, dtype=torch.int32)),
        )
    for value in (2.0, -0.3, 10, 1e-3, 3):
        yield f"add_scalar_{value}", lambda x, value=value: x + value, (r(2, 3, 4),)
        yield f"rsub_scalar_{value}", lambda x, value=value: value - x, (r(2, 3, 4),)
        yield f"mul_scalar_{value}", lambda x, value=value: x * value, (r(2, 3, 4),)
        yield f"div_scalar_{value}", lambda x, value=value: x / value, (r(2, 3, 4),)
        yield f"rdiv_scalar_{value}", lambda x, value=value: value / x, (p(2, 3, 4),)
        yield f"floordiv_scalar_{value}", lambda x, value=value: x // value, (r(2, 3, 4, scale=20),)
        yield f"remainder_scalar_{value}", lambda x, value=value: x % value, (r(2, 3, 4, scale=20),)
    yield "logical_and", lambda x, y: torch.logical_and(x, y), (b(3, 8), b(3, 8))
    yield "logical_or", lambda x, y: torch.logical_or(x, y), (b(3, 8), b(8))
    yield "logical_xor", lambda x, y: torch.logical_xor(x, y), (b(3, 8), b(3, 8))
    yield "bitwise_and_bool", lambda x, y: x & y, (b(3, 8), b(3, 8))
    yield "bitwise_or_bool", lambda x, y: x | y, (b(3, 8), b(3, 8))
    yield "bitwise_xor_bool", lambda x, y: x ^ y, (b(3, 8), b(3, 8))
    yield "bitwise_not_bool", lambda x: ~x, (b(3, 8),)
    yield "bitwise_and", lambda x, y: x & y, (i(64, 3, 8), i(64, 3, 8))
    yield "bitwise_or", lambda x, y: x | y, (i(64, 3, 8), i(64, 3, 8))
    yield "bitwise_xor", lambda x, y: x ^ y, (i(64, 3, 8), i(64, 3, 8))
    yield "prelu_one", nn.PReLU(), (r(1, 4, 5, 5),)
    yield "prelu_many", nn.PReLU(4, 0.1), (r(1, 4, 5, 5),)
    yield "prelu_3d", nn.PReLU(4, 0.1), (r(1, 4, 7),)
    yield "prelu_2d", nn.PReLU(4, 0.1), (r(3, 4),)
    yield "zero_dim", lambda x: x.mean() + 1, (r(2, 3),)
    yield "zero_dim_tensor", lambda x, y: x * y, (r(2, 3), torch.tensor(2.5))


def convolutions() -> Iterator[Case]:
    for n, (c, o, k, rest, size) in enumerate((
        (4, 6, 3, {}, 12), (4, 6, 3, {"padding": 1}, 5), (4, 8, 5, {"padding": 2}, 4), (4, 4, 3, {"groups": 4, "padding": 1}, 9),
        (4, 8, 3, {"groups": 2}, 8), (4, 6, 3, {"dilation": 2, "padding": 2}, 7), (4, 6, 3, {"stride": 2}, 9),
        (4, 6, 3, {"stride": 3, "padding": 1}, 10), (8, 8, 7, {"padding": 3, "groups": 8}, 6), (1, 1, 3, {}, 3), (4, 6, 1, {}, 1),
        (4, 6, 3, {"padding": 2, "dilation": 2, "groups": 2}, 5), (16, 16, 4, {"padding": 1}, 8), (8, 8, 3, {"padding": "same"}, 6),
        (8, 8, 4, {"padding": "same"}, 16), (8, 8, 3, {"dilation": 4, "padding": 4, "groups": 8}, 16), (8, 8, 9, {"padding": 8}, 32),
        (2, 2, 2, {"stride": 2}, 2), (8, 16, 31, {"padding": 15, "groups": 8}, 64),
    )):  # fmt: skip
        yield f"conv1d_{n}", nn.Conv1d(c, o, k, **rest), (r(2 if n % 2 else 1, c, size),)
        if size <= 16:
            yield f"conv2d_{n}", nn.Conv2d(c, o, k, **rest), (r(1, c, size, size + 3),)
            yield f"conv2d_square_{n}", nn.Conv2d(c, o, k, bias=False, **rest), (r(2, c, size, size),)
        if size <= 9 and c == 4:
            yield f"conv3d_{n}", nn.Conv3d(c, o, k, **rest), (r(1, c, size, size, size),)
    yield "conv2d_row", nn.Conv2d(4, 6, (1, 5), padding=(0, 2)), (r(1, 4, 1, 8),)
    yield "conv2d_column", nn.Conv2d(4, 6, (5, 1), padding=(2, 0)), (r(1, 4, 8, 1),)
    yield "conv2d_uneven", nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 3)), (r(1, 4, 9, 11),)
    yield "conv2d_reflect", nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"), (r(1, 4, 6, 6),)
    yield "conv2d_circular", nn.Conv2d(4, 6, 3, padding=1, padding_mode="circular"), (r(1, 4, 6, 6),)
    yield "conv1d_unbatched", nn.Conv1d(4, 6, 3, padding=1), (r(4, 8),)
    for n, (c, o, k, rest, size) in enumerate((
        (4, 6, 3, {}, 6), (4, 6, 3, {"stride": 2}, 5), (4, 6, 3, {"stride": 2, "padding": 1, "output_padding": 1}, 5),
        (4, 8, 2, {"stride": 2, "groups": 2}, 5), (4, 4, 4, {"stride": 2, "padding": 1, "groups": 4}, 5), (4, 6, 3, {"dilation": 2}, 5),
        (4, 6, 3, {"dilation": 2, "padding": 2, "stride": 2}, 5), (8, 4, 8, {"stride": 4, "padding": 2}, 4), (4, 6, 3, {"padding": 1}, 1),
        (4, 6, 1, {"stride": 2}, 4), (8, 8, 3, {"padding": 1, "groups": 2}, 4),
    )):  # fmt: skip
        yield f"convt1d_{n}", nn.ConvTranspose1d(c, o, k, **rest), (r(1, c, size),)
        yield f"convt2d_{n}", nn.ConvTranspose2d(c, o, k, **rest), (r(1, c, size, size + 1),)
        if size <= 5:
            yield f"convt3d_{n}", nn.ConvTranspose3d(c, o, k, **rest), (r(1, c, size, size, size),)
    acts = (
        nn.ReLU(),
        nn.ReLU6(),
        nn.Sigmoid(),
        nn.SiLU(),
        nn.Hardswish(),
        nn.Tanh(),
        nn.GELU(),
        nn.Hardtanh(),
        nn.ELU(),
        nn.LeakyReLU(),
    )
    for act in acts:
        word = type(act).__name__.lower()
        yield f"conv2d_{word}", nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), act), (r(1, 4, 8, 8),)
        yield f"linear_{word}", nn.Sequential(nn.Linear(16, 8), act), (r(4, 16),)
        yield f"conv1d_{word}", nn.Sequential(nn.Conv1d(4, 8, 3, padding=1), act), (r(1, 4, 8),)
    yield (
        "conv_bn_hardtanh_mean",
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Hardtanh(), Fn(lambda x: x.mean((1, 2)))),
        (r(1, 3, 8, 8),),
    )
    yield "conv1d_relu_logsoftmax", nn.Sequential(nn.Conv1d(4, 6, 3), nn.ReLU(), nn.LogSoftmax(1)), (r(1, 4, 9),)
    yield "conv_conv_1d", nn.Sequential(nn.Conv1d(4, 8, 3, padding=1), nn.Conv1d(8, 6, 3, padding=1)), (r(1, 4, 7),)
    yield "conv_maxpool", nn.Sequential(nn.Conv2d(3, 8, 7, 2, 3), nn.MaxPool2d(3, 2, 1)), (r(1, 3, 20, 20),)
    yield "conv_avgpool", nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.AvgPool2d(7)), (r(1, 3, 14, 14),)
    yield "conv_flip", nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), Fn(lambda x: x.flip((2, 3)))), (r(1, 3, 6, 6),)
    yield "conv_slice", nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), Fn(lambda x: x[:, ::2, 1:, :-1])), (r(1, 3, 6, 6),)
    yield "conv_sum", nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), Fn(lambda x: x.sum(1))), (r(1, 3, 6, 6),)
    yield "conv_topk", nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), Fn(lambda x: torch.topk(x, 3, 1))), (r(1, 3, 6, 6),)
    yield "conv_cat", Fn(lambda x: torch.cat([x, F.relu(x)], 1)), (r(1, 3, 6, 6),)
    yield (
        "conv_down_up",
        nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(8, 3, 3, 2, 1)),
        (r(1, 3, 9, 9),),
    )
    yield "channel_shuffle", lambda x: F.channel_shuffle(x, 2), (r(1, 8, 4, 4),)
    yield "conv_dynamic_weight", lambda x, w: F.conv2d(x, w), (r(1, 4, 6, 6), r(6, 4, 3, 3))
    yield "conv_dynamic_1d", lambda x, w: F.conv1d(x, w, padding=1), (r(1, 4, 6), r(6, 4, 3))
    yield "residual", _residual(), (r(1, 8, 7, 7),)


class _Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.b(F.relu(self.a(x))))


def _residual() -> nn.Module:
    return _Residual()


def pools() -> Iterator[Case]:
    rows: tuple[tuple[int, int, int, dict[str, Any]], ...] = (
        (2, 2, 0, {}), (3, 2, 1, {}), (3, 2, 1, {"ceil_mode": True}), (3, 1, 1, {}), (2, 2, 0, {"ceil_mode": True}), (3, 3, 0, {}),
        (2, 1, 0, {}), (4, 2, 1, {}), (5, 1, 2, {}),
    )  # fmt: skip
    for n, (k, s, pad, rest) in enumerate(rows):
        for size in (9, 8):
            yield f"maxpool1d_{n}_{size}", nn.MaxPool1d(k, s, pad, **rest), (r(1, 4, size),)
            yield f"maxpool2d_{n}_{size}", nn.MaxPool2d(k, s, pad, **rest), (r(1, 4, size, size + 1),)
            yield f"avgpool1d_{n}_{size}", nn.AvgPool1d(k, s, pad, **rest), (r(1, 4, size),)
            yield f"avgpool2d_{n}_{size}", nn.AvgPool2d(k, s, pad, **rest), (r(1, 4, size, size + 1),)
            yield (
                f"avgpool2d_nopad_{n}_{size}",
                nn.AvgPool2d(k, s, pad, count_include_pad=False, **rest),
                (r(1, 4, size, size + 1),),
            )
        yield f"maxpool3d_{n}", nn.MaxPool3d(k, s, pad, **rest), (r(1, 4, 7, 6, 6),)
        yield f"avgpool3d_{n}", nn.AvgPool3d(k, s, pad, **rest), (r(1, 4, 7, 6, 6),)
    yield "maxpool_dilated", nn.MaxPool2d(3, 1, dilation=2), (r(1, 4, 9, 9),)
    yield "maxpool_dilated_pad", nn.MaxPool2d(3, 2, 1, dilation=2), (r(1, 4, 11, 11),)
    yield "maxpool_indices", lambda x: F.max_pool2d(x, 2, return_indices=True), (r(1, 4, 8, 8),)
    yield "maxpool_negative", nn.MaxPool2d(3, 2, 1), (r(1, 4, 8, 8, shift=-5.0),)
    yield "avgpool_divisor", lambda x: F.avg_pool2d(x, 2, divisor_override=3), (r(1, 4, 8, 8),)
    yield "lppool", nn.LPPool2d(2, 3, 2), (p(1, 4, 9, 9),)
    for n, (size, out) in enumerate(
        (((8, 8), (1, 1)), ((8, 8), (2, 2)), ((8, 8), (4, 2)), ((9, 6), (3, 3)), ((7, 7), (7, 7)), ((10, 7), (3, 2)))
    ):
        yield f"adaptive_avg2d_{n}", nn.AdaptiveAvgPool2d(out), (r(1, 4, *size),)
        yield f"adaptive_max2d_{n}", nn.AdaptiveMaxPool2d(out), (r(1, 4, *size),)
        yield f"adaptive_avg1d_{n}", nn.AdaptiveAvgPool1d(out[0]), (r(1, 4, size[0]),)
        yield f"adaptive_max1d_{n}", nn.AdaptiveMaxPool1d(out[0]), (r(1, 4, size[0]),)
        yield f"adaptive_avg3d_{n}", nn.AdaptiveAvgPool3d((out[0], *out)), (r(1, 4, size[0], *size),)


def reductions() -> Iterator[Case]:
    calls: dict[str, Callable[..., Any]] = {
        "mean": torch.mean, "sum": torch.sum, "amax": torch.amax, "amin": torch.amin, "var": torch.var, "std": torch.std,
        "logsumexp": torch.logsumexp, "norm": lambda x, d, keepdim=False: torch.linalg.vector_norm(x, dim=d, keepdim=keepdim),
        "norm1": lambda x, d, keepdim=False: torch.linalg.vector_norm(x, 1, dim=d, keepdim=keepdim),
        "prod_like": lambda x, d, keepdim=False: torch.exp(torch.sum(torch.log(x.abs() + 1), d, keepdim)),
    }  # fmt: skip
    for name, call in calls.items():
        for n, (shape, dim) in enumerate(
            (
                ((2, 5, 8), -1),
                ((2, 5, 8), 1),
                ((2, 5, 8), (0, 2)),
                ((1, 4, 6, 6), (2, 3)),
                ((1, 3, 1, 8), 2),
                ((2, 3, 2, 3, 4), (1, 3)),
                ((7,), 0),
                ((1, 1, 4, 2, 3, 4), (-1, -2)),
            )
        ):
            yield f"{name}_{n}", lambda x, call=call, dim=dim: call(x, dim), (r(*shape),)
            yield f"{name}_keep_{n}", lambda x, call=call, dim=dim: call(x, dim, keepdim=True), (r(*shape),)
    for name, call in {"argmax": torch.argmax, "argmin": torch.argmin, "cumsum": torch.cumsum}.items():
        for n, (shape, dim) in enumerate(
            (((2, 5, 8), -1), ((2, 5, 8), 1), ((2, 5, 8), 0), ((1, 4, 6, 6), 1), ((9,), 0), ((2, 1, 3, 2, 4), 3))
        ):
            yield f"{name}_{n}", lambda x, call=call, dim=dim: call(x, dim), (r(*shape),)
            if name != "cumsum":
                yield f"{name}_ties_{n}", lambda x, call=call, dim=dim: call(x, dim), (i(3, *shape).float(),)
                yield f"{name}_keep_{n}", lambda x, call=call, dim=dim: call(x, dim, keepdim=True), (r(*shape),)
    yield "argmax_flat", torch.argmax, (r(3, 4),)
    yield "argmax_int", lambda x: torch.argmax(x, 1), (i(100, 3, 8),)
    yield "cumsum_int", lambda x: torch.cumsum(x, 1), (i(10, 3, 8),)
    yield "cumsum_mask", lambda x: torch.cumsum(x.long(), 1), (b(3, 8),)
    yield "cumprod_free", lambda x: torch.exp(torch.cumsum(torch.log(x), -1)), (p(2, 6),)
    yield "any", lambda x: torch.any(x > 1.0, dim=-1), (r(4, 6),)
    yield "all", lambda x: torch.all(x > -1.0, dim=-1, keepdim=True), (r(4, 6),)
    yield "any_all", lambda x: torch.any(x > 2), (r(4, 6),)
    yield "max_dim", lambda x: torch.max(x, 1), (r(3, 7, 2),)
    yield "min_dim", lambda x: torch.min(x, -1, keepdim=True), (r(3, 7, 2),)
    yield "max_all", lambda x: torch.max(x), (r(3, 7, 2),)
    yield "prod", lambda x: torch.prod(x, 1), (p(3, 5),)
    yield "sum_all", lambda x: torch.sum(x), (r(3, 7, 2),)
    yield "mean_all", lambda x: torch.mean(x), (r(3, 7, 2),)
    yield "sum_bool", lambda x: torch.sum(x > 0, -1), (r(3, 7, 2),)
    yield "sum_int", lambda x: torch.sum(x, -1), (i(100, 3, 8),)
    yield "var_biased", lambda x: torch.var(x, -1, unbiased=False, keepdim=True), (r(2, 8),)
    yield "var_mean", lambda x: torch.var_mean(x, -1), (r(2, 8),)
    for n, (shape, k, dim, most) in enumerate(
        (
            ((3, 9), 3, -1, True),
            ((3, 9), 3, -1, False),
            ((2, 5, 4), 2, 1, True),
            ((8,), 8, 0, True),
            ((1, 3, 2, 6), 1, -1, True),
        )
    ):
        yield f"topk_{n}", lambda x, k=k, dim=dim, most=most: torch.topk(x, k, dim, most), (r(*shape),)
        yield (
            f"topk_ties_{n}",
            lambda x, k=k, dim=dim, most=most: torch.topk(x, k, dim, most)[0],
            (i(3, *shape).float(),),
        )
    yield "sort", lambda x: torch.sort(x, -1), (r(3, 9),)
    yield "sort_desc", lambda x: torch.sort(x, 0, descending=True), (r(5, 3),)
    yield "argsort", lambda x: torch.argsort(x, -1), (r(3, 9),)


def indexing() -> Iterator[Case]:
    yield "index_row", lambda x: x[torch.tensor([2, 0])], (r(4, 5),)
    yield "index_two", lambda x: x[torch.tensor([0, 1]), torch.tensor([2, 1])], (r(4, 5),)
    yield "index_middle", lambda x: x[:, torch.tensor([2, 0, 1])], (r(2, 4, 5),)
    yield "index_split", lambda x: x[torch.tensor([0, 1]), :, torch.tensor([2, 1])], (r(4, 3, 5),)
    yield "index_negative", lambda x: x[torch.tensor([-1, -3])], (r(4, 5),)
    yield "index_fed", lambda x, n: x[n], (r(4, 5), i(4, 3))
    yield "index_fed_negative", lambda x, n: x[n], (r(4, 5), i(4, 3, low=-4))
    yield "index_fed_2d", lambda x, n: x[n], (r(4, 5), i(4, 2, 3))
    yield "index_fed_column", lambda x, n: x[:, n], (r(4, 5), i(5, 3))
    yield "index_fed_32", lambda x, n: x[n], (r(4, 5), i(4, 3, dtype=torch.int32))
    yield "index_select", lambda x, n: torch.index_select(x, 1, n), (r(4, 5), i(5, 3))
    yield "index_select_0", lambda x: torch.index_select(x, 0, torch.tensor([3, 1])), (r(4, 1, 5),)
    for dim in (0, 1, 2):
        shape = [3, 4, 5]
        yield f"gather_{dim}", lambda x, n, dim=dim: torch.gather(x, dim, n), (r(*shape), i(3, 3, 4, 5))
        yield f"gather_small_{dim}", lambda x, n, dim=dim: torch.gather(x, dim, n), (r(*shape), i(3, 2, 2, 2))
        yield (
            f"scatter_{dim}",
            lambda x, n, y, dim=dim: torch.scatter(x, dim, n, y),
            (r(*shape), _distinct(dim), r(*shape)),
        )
        yield (
            f"scatter_add_{dim}",
            lambda x, n, y, dim=dim: torch.scatter_add(x, dim, n, y),
            (r(*shape), i(3, *shape), r(*shape)),
        )
        yield (
            f"index_copy_{dim}",
            lambda x, y, dim=dim: torch.index_copy(x, dim, torch.tensor([2, 0]), y),
            (r(*shape), r(*(2 if d == dim else s for d, s in enumerate(shape)))),
        )
        yield f"select_{dim}", lambda x, dim=dim: torch.select(x, dim, -2), (r(*shape),)
        yield (
            f"select_scatter_{dim}",
            lambda x, y, dim=dim: torch.select_scatter(x, y, dim, 1),
            (r(*shape), r(*(s for d, s in enumerate(shape) if d != dim))),
        )
        yield (
            f"slice_scatter_{dim}",
            lambda x, y, dim=dim: torch.slice_scatter(x, y, dim, 0, 2),
            (r(*shape), r(*(2 if d == dim else s for d, s in enumerate(shape)))),
        )
        yield (
            f"index_add_{dim}",
            lambda x, y, dim=dim: torch.index_add(x, dim, torch.tensor([2, 0]), y),
            (r(*shape), r(*(2 if d == dim else s for d, s in enumerate(shape)))),
        )
        yield f"index_fill_{dim}", lambda x, dim=dim: torch.index_fill(x, dim, torch.tensor([2, 0]), 7.0), (r(*shape),)
        yield f"flip_{dim}", lambda x, dim=dim: torch.flip(x, (dim,)), (r(*shape),)
        yield f"roll_{dim}", lambda x, dim=dim: torch.roll(x, 2, dim), (r(*shape),)
        yield f"roll_back_{dim}", lambda x, dim=dim: torch.roll(x, -1, dim), (r(*shape),)
        yield f"unbind_{dim}", lambda x, dim=dim: torch.unbind(x, dim), (r(*shape),)
        yield f"stack_{dim}", lambda x, y, dim=dim: torch.stack([x, y], dim), (r(*shape), r(*shape))
        yield f"cat_{dim}", lambda x, y, dim=dim: torch.cat([x, y, x], dim), (r(*shape), r(*shape))
        yield f"chunk_{dim}", lambda x, dim=dim: torch.chunk(x, 2, dim), (r(*shape),)
        yield (
            f"split_{dim}",
            lambda x, dim=dim: torch.split(x, [1, 2], dim),
            (r(*(3 if d == dim else s for d, s in enumerate(shape))),),
        )
    yield "gather_argmin", lambda x: torch.gather(x, 1, torch.argmin(x, 1, keepdim=True)), (r(3, 6),)
    yield (
        "gather_where",
        lambda x, y: torch.where(torch.gather(x, 1, torch.argmax(y, 1, keepdim=True)) > 0, x, y),
        (r(3, 6), r(3, 6)),
    )
    yield "index_put", lambda x, y: torch.index_put(x, (torch.tensor([0, 2]),), y), (r(4, 5), r(2, 5))
    yield "index_put_fed", lambda x, n, y: torch.index_put(x, (n,), y), (r(4, 5), torch.tensor([3, 1]), r(2, 5))
    yield (
        "index_put_two",
        lambda x, y: torch.index_put(x, (torch.tensor([0, 2]), torch.tensor([1, 4])), y),
        (r(4, 5), r(2)),
    )
    yield "index_put_negative", lambda x, n, y: torch.index_put(x, (n,), y), (r(4, 5), torch.tensor([-1, -3]), r(2, 5))
    yield (
        "index_put_add",
        lambda x, n, y: torch.index_put(x, (n,), y, accumulate=True),
        (r(4, 5), torch.tensor([1, 1]), r(2, 5)),
    )
    yield "index_put_scalar", lambda x, n: torch.index_put(x, (n,), torch.tensor(9.0)), (r(4, 5), torch.tensor([1, 3]))
    yield (
        "cache_update",
        lambda x, n, y: torch.index_put(x, (None, None, n), y),
        (r(1, 2, 8, 4), torch.tensor([3]), r(1, 2, 1, 4)),
    )
    yield "cache_copy", lambda x, n, y: torch.index_copy(x, 2, n, y), (r(1, 2, 8, 4), torch.tensor([3]), r(1, 2, 1, 4))
    yield "slices", lambda x: x[1:, ::2, -3:-1], (r(4, 5, 6),)
    yield "slice_steps", lambda x: x[..., 1::3], (r(1, 2, 4, 11),)
    yield "slice_far", lambda x: x[:, -100:3], (r(4, 5),)
    yield "slice_one", lambda x: x[:, :, 2:3], (r(1, 2, 4),)
    yield "flip_all", lambda x: torch.flip(x, (0, 1, 2)), (r(2, 3, 4),)
    yield "narrow", lambda x: torch.narrow(x, 1, 1, 2), (r(2, 4, 3),)
    yield "take_along", lambda x, n: torch.take_along_dim(x, n, 1), (r(3, 5), i(5, 3, 2))
    yield "masked_fill", lambda x, m: x.masked_fill(m, -3.0), (r(2, 3, 4), b(2, 3, 4))
    yield (
        "masked_fill_inf",
        lambda x, m: torch.softmax(x.masked_fill(m, float("-inf")), -1),
        (r(2, 3, 8), torch.arange(8) > 5),
    )
    yield (
        "masked_softmax",
        lambda x, m: torch.softmax(x + (1 - m.float()) * -1e4, -1),
        (r(2, 3, 8), torch.arange(8) < 5),
    )
    yield "where_scalar", lambda x: torch.where(x > 0, 1.0, -2.0), (r(2, 3, 4),)
    yield "where_other", lambda x, y: torch.where(x > 0, x, y), (r(2, 3, 4), r(4))
    yield "where_int", lambda x, y: torch.where(x > 3, x, y), (i(8, 2, 3), i(8, 2, 3))
    yield "tril", torch.tril, (r(4, 5),)
    yield "triu", lambda x: torch.triu(x, 1), (r(2, 4, 5),)
    yield "causal", lambda x: torch.softmax(x + torch.triu(torch.full((6, 6), float("-inf")), 1), -1), (r(1, 2, 6, 6),)
    yield "one_hot", lambda n: F.one_hot(n, 6).float(), (i(6, 3, 4),)
    yield "embedding", nn.Embedding(10, 6), (i(10, 2, 5),)
    yield "embedding_32", nn.Embedding(10, 6), (i(10, 2, 5, dtype=torch.int32),)
    yield "embedding_bag_free", Fn(lambda n, w: F.embedding(n, w).mean(1), w=r(10, 6)), (i(10, 2, 5),)
    yield "nonzero_free", lambda x: (x > 0).float().sum(), (r(4, 5),)
    yield "searchsorted_free", lambda x: (x[:, None] > torch.tensor([-1.0, 0.0, 1.0])).sum(-1), (r(6),)
    yield "unfold", lambda x: F.unfold(x, 2), (r(1, 3, 5, 5),)
    yield "unfold_tensor", lambda x: x.unfold(1, 3, 2), (r(2, 9),)
    yield "fold", lambda x: F.fold(x, (4, 4), 2, stride=2), (r(1, 12, 4),)
    yield "meshgrid", lambda x, y: torch.meshgrid(x, y, indexing="ij"), (r(3), r(4))
    yield "diag_free", lambda x: torch.diagonal(x, 0, -2, -1), (r(2, 4, 4),)


def _distinct(dim: int) -> torch.Tensor:
    size = (3, 4, 5)[dim]
    return torch.argsort(torch.rand(3, 4, 5), dim) % size


def shapes() -> Iterator[Case]:
    yield "pixel_shuffle", nn.PixelShuffle(2), (r(1, 8, 3, 4),)
    yield "pixel_shuffle_3", nn.PixelShuffle(3), (r(1, 9, 2, 3),)
    yield "pixel_unshuffle", nn.PixelUnshuffle(2), (r(1, 2, 4, 6),)
    yield "pixel_unshuffle_3", nn.PixelUnshuffle(3), (r(2, 1, 6, 6),)
    yield "permute", lambda x: x.permute(0, 3, 1, 2), (r(1, 2, 3, 4),)
    yield "permute_5", lambda x: x.permute(0, 4, 2, 3, 1), (r(1, 2, 3, 4, 5),)
    yield "permute_6", lambda x: x.permute(0, 3, 1, 4, 2, 5), (r(1, 2, 3, 2, 2, 3),)
    yield "transpose", lambda x: x.transpose(-1, -2), (r(2, 3, 4),)
    yield "reshape", lambda x: x.reshape(2, -1), (r(2, 3, 4),)
    yield "view", lambda x: x.view(1, 8, 2, 2, 2), (r(2, 8, 4),)
    yield "flatten", lambda x: x.flatten(1), (r(2, 3, 4),)
    yield "unflatten", lambda x: x.unflatten(1, (2, 3)), (r(2, 6, 4),)
    yield "squeeze", lambda x: x.squeeze(), (r(1, 3, 1, 4),)
    yield "squeeze_1", lambda x: x.squeeze(2), (r(2, 3, 1, 4),)
    yield "unsqueeze", lambda x: x.unsqueeze(-1), (r(2, 3),)
    yield "unsqueeze_6", lambda x: x[:, None, :, None] * 2, (r(2, 3, 4, 5),)
    yield "expand", lambda x: x.expand(3, 4, -1), (r(4, 1, 5)[:1].expand(1, 1, 5).contiguous(),)
    yield "expand_as", lambda x, y: x.expand_as(y), (r(3, 1), r(3, 4))
    yield "repeat", lambda x: x.repeat(2, 1, 3), (r(2, 3, 4),)
    yield "repeat_more", lambda x: x.repeat(2, 3, 1, 1), (r(3, 4),)
    yield "repeat_interleave", lambda x: torch.repeat_interleave(x, 2, 1), (r(2, 3, 4),)
    yield "tile", lambda x: torch.tile(x, (2, 2)), (r(2, 3),)
    yield "rank_6", lambda x, y: x * y + 1, (r(1, 2, 1, 3, 2, 4), r(1, 1, 5, 3, 1, 4))
    yield "rank_6_sum", lambda x: (x * 2).sum((3, 5)), (r(1, 2, 3, 2, 3, 2),)
    yield "rank_5_softmax", lambda x: torch.softmax(x, -1), (r(1, 2, 3, 2, 5),)
    yield "windows", lambda x: x.view(1, 2, 4, 2, 4, 3).permute(0, 1, 3, 2, 4, 5).reshape(4, 16, 3), (r(1, 8, 8, 3),)
    for mode in ("constant", "reflect", "replicate", "circular"):
        yield f"pad1_{mode}", lambda x, mode=mode: F.pad(x, (2, 1), mode), (r(1, 3, 6),)
        yield f"pad2_{mode}", lambda x, mode=mode: F.pad(x, (1, 2, 0, 1), mode), (r(1, 3, 5, 6),)
        yield f"pad3_{mode}", lambda x, mode=mode: F.pad(x, (1, 1, 1, 0, 0, 1), mode), (r(1, 2, 4, 4, 4),)
    yield "pad_value", lambda x: F.pad(x, (1, 2, 0, 1), value=3.5), (r(1, 3, 5, 6),)
    yield "pad_channels", lambda x: F.pad(x, (0, 0, 0, 0, 1, 2)), (r(1, 3, 5, 6),)
    yield "pad_negative", lambda x: F.pad(x, (-1, 2)), (r(1, 3, 6),)
    yield "zeropad", nn.ZeroPad2d(2), (r(1, 3, 4, 4),)
    for scale in (2.0, 1.5, 0.5, 3.0, 0.7):
        for mode in ("nearest", "bilinear", "bicubic", "nearest-exact"):
            rest: dict[str, Any] = {"scale_factor": scale, "mode": mode}
            yield f"up_{mode}_{scale}", lambda x, rest=rest: F.interpolate(x, **rest), (r(1, 3, 6, 8),)
            if mode.startswith("bi"):
                yield (
                    f"up_{mode}_{scale}_corners",
                    lambda x, rest=rest: F.interpolate(x, align_corners=True, **rest),
                    (r(1, 3, 6, 8),),
                )
    for size in ((9, 13), (5, 5), (12, 16), (1, 1), (3, 20)):
        for mode in ("nearest", "bilinear"):
            yield (
                f"resize_{mode}_{size[0]}x{size[1]}",
                lambda x, size=size, mode=mode: F.interpolate(x, size, mode=mode),
                (r(1, 3, 6, 8),),
            )
        yield (
            f"resize_corners_{size[0]}x{size[1]}",
            lambda x, size=size: F.interpolate(x, size, mode="bilinear", align_corners=True),
            (r(1, 3, 6, 8),),
        )
    yield "up_1d", lambda x: F.interpolate(x, scale_factor=2.0), (r(1, 3, 6),)
    yield "up_linear_1d", lambda x: F.interpolate(x, scale_factor=2.0, mode="linear"), (r(1, 3, 6),)
    yield "up_3d", lambda x: F.interpolate(x, scale_factor=2.0), (r(1, 2, 3, 4, 5),)
    yield "up_trilinear", lambda x: F.interpolate(x, scale_factor=2.0, mode="trilinear"), (r(1, 2, 3, 4, 5),)
    for mode in ("bilinear", "nearest"):
        for corners in (True, False):
            for padding in ("zeros", "border", "reflection"):
                yield (
                    f"grid_{mode}_{padding}_{corners}",
                    lambda x, g, a=(mode, padding, corners): F.grid_sample(x, g, *a),
                    (r(1, 3, 6, 8), p(1, 4, 5, 2, low=-1.2, high=1.2)),
                )
    for before, after in (
        ("float", "long"),
        ("float", "int"),
        ("float", "bool"),
        ("int", "float"),
        ("long", "float"),
        ("long", "int"),
        ("bool", "float"),
        ("bool", "long"),
        ("int", "bool"),
        ("float", "half"),
        ("long", "bool"),
    ):
        tensors = {
            "float": r(3, 8, scale=4),
            "int": i(9, 3, 8, low=-9, dtype=torch.int32),
            "long": i(9, 3, 8, low=-9),
            "bool": b(3, 8),
        }[before]
        yield f"cast_{before}_{after}", lambda x, after=after: getattr(x, after)(), (tensors,)
        yield f"cast_{before}_{after}_back", lambda x, after=after: getattr(x, after)().float() + 1, (tensors,)
    yield "cast_users", lambda x: (x.long() + 1, x.int().float() * 2), (r(3, 8, scale=4),)
    yield "to_uint8", lambda x: x.to(torch.uint8).float(), (p(3, 8, low=0, high=255),)
    yield "to_int8", lambda x: x.to(torch.int8).float(), (r(3, 8, scale=30),)
    yield "full", lambda x: torch.full((2, 3), 0.7) + x, (r(2, 3),)
    yield "copy", lambda x: torch.clone(x) + 0, (r(2, 3),)


def norms() -> Iterator[Case]:
    for scale in (1.0, 300.0, 1e-3):
        w = f"{scale:g}"
        yield f"layer_norm_{w}", nn.LayerNorm(8), (r(2, 5, 8, scale=scale),)
        yield f"layer_norm_2_{w}", nn.LayerNorm((5, 8)), (r(2, 5, 8, scale=scale),)
        yield f"layer_norm_bare_{w}", nn.LayerNorm(8, elementwise_affine=False), (r(2, 8, scale=scale),)
        yield f"rms_norm_{w}", nn.RMSNorm(8, eps=1e-6), (r(2, 5, 8, scale=scale),)
        yield (
            f"rms_norm_free_{w}",
            Fn(lambda x, g: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * g, g=p(8)),
            (r(2, 5, 8, scale=scale),),
        )
        yield (
            f"layer_norm_free_{w}",
            lambda x: (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, keepdim=True, unbiased=False) + 1e-5),
            (r(2, 5, 8, scale=scale),),
        )
        yield (
            f"layer_norm_std_{w}",
            lambda x: (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-6),
            (r(2, 5, 8, scale=scale),),
        )
        yield (
            f"layer_norm_channel_{w}",
            lambda x: (
                (x - x.mean(1, keepdim=True))
                / torch.sqrt((x - x.mean(1, keepdim=True)).pow(2).mean(1, keepdim=True) + 1e-6)
            ),
            (r(1, 8, 4, 4, scale=scale),),
        )
        yield f"group_norm_{w}", nn.GroupNorm(2, 8), (r(2, 8, 4, 4, scale=scale),)
        yield f"group_norm_1_{w}", nn.GroupNorm(1, 8), (r(1, 8, 6, scale=scale),)
        yield f"instance_norm_{w}", nn.InstanceNorm2d(4, affine=True), (r(2, 4, 5, 5, scale=scale),)
        yield f"instance_norm1d_{w}", nn.InstanceNorm1d(4), (r(1, 4, 8, scale=scale),)
        yield f"batch_norm_{w}", nn.BatchNorm2d(4).eval(), (r(2, 4, 5, 5, scale=scale),)
        yield f"batch_norm1d_{w}", nn.BatchNorm1d(4).eval(), (r(3, 4, scale=scale),)
        yield f"normalize_{w}", lambda x: F.normalize(x, dim=-1), (r(2, 5, 8, scale=scale),)
        yield f"normalize_1_{w}", lambda x: F.normalize(x, dim=1), (r(1, 8, 4, 4, scale=scale),)
        yield f"cosine_{w}", lambda x, y: F.cosine_similarity(x, y, -1), (r(3, 8, scale=scale), r(3, 8, scale=scale))
        yield f"softmax_{w}", lambda x: torch.softmax(x, -1), (r(2, 5, 8, scale=scale),)
        yield f"softmax_1_{w}", lambda x: torch.softmax(x, 1), (r(1, 5, 4, 4, scale=scale),)
        yield f"log_softmax_{w}", lambda x: torch.log_softmax(x, -1), (r(2, 5, 8, scale=scale),)
        yield f"l2_{w}", lambda x: torch.sqrt((x * x).sum(-1)), (r(2, 5, 8, scale=scale),)
        yield (
            f"mse_{w}",
            lambda x, y: F.mse_loss(x, y, reduction="none").mean(-1),
            (r(3, 8, scale=scale), r(3, 8, scale=scale)),
        )
        yield f"divided_{w}", lambda x, y: x / y, (r(3, 8, scale=scale), p(3, 8, low=scale, high=200 * scale))
        yield f"lrn_{w}", nn.LocalResponseNorm(3), (r(1, 8, 4, 4, scale=scale),)
        yield (
            f"weight_norm_{w}",
            Fn(lambda x, v: x @ (v / v.norm(dim=0, keepdim=True)), v=r(8, 4)),
            (r(3, 8, scale=scale),),
        )


def products() -> Iterator[Case]:
    for n, (first, other) in enumerate(
        (
            ((3, 4), (4, 5)),
            ((2, 3, 4), (2, 4, 5)),
            ((2, 3, 4), (4, 5)),
            ((1, 2, 3, 4), (1, 2, 4, 5)),
            ((2, 1, 3, 4), (5, 4, 2)),
            ((4,), (4, 3)),
            ((3, 4), (4,)),
            ((4,), (4,)),
            ((1, 2, 2, 3, 4), (1, 2, 2, 4, 3)),
        )
    ):
        yield f"matmul_{n}", torch.matmul, (r(*first), r(*other))
    yield "bmm", torch.bmm, (r(2, 3, 4), r(2, 4, 5))
    yield "addmm", lambda x, y, z: torch.addmm(x, y, z, beta=2, alpha=0.5), (r(3, 5), r(3, 4), r(4, 5))
    yield "baddbmm", lambda x, y, z: torch.baddbmm(x, y, z), (r(2, 3, 5), r(2, 3, 4), r(2, 4, 5))
    yield "dot", lambda x, y: (x * y).sum(-1), (r(3, 8), r(3, 8))
    for shape in ((3, 8), (2, 3, 8), (1, 2, 3, 8), (1, 2, 2, 3, 8), (8,)):
        yield f"linear_{len(shape)}", nn.Linear(8, 5), (r(*shape),)
        yield f"linear_free_{len(shape)}", nn.Linear(8, 5, bias=False), (r(*shape),)
    yield "linear_fed", lambda x, w, v: F.linear(x, w, v), (r(2, 3, 8), r(5, 8), r(5))
    yield "linear_large", nn.Linear(512, 256), (r(4, 512),)
    yield "bilinear", nn.Bilinear(4, 5, 3), (r(2, 4), r(2, 5))
    for n, (rule, shapes_) in enumerate(
        (
            ("bij,bjk->bik", ((2, 3, 4), (2, 4, 5))),
            ("bhqd,bhkd->bhqk", ((1, 2, 3, 4), (1, 2, 5, 4))),
            ("i,j->ij", ((3,), (4,))),
            ("bn,anm,bm->ba", ((2, 4), (3, 4, 5), (2, 5))),
            ("bchw,cd->bdhw", ((1, 4, 3, 3), (4, 5))),
            ("ij->ji", ((3, 4),)),
            ("bij->b", ((2, 3, 4),)),
        )
    ):
        yield f"einsum_{n}", lambda *xs, rule=rule: torch.einsum(rule, *xs), tuple(r(*s) for s in shapes_)
    yield (
        "view_permute_matmul",
        lambda x: torch.matmul(x.view(2, 4, 2, 3).permute(0, 2, 1, 3), x.view(2, 4, 2, 3).permute(0, 2, 3, 1)),
        (r(2, 4, 6),),
    )
    yield "outer", torch.outer, (r(4), r(5))
    yield "cov_free", lambda x: (x - x.mean(0)).T @ (x - x.mean(0)) / 7, (r(8, 4),)


class _Rope(nn.Module):
    def __init__(self, table: bool) -> None:
        super().__init__()
        self.table = table
        freq = 1.0 / 10000 ** (torch.arange(0, 8, 2) / 8)
        angles = torch.outer(torch.arange(2048).float(), freq)
        self.register_buffer("freq", freq)
        self.register_buffer("cos", torch.cos(angles))
        self.register_buffer("sin", torch.sin(angles))

    def forward(self, x: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        if self.table:
            cos, sin = self.cos[positions], self.sin[positions]
        else:
            angles = positions[:, None].float() * self.freq
            cos, sin = torch.cos(angles), torch.sin(angles)
        low, other = x.chunk(2, -1)
        return torch.cat([low * cos - other * sin, low * sin + other * cos], -1)


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.attend = nn.LayerNorm(16), nn.MultiheadAttention(16, 4, batch_first=True)
        self.up, self.down = nn.Linear(16, 32), nn.Linear(32, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normed = self.norm(x)
        x = x + self.attend(normed, normed, normed, need_weights=False)[0]
        return x + self.down(F.gelu(self.up(x)))


class _First(nn.Module):
    """What a recurrent layer gives, without the tuple."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> Any:
        return self.layer(x)[0]


def sequences() -> Iterator[Case]:
    for name, layer in (("lstm", nn.LSTM), ("gru", nn.GRU), ("rnn", nn.RNN)):
        for n, rest in enumerate(
            ({}, {"bidirectional": True}, {"num_layers": 2}, {"bias": False}, {"batch_first": True})
        ):
            yield f"{name}_{n}", _First(layer(8, 16, **rest)), (r(5, 2, 8),)
        yield f"{name}_long", _First(layer(16, 32)), (r(40, 1, 16),)
        yield f"{name}_states", layer(8, 16), (r(5, 1, 8),)
    yield "lstm_cell", nn.LSTMCell(8, 16), (r(2, 8),)
    yield "gru_cell", nn.GRUCell(8, 16), (r(2, 8),)
    yield "lstm_linear", nn.Sequential(_First(nn.LSTM(8, 16, batch_first=True)), nn.Linear(16, 4)), (r(1, 6, 8),)
    yield "sdpa", F.scaled_dot_product_attention, (r(1, 2, 6, 8), r(1, 2, 6, 8), r(1, 2, 6, 8))
    yield (
        "sdpa_causal",
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        (r(1, 2, 6, 8), r(1, 2, 6, 8), r(1, 2, 6, 8)),
    )
    yield (
        "sdpa_mask",
        F.scaled_dot_product_attention,
        (r(1, 2, 6, 8), r(1, 2, 6, 8), r(1, 2, 6, 8), torch.ones(6, 6).tril().bool()),
    )
    yield "sdpa_bias", F.scaled_dot_product_attention, (r(1, 2, 6, 8), r(1, 2, 6, 8), r(1, 2, 6, 8), r(6, 6))
    yield "mha", nn.MultiheadAttention(16, 4, batch_first=True), (r(1, 5, 16), r(1, 5, 16), r(1, 5, 16))
    yield "block", _Block(), (r(1, 6, 16),)
    yield "rope", _Rope(False), (r(1, 2, 4, 8), torch.tensor([0, 1, 1000, 2047]))
    yield "rope_table", _Rope(True), (r(1, 2, 4, 8), torch.tensor([0, 1, 1000, 2047]))
    yield "positions", Fn(lambda n, w: F.embedding(n, w) + w[: n.shape[1]], w=r(3000, 8)), (i(3000, 1, 6),)
    yield (
        "swiglu",
        nn.Sequential(nn.Linear(8, 32), Fn(lambda x: F.silu(x[..., :16]) * x[..., 16:]), nn.Linear(16, 8)),
        (r(1, 4, 8),),
    )
    yield "mask_of_lengths", lambda n: (torch.arange(9)[None] < n[:, None]).float(), (i(9, 3),)
    yield "squeeze_excite", _Excite(), (r(1, 8, 6, 6),)
    yield (
        "depthwise_separable",
        nn.Sequential(
            nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.BatchNorm2d(8), nn.Hardswish(), nn.Conv2d(8, 4, 1)
        ).eval(),
        (r(1, 8, 6, 6),),
    )


class _Excite(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(self.b(F.relu(self.a(F.adaptive_avg_pool2d(x, 1)))))


def cases() -> Iterator[Case]:
    for group in (indexing, sequences, convolutions, norms, shapes, pools, reductions, products, elementwise):
        for name, call, inputs in group():
            yield f"{group.__name__}-{name}", call, inputs


def other(value: torch.Tensor, seed: int) -> torch.Tensor:
    """A second set: the same numbers elsewhere, floats with another sign here and there."""
    chance = torch.Generator().manual_seed(seed)
    moved = value.reshape(-1)[torch.randperm(value.numel(), generator=chance)].reshape(value.shape)
    if value.dtype != torch.float32 or bool((value >= 0).all()):
        return moved
    return torch.where(torch.rand(value.shape, generator=chance) < 0.5, moved, -moved)


def export(name: str, call: Callable[..., Any], inputs: tuple[Any, ...], folder: Path) -> str:
    """Write one case; "" or what the exporter says against it."""
    module = call if isinstance(call, nn.Module) else Fn(call)
    names = [f"x{number}" for number in range(len(inputs))]
    keep = "scatter" in name or "put" in name or "cache" in name  # indices that must stay distinct
    again = [value if keep and value.dtype != torch.float32 else other(value, 7) for value in inputs]
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), torch.no_grad():
            module.eval()(*inputs)
            _export(module.eval(), inputs, names, folder / f"{name}.onnx")
    except Exception as error:  # an operator that the exporter does not have
        return f"{type(error).__name__}: {str(error).splitlines()[0][:100] if str(error) else ''}"
    rows = {
        f"{n}/{key}": value.numpy()
        for n, values in enumerate((inputs, again))
        for key, value in zip(names, values, strict=True)
    }
    np.savez(folder / f"{name}.npz", **rows)
    return ""


def _export(module: nn.Module, inputs: tuple[Any, ...], names: list[str], path: Path) -> None:
    """By the older exporter, which is ten times quicker; by the newer one what it does not know."""
    draft = path.with_suffix(".draft")
    try:
        torch.onnx.export(module, inputs, draft, input_names=names, dynamo=False, opset_version=18)
    except Exception:  # each lacks others
        torch.onnx.export(module, inputs, draft, input_names=names, dynamo=True, external_data=False)
    draft.replace(path)


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    folder, words = Path(sys.argv[1]), sys.argv[2:]
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    made = 0
    for name, call, inputs in cases():
        if words and not any(word in name for word in words):
            continue
        problem = export(name, call, inputs, folder)
        made += not problem
        if problem:
            print(f"{name}: not exported: {problem}", flush=True)
    print(f"{made} cases in {folder}")


if __name__ == "__main__":
    main()
