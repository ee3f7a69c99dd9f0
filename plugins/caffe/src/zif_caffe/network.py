"""A network as records: layers in order with their parameters and weights, whatever version of the format they had."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field, frozen
from zif import InvalidModel
from zif.plugin import TEXT, WEIGHTS, read_bytes, read_text

from zif_caffe.messages import field_names, message

if TYPE_CHECKING:
    from zif.plugin import Array

    Blobs = tuple[Array, ...]

#: Names of V1's types where they are not V2's in capitals.
_TYPES = {
    "CONCAT": "Concat",
    "ABSVAL": "AbsVal",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "LRN": "LRN",
    "MVN": "MVN",
    "RELU": "ReLU",
    "TANH": "TanH",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "IM2COL": "Im2col",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
}


@frozen
class Layer:
    """One layer: its kind in V2's words, the blobs that it reads and writes, its message, and its weights."""

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    message: Any = field(repr=False)
    blobs: tuple[Array, ...] = field(default=(), repr=False)

    def params(self, name: str) -> Any:
        """The parameters of this name; Caffe's defaults where the text gives none."""
        return getattr(self.message, name)


@frozen
class Network:
    """The layers that take part in testing, in order. inputs: blobs from outside; an empty shape is not given."""

    name: str
    inputs: Mapping[str, tuple[int, ...]]
    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = ()


def read(prototxt: Path, weights: Path) -> Network:
    """Raises InvalidModel for what is damaged, too old, or does not belong together."""
    net, notes = _parsed(prototxt)
    if any(layer.HasField("layer") for layer in net.layers):
        raise InvalidModel(
            f"{prototxt} is of Caffe's first format (before 2013), which Caffe's own upgrade_net_proto_text reads: "
            "upgrade it, and convert what comes out"
        )
    blobs = read_weights(weights)
    messages = [layer for layer in (*net.layer, *net.layers) if _takes_part(layer, net.state)]
    layers = tuple(_layer(message, blobs) for message in messages)
    return Network(net.name or prototxt.stem, _inputs(net, prototxt), layers, notes)


def _parsed(path: Path) -> tuple[Any, tuple[str, ...]]:
    from google.protobuf import text_format

    text = read_text(path, InvalidModel)
    net = message("NetParameter")()
    try:
        text_format.Parse(text, net, allow_unknown_field=True)
    except (text_format.ParseError, RecursionError, ValueError) as error:
        raise InvalidModel(f"{path} is no Caffe network: {str(error) or type(error).__name__}") from error
    if not (net.layer or net.layers):
        raise InvalidModel(f"{path} has no layers: name the network (deploy.prototxt), not the solver")
    return net, _unused(text)


def _unused(text: str) -> tuple[str, ...]:
    """What the text says and nothing here reads."""
    bare = re.sub(r"\"[^\"\n]*\"|'[^'\n]*'|#[^\n]*", "", text)
    names = dict.fromkeys(re.findall(r"([A-Za-z_]\w*)\s*(?::|\{)", bare))
    unknown = [name for name in names if name not in field_names()]
    return (f"not used: {', '.join(unknown[:10])}",) if unknown else ()


def _takes_part(layer: Any, state: Any) -> bool:
    """Caffe's rules for the phase TEST: any `include` that is met, or no `exclude` that is."""
    if layer.include:
        return any(_met(rule, state) for rule in layer.include)
    return not any(_met(rule, state) for rule in layer.exclude)


def _met(rule: Any, state: Any) -> bool:
    if rule.HasField("phase") and rule.phase != 1:
        return False
    if rule.HasField("min_level") and state.level < rule.min_level:
        return False
    if rule.HasField("max_level") and state.level > rule.max_level:
        return False
    stages = set(state.stage)
    return set(rule.stage) <= stages and not set(rule.not_stage) & stages


def _layer(message: Any, blobs: Mapping[str, Blobs]) -> Layer:
    kind = message.type
    if not isinstance(kind, str):
        kind = _v1_type(message.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[kind].name)
    return Layer(message.name, kind, tuple(message.bottom), tuple(message.top), message, blobs.get(message.name, ()))


def _v1_type(word: str) -> str:
    return _TYPES.get(word) or "".join(part.capitalize() for part in word.split("_"))


def _inputs(net: Any, path: Path) -> dict[str, tuple[int, ...]]:
    names = list(net.input)
    if net.input_shape:
        shapes = [tuple(shape.dim) for shape in net.input_shape]
    else:
        dims = list(net.input_dim)
        shapes = [tuple(dims[at : at + 4]) for at in range(0, len(dims), 4)]
    if shapes and len(shapes) not in (1, len(names)):
        raise InvalidModel(f"{path} has {len(names)} inputs and {len(shapes)} shapes for them")
    if len(shapes) == 1:
        shapes *= len(names)
    return dict(zip(names, shapes or [()] * len(names), strict=True))


def read_weights(path: Path) -> dict[str, Blobs]:
    """The weights of each layer by its name. Raises InvalidModel."""
    data = read_bytes(path, WEIGHTS, InvalidModel)
    if data.startswith(b"\x89HDF"):
        raise InvalidModel(f"{path} holds its weights as HDF5: save them with Net.save, as a .caffemodel")
    net = message("WeightedNet")()
    try:
        net.ParseFromString(data)
    except Exception as error:  # protobuf's own classes, which have no types
        raise InvalidModel(f"{path} is cut off, or holds no weights of Caffe: copy it again") from error
    by_layer = {layer.name: _blobs(layer.blobs, layer.name, path) for layer in net.layer}
    for layer in net.layers:
        name, blobs = (
            (layer.name, layer.blobs)
            if layer.blobs or not layer.HasField("layer")
            else (layer.layer.name, layer.layer.blobs)
        )
        by_layer[name] = _blobs(blobs, name, path)
    if not any(by_layer.values()):
        raise InvalidModel(f"{path} holds no weights of Caffe: name the .caffemodel that belongs to the network")
    return by_layer


def _blobs(blobs: Any, layer: str, path: Path) -> Blobs:
    return tuple(_array(blob, layer, path) for blob in blobs)


def _array(blob: Any, layer: str, path: Path) -> Array:
    wide = bool(blob.double_data)
    raw = b"".join(blob.double_data if wide else blob.data)
    dims = tuple(blob.shape.dim) if blob.HasField("shape") else (blob.num, blob.channels, blob.height, blob.width)
    if min(dims, default=0) < 0 or math.prod(dims) * (8 if wide else 4) != len(raw):
        raise InvalidModel(
            f"{path}: the weights of layer {layer!r} are not those of their shape {list(dims)}: copy it again"
        )
    return np.frombuffer(raw, "<f8" if wide else "<f4").astype(np.float32).reshape(dims)


__all__ = ["TEXT", "Layer", "Network", "read", "read_weights"]
