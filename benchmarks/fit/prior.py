"""What each count should cost before anything was measured: the starting point that the fit is held to.

Microseconds per count on a Snapdragon 8 Gen 3 in fp16, int8 and int16, from what the hardware is: a matrix unit of some
TMAC/s, vector units that pass over their memory at some 100 GB/s, weights from DDR at some 50 GB/s. `spread` is the
standard deviation of the logarithm: 0.5 means "within a factor of 1.6, two times out of three".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

GROUPS = ("overhead", "matrix", "vector", "special", "memory")


class Prior(NamedTuple):
    us: tuple[float, float, float]
    spread: float
    group: str


PRIORS: Mapping[str, Prior] = {
    "launch": Prior((100, 50, 100), 0.5, "overhead"),
    "op": Prior((0.5, 0.5, 0.5), 0.6, "overhead"),
    "conv": Prior((220, 80, 160), 0.4, "matrix"),
    "conv3d": Prior((80, 30, 50), 0.7, "matrix"),
    "depthwise": Prior((1.0, 0.4, 0.7), 0.7, "vector"),
    "depthwise_large": Prior((1.0, 0.4, 0.7), 0.7, "vector"),
    "attention": Prior((300, 200, 300), 0.5, "matrix"),
    "weights": Prior((40, 20, 20), 0.5, "memory"),
    "traffic": Prior((5, 3, 5), 0.7, "vector"),
    "attention_traffic": Prior((40, 40, 40), 0.7, "vector"),
    "operand": Prior((20, 20, 20), 0.7, "vector"),
    "products": Prior((200, 200, 200), 0.7, "overhead"),
    "spill": Prior((10, 5, 10), 0.7, "memory"),
    "elementwise": Prior((30, 20, 30), 0.5, "vector"),
    "picture": Prior((10, 20, 20), 0.7, "vector"),
    "transcendental": Prior((30, 10, 25), 0.7, "special"),
    "softmax": Prior((100, 60, 100), 0.7, "vector"),
    "norm": Prior((80, 50, 80), 0.7, "vector"),
    "reduce": Prior((15, 10, 15), 0.7, "vector"),
    "pool": Prior((15, 8, 15), 0.7, "vector"),
    "average_pool": Prior((90, 45, 90), 0.4, "vector"),
    "transpose": Prior((60, 30, 60), 0.7, "vector"),
    # Quantized inputs have scales of their own: concatenating them is a pass over all; in fp16 it is a copy.
    "concat": Prior((15, 40, 40), 0.5, "vector"),
    "slice": Prior((150, 100, 150), 0.5, "vector"),
    "pad": Prior((100, 60, 100), 0.5, "vector"),
    "reshape": Prior((8, 4, 8), 0.8, "vector"),
}
