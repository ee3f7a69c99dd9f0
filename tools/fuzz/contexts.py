"""EPContext models and model packages of ONNX Runtime, as strangers hand them on: nodes, names and binaries damaged."""

from __future__ import annotations

import json
from random import Random

import onnx

from tools.fuzz import documents, odd, protobufs
from tools.fuzz.material import CHIP, Material
from tools.fuzz.world import Case, with_json

Words = tuple[str, ...]
_KNOWN = ("schema_version", "components", "variants", "variant_directory", "ep", "model_file", "compatibility_string")
_KNOWN += ("executor_info", "ort", "provider_options")


def context(rng: Random, material: Material) -> Case:
    """A damaged EPContext model, or a damaged package of such, through the commands that take one."""
    form, name, plain = rng.choice((("onnxruntime", "c/m_ctx.onnx", False), ("onnxruntime-package", "c", True)))
    files = {f"c/{place}": content for place, content in material.export(form).items()}
    place = rng.choice(sorted(files) if plain else [*sorted(files), name, name])
    draw = rng.random()
    if draw < 0.05:
        del files[place]
    elif draw < 0.1:
        files[f"{place}x"] = files.pop(place)
    else:
        files[place] = _content(rng, place, files[place])
    words, writes = rng.choice(_WAYS)
    told = tuple(name if word == "NAME" else word for word in words)
    return Case(with_json(rng, told), files, {}, writes)


_WAYS: tuple[tuple[Words, Words], ...] = (
    *((("bundle", "inspect", "NAME"), ()),) * 3,
    (("bundle", "inspect", "NAME", "-t", CHIP), ()),
    *((("plan", "NAME", "-t", CHIP), ()),) * 3,
    (("plan", "NAME"), ()),
    (("run", "NAME", "--random", "0", "-t", CHIP), ()),
    (("compile", "NAME", "-o", "out", "-t", CHIP), ("out",)),
    (("export", "NAME", "--for", "onnxruntime", "-t", CHIP, "-o", "n.onnx"), ("n.onnx",)),
    (("verify", "NAME", "-t", CHIP), ()),
    (("quantize", "NAME", "-o", "q.onnx", "--random-calibration"), ("q.onnx", "q.encodings.json")),
    (("encodings", "show", "NAME"), ()),
)


def _content(rng: Random, place: str, data: bytes) -> bytes:
    if rng.random() < 0.08:
        return odd.spoiled(rng, data)
    if place.endswith(".onnx"):
        return _model(rng, onnx.ModelProto.FromString(data)).SerializeToString()
    if place.endswith(".json"):
        return documents.written(rng, documents.damaged(rng, json.loads(data), _KNOWN))
    return odd.spoiled(rng, data)


def _model(rng: Random, model: onnx.ModelProto) -> onnx.ModelProto:
    """Half of the time what the format itself says: attributes of the nodes, and the metadata."""
    if rng.random() < 0.5:
        return protobufs.damaged(rng, model)
    nodes = [node for node in model.graph.node if node.op_type == "EPContext"]
    for _ in range(rng.choice((1, 1, 2))):
        rows = [*(row for node in nodes for row in node.attribute), *model.metadata_props]
        row = rng.choice(rows) if rows else model.metadata_props.add()
        if not isinstance(row, onnx.AttributeProto):
            row.value = odd.text(rng)
        elif rng.random() < 0.3:
            row.name = rng.choice(("embed_mode", "main_context", "ep_cache_context", "source", "partition_name", "x"))
        elif row.type == onnx.AttributeProto.INT:
            row.i = odd.integer(rng, row.i)
        else:
            row.s = odd.text(rng).encode("utf-8", "replace")
    return model
