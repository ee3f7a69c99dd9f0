"""Inputs as they come: pictures of differing light, tokens, waves; some of them louder than the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx

#: Every so many samples one is this much louder.
LOUD, TIMES = 6, 1.25


def samples(model: onnx.ModelProto, seed: int, count: int) -> list[dict[str, Any]]:
    """So many inputs of a network, from this seed on."""
    value = model.graph.input[0]
    dims = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
    chance = np.random.default_rng(seed)
    if value.type.tensor_type.elem_type == onnx.TensorProto.INT64:
        return [{value.name: chance.integers(0, 64, dims)} for _ in range(count)]
    made = _smooth(chance, dims)
    return [{value.name: next(made)} for _ in range(count)]


def _smooth(chance: np.random.Generator, dims: list[int]) -> Iterator[Any]:
    """Noise with the spectrum of pictures and sounds, of differing contrast and brightness."""
    axes = tuple(range(2, len(dims))) if len(dims) > 2 else (1,)
    place = 0
    while True:
        noise = np.fft.fftn(chance.standard_normal(dims), axes=axes)
        for axis in axes:
            near = np.abs(np.fft.fftfreq(dims[axis])) + 0.05
            noise = noise / near.reshape([-1 if dim == axis else 1 for dim in range(len(dims))]) ** 0.5
        picture = np.fft.ifftn(noise, axes=axes).real
        picture = picture / picture.std() * np.exp(0.1 * chance.standard_normal()) + 0.1 * chance.standard_normal()
        loud = TIMES if place % LOUD == LOUD // 2 else 1.0
        place += 1
        yield (picture * loud).astype(np.float32)
