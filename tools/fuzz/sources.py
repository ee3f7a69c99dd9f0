"""Models of other frameworks, damaged: Caffe's two files, archives, heads and folders that say what they are."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Mapping
from functools import cache
from random import Random
from typing import Any

import numpy as np

from tools.fuzz import documents, headers, odd, protobufs
from tools.fuzz.material import Material
from tools.fuzz.world import Case, with_json

Words = tuple[str, ...]
_LAYERS = (
    'type: "Convolution" convolution_param { num_output: 2 kernel_size: 3 pad: 1 }',
    'type: "InnerProduct" inner_product_param { num_output: 4 }',
    'type: "Pooling" pooling_param { pool: MAX kernel_size: 2 stride: 2 }',
    'type: "LRN" lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }',
    'type: "Softmax" softmax_param { axis: 1 }',
    'type: "Reshape" reshape_param { shape { dim: 0 dim: -1 } }',
    'type: "Slice" slice_param { axis: 1 slice_point: 1 }',
    'type: "Crop" crop_param { axis: 2 offset: 1 }',
    'type: "Scale" scale_param { bias_term: true }',
    'type: "Power" power_param { power: 2 scale: 0.5 shift: 1 }',
    'type: "PriorBox" prior_box_param { min_size: 3 aspect_ratio: 2 variance: 0.1 }',
    'type: "Permute" permute_param { order: 0 order: 2 order: 3 order: 1 }',
    'type: "Tile" tile_param { axis: 1 tiles: 3 }',
    'type: "Deconvolution" convolution_param { num_output: 2 kernel_size: 2 stride: 2 }',
    'type: "SPP" spp_param { pyramid_height: 2 }',
    'type: "ArgMax" argmax_param { top_k: 2 axis: 1 }',
    'type: "Interp" interp_param { zoom_factor: 2 }',
    'type: "Eltwise" eltwise_param { operation: SUM }',
    'type: "ReLU"',
)
#: The weights of those that have other ones than two numbers.
_SHAPES = {
    "Convolution": ((2, 2, 3, 3), (2,)),
    "InnerProduct": ((4, 32), (4,)),
    "Deconvolution": ((2, 2, 2, 2), (2,)),
    "Scale": ((2,), (2,)),
}
#: What a pickle is that would run something; nothing here ever reads one.
_BOMB = b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R."
_STATE = pickle.dumps({"w": 1}, protocol=2)
#: Archives by the name of a file: what is in them.
_ARCHIVES: Mapping[str, Mapping[str, bytes]] = {
    "script.pt": {"net/data.pkl": _STATE, "net/constants.pkl": _STATE, "net/code/m.py": b"x"},
    "state.pt": {"net/data.pkl": _STATE, "net/data/0": bytes(16)},
    "whole.pt": {"net/data.pkl": _BOMB},
    "program.pt2": {"net/archive_format": b"pt2", "net/data/weights/w": bytes(16), "net/models/m.json": b"{}"},
    "net.keras": {
        "config.json": json.dumps({"class_name": "Sequential", "config": {"layers": []}}).encode(),
        "metadata.json": b'{"keras_version": "3.15.1"}',
        "model.weights.h5": b"\x89HDF\r\n\x1a\n" + bytes(90),
    },
}
_HEADS: Mapping[str, bytes] = {
    "net.tflite": b"\x1c\0\0\0TFL3\x14\0\x20\0\x1c\0\x18\0\x14\0\x10\0\x0c\0\0\0\x08\0\x04\0\x14\0\0\0" + bytes(64),
    "net.h5": b"\x89HDF\r\n\x1a\n" + bytes(80) + b'model_config {"class_name": "Lambda"}',
    "net.pb": b"\x0a\x12\x0a\x01x\x12\x0bPlaceholder\x0a\x0c\x0a\x01y\x12\x04Relu\x1a\x01x",
    "old.pt": _STATE + _STATE,
    "net.safetensors": (2).to_bytes(8, "little") + b"{}",
    "net.gguf": b"GGUF\x03\0\0\0" + bytes(40),
}


def source(rng: Random, _: Material) -> Case:
    """A damaged model of another framework, through the commands that take one."""
    name, files = rng.choice((_caffe, _caffe, _caffe, _archive, _head, _folder, _code))(rng)
    ways: tuple[tuple[Words, Words], ...] = (
        *((("convert", name, "-o", "n.onnx"), ("n.onnx",)),) * 3,
        (("convert", name, "-o", "n.onnx", "--no-compare", "--shape", "x=1,2,4,4"), ("n.onnx",)),
        (("plan", name), ()),
        (("run", name, "--random", "0", "--only", "qnn_cpu"), ()),
        (("compile", name, "-o", "out", "--only", "qnn_cpu"), ("out",)),
    )
    words, writes = rng.choice(ways)
    return Case(with_json(rng, words), files, {}, writes)


def network(layers: tuple[str, ...]) -> tuple[str, bytes]:
    """A Caffe network of some layers in a row, and weights for all that have any."""
    text, blob, saved = ['name: "net"\ninput: "x"\ninput_shape { dim: 1 dim: 2 dim: 4 dim: 4 }\n'], "x", _weighted()()
    for number, told in enumerate(layers):
        text.append(f'layer {{ name: "l{number}" bottom: "{blob}" top: "b{number}" {told} }}\n')
        blob = f"b{number}"
        row = saved.layer.add(name=f"l{number}", type="x")
        for shape in _SHAPES.get(told.split('"')[1], ((2,),)):
            kept = row.blobs.add()
            kept.shape.dim.extend(shape)
            kept.data.append(np.ones(shape, "<f4").tobytes())
    return "".join(text), saved.SerializeToString()


def _caffe(rng: Random) -> tuple[str, dict[str, bytes]]:
    text, weights = network(tuple(rng.sample(_LAYERS, rng.randint(1, 3))))
    if rng.random() < 0.75:
        text = documents.worded(rng, text)
    if rng.random() < 0.4:
        saved = _weighted().FromString(weights)
        for _ in range(rng.randint(1, 3)):
            try:
                protobufs.one_field(rng, saved)
            except Exception:  # what a field cannot hold; protobuf's own classes have no types
                continue
        weights = saved.SerializeToString()
    if rng.random() < 0.1:
        weights = odd.spoiled(rng, weights)
    files = {"net.prototxt": text.encode("utf-8", "replace"), "net.caffemodel": weights}
    if rng.random() < 0.1:
        del files[rng.choice(sorted(files))]
    return rng.choice(sorted(files)), files


@cache
def _weighted() -> Any:
    from zif_caffe.messages import message

    return message("WeightedNet")


def archive(members: Mapping[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name, content in members.items():
            made.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, how)
    return stream.getvalue()


def _archive(rng: Random) -> tuple[str, dict[str, bytes]]:
    name = rng.choice(sorted(_ARCHIVES))
    members = dict(_ARCHIVES[name])
    member = rng.choice(sorted(members))
    way = rng.choice(("name", "drop", "content", "content", "inner", "bomb", "directory", "bytes", "as it is"))
    if way == "name":
        members[odd.text(rng).replace("\0", "") or "e"] = members.pop(member)
    elif way == "drop":
        del members[member]
    elif way == "content":
        members[member] = rng.choice((odd.spoiled(rng, members[member]), _BOMB, odd.text(rng).encode()))
    elif way == "inner":
        members[member] = archive(members)
    elif way == "bomb":
        members[member] = bytes(rng.choice((1000, 50_000_000)))
    how = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    data = archive(members, zipfile.ZIP_DEFLATED if way == "bomb" else how)
    if way in ("directory", "bytes"):
        data = headers.directory(rng, data) if way == "directory" else odd.spoiled(rng, data)
    return name, {name: data}


def _head(rng: Random) -> tuple[str, dict[str, bytes]]:
    name = rng.choice(sorted(_HEADS))
    return name, {name: odd.spoiled(rng, _HEADS[name]) if rng.random() < 0.9 else _HEADS[name]}


def _folder(rng: Random) -> tuple[str, dict[str, bytes]]:
    """What says by its layout that it is a SavedModel, or another framework's folder."""
    names = rng.choice((("saved_model.pb", "variables/variables.index"), ("config.json", "w.safetensors")))
    return "m", {f"m/{name}": rng.choice((b"", b"{}", _HEADS["net.pb"], rng.randbytes(40))) for name in names}


def _code(rng: Random) -> tuple[str, dict[str, bytes]]:
    """Code that makes a model: named as nobody would, or no code at all. It is the user's own when it is run."""
    text = documents.worded(rng, "import torch\ndef make():\n    return torch.nn.ReLU()\n")
    told = rng.choice(("net.py:make", "net.py:", ":make", "net.py:a.b.c", "net:make", "net.py::", "x.py:make"))
    return told, {"net.py": text.encode("utf-8", "replace")}
