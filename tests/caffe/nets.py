"""Small networks of Caffe: a text, and weights as protobuf writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from zif_caffe.messages import message

Arrays = Mapping[str, Sequence[np.ndarray]]


def saved(folder: Path, text: str, weights: Arrays, name: str = "net") -> Path:
    """The text's path; the weights lie beside it."""
    net = message("WeightedNet")(name=name)
    for layer, arrays in {**weights, "unused": [np.zeros(1)]}.items():
        one = net.layer.add(name=layer, type="Any")
        for array in arrays:
            blob = one.blobs.add()
            blob.shape.dim.extend(array.shape)
            blob.data.append(np.ascontiguousarray(array, "<f4").tobytes())
    (folder / f"{name}.caffemodel").write_bytes(net.SerializeToString())
    path = folder / f"{name}.prototxt"
    path.write_text(text)
    return path


def one_layer(text: str, *shapes: Sequence[int], bottoms: int = 1, tops: Sequence[str] = ("y",)) -> str:
    """A network of one layer called `l` over the inputs x0, x1 …; text: what stands in the layer."""
    inputs = "".join(
        f'input: "x{number}"\ninput_shape {{ {" ".join(f"dim: {dim}" for dim in shape)} }}\n'
        for number, shape in enumerate(shapes)
    )
    bottom = " ".join(f'bottom: "x{number}"' for number in range(bottoms))
    top = " ".join(f'top: "{name}"' for name in tops)
    return f'name: "one"\n{inputs}layer {{ name: "l" {bottom} {top} {text} }}\n'


def values(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
