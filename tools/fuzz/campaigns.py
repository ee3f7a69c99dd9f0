"""The campaigns: each makes a case from a source of random numbers, a command with files of which some are damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from tools.fuzz import documents, headers, odd, protobufs
from tools.fuzz.bundles import bundle
from tools.fuzz.contexts import context
from tools.fuzz.entries import damaged_entry
from tools.fuzz.formats import CHIPS, CONFIG, ENCODINGS, LISTS, STEPS, TARGETS
from tools.fuzz.material import CHIP, Material
from tools.fuzz.measured import measurement
from tools.fuzz.plugins import damaged_plugin
from tools.fuzz.shared import shared
from tools.fuzz.sources import source
from tools.fuzz.sweeps import sweep
from tools.fuzz.told import told
from tools.fuzz.world import Case, with_json

Campaign = Callable[[Random, Material], Case]
Words = tuple[str, ...]
_CPU: tuple[Words, ...] = (
    ("--only", "qnn_cpu"),
    ("--only", "reference"),
    ("--only", "qnn_cpu", "--only", "reference"),
    (),
)
_RANDOM = ("--random", "0")


def model(rng: Random, material: Material) -> Case:
    """A damaged model through the commands that take one."""
    proto = protobufs.damaged(rng, material.model(rng))
    data = proto.SerializeToString()
    files = {"m.onnx": odd.spoiled(rng, data) if rng.random() < 0.08 else data}
    words, writes = rng.choice(_MODEL_COMMANDS)(rng)
    return Case(with_json(rng, words), files, {}, writes)


def _plan(rng: Random) -> tuple[Words, Words]:
    more: tuple[tuple[Words, Words], ...] = (
        *(((), ()),) * 6,
        (("--all-units",), ()),
        (("--explain", "op:*"), ()),
        (("--html", "p.html"), ("p.html",)),
        (("--overlay", "o.onnx"), ("o.onnx",)),
        (("--overlay", "o.json"), ("o.json",)),
        (("-p", "memory", "--suggest", "0"), ()),
        (("--assume", "w8a8"), ()),
        (("--what-if", "qnn_cpu-op:*"), ()),
        (("--shape", "x=2,3"), ()),
        (("-t", CHIP), ()),
    )
    words, writes = rng.choice(more)
    return ("plan", "m.onnx", *rng.choice(_CPU), *words), writes


def _run(rng: Random) -> tuple[Words, Words]:
    words = ("run", "m.onnx", *_RANDOM, *rng.choice(_CPU))
    draw = rng.random()
    if draw < 0.2:
        return (*words, "-o", "out", *rng.choice(((), ("--raw",)))), ("out",)
    return (*words, "--isolate") if draw < 0.23 else words, ()


def _others(rng: Random) -> tuple[Words, Words]:
    ways: tuple[tuple[Words, Words], ...] = (
        (("compile", "m.onnx", "-o", "out", *rng.choice(_CPU)), ("out",)),
        (("compile", "m.onnx", "-o", "out", "--no-verify", *rng.choice(_CPU)), ("out",)),
        (("verify", "m.onnx", *rng.choice(_CPU)), ()),
        (("compare", "m.onnx@host,reference", "m.onnx@host,qnn_cpu", *_RANDOM), ()),
        (
            ("quantize", "m.onnx", "-o", "q.onnx", "--random-calibration", "--method", "minmax"),
            ("q.onnx", "q.encodings.json"),
        ),
        (
            ("quantize", "m.onnx", "-o", "q.onnx", "--random-calibration", "--precision", "w8"),
            ("q.onnx", "q.encodings.json"),
        ),
        (("profile", "m.onnx", *_RANDOM, "-n", "1", "--warmup", "0", *rng.choice(_CPU)), ()),
        (("verdicts", "m.onnx", *rng.choice(_CPU)), ()),
        (("cache", "why", "m.onnx", *rng.choice(_CPU)), ()),
        (("encodings", "show", "m.onnx"), ()),
        (("encodings", "convert", "m.onnx", "-o", "e.json", "--to", "1.0.0"), ("e.json",)),
    )
    return rng.choice(ways)


_MODEL_COMMANDS = (_plan, _plan, _run, _run, _others, _others)


def value(rng: Random, material: Material) -> Case:
    """Damaged inputs: arrays, archives, tensors of ONNX, JSON, pictures, raw data, lists of files."""
    plain = np.arange(4, dtype=np.float32).reshape(1, 4)
    name, content = _value(rng, plain)
    files = {name: content, "x.npy": headers.npy(plain)}
    files["m.onnx"] = material.models[rng.choice(("mlp", "batch", "qdq"))].SerializeToString()
    files["l.txt"] = documents.worded(rng, rng.choice(LISTS).replace("FILE", name)).encode("utf-8", "replace")
    only = rng.choice(_CPU[:2])
    ways: tuple[tuple[Words, Words], ...] = (
        *((("run", "m.onnx", "-i", f"x={name}", *only), ()),) * 3,
        (("run", "m.onnx", "--input-list", "l.txt", *only), ()),
        (("compare", "m.onnx@host,reference", "m.onnx@host,qnn_cpu", "-c", name), ()),
        (("compare", "m.onnx", "m.onnx", "-c", "l.txt", "--outputs-only"), ()),
        (("quantize", "m.onnx", "-o", "q.onnx", "-c", name, "--method", "minmax"), ("q.onnx", "q.encodings.json")),
        (("verify", "m.onnx", "-s", name, *only), ()),
        (("profile", "m.onnx", "-i", f"x={name}", "-n", "1", "--warmup", "0", *only), ()),
    )
    words, writes = rng.choice(ways)
    return Case(with_json(rng, words), files, {}, writes)


def _value(rng: Random, plain: np.ndarray[Any, Any]) -> tuple[str, bytes]:
    rows = np.repeat(plain, rng.choice((1, 1, 3)), axis=0)
    ways: tuple[Callable[[], tuple[str, bytes]], ...] = (
        lambda: ("v.npy", headers.damaged_npy(rng, rows.astype(rng.choice(("f4", "f4", "f8", "i8", "u1"))))),
        lambda: ("v.npy", headers.damaged_npy(rng, rows)),
        lambda: ("v.npz", headers.damaged_npz(rng, {"x": rows} if rng.random() < 0.7 else {"x": rows, "z": plain})),
        lambda: ("v.pb", _tensor(rng, rows)),
        lambda: ("v.json", documents.written(rng, documents.damaged(rng, rows.tolist()))),
        lambda: ("v.raw", odd.spoiled(rng, rows.tobytes() * rng.choice((1, 1, 1000)))),
        lambda: (f"v.{(form := rng.choice(_PICTURES))}", odd.spoiled(rng, picture(form))),
    )
    return rng.choice(ways)()


def _tensor(rng: Random, rows: np.ndarray[Any, Any]) -> bytes:
    tensor = numpy_helper.from_array(rows, "x")
    holder = onnx.ModelProto(graph=onnx.GraphProto(initializer=[tensor]))
    protobufs.one_field(rng, holder.graph.initializer[0])
    data = holder.graph.initializer[0].SerializeToString()
    return odd.spoiled(rng, data) if rng.random() < 0.2 else data


_PICTURES = ("png", "jpeg", "tiff", "gif", "bmp", "webp", "ppm")


def picture(form: str) -> bytes:
    """A small picture of a format."""
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (4, 4), (1, 2, 3)).save(stream, form)
    return stream.getvalue()


def document(rng: Random, material: Material) -> Case:
    """Damaged plans, encodings, chips, options, preprocessing: all that people and other programs write."""
    return rng.choice((_plans, _encodings, _encodings, _targets, _config, _steps))(rng, material)


def _plans(rng: Random, material: Material) -> Case:
    old = material.plan(rng)
    new = documents.damaged(rng, old, tuple(old) + tuple(old["units"][0]) + tuple(old["segments"][0]))
    files = {"a.json": documents.written(rng, new), "b.json": json.dumps(old).encode()}
    pair = rng.choice((("a.json", "b.json"), ("b.json", "a.json"), ("a.json", "a.json")))
    more: tuple[Words, ...] = ((), ("--threshold", "5%"), ("--markdown",))
    return Case(with_json(rng, ("plan", "--diff", *pair, *rng.choice(more))), files)


def _encodings(rng: Random, material: Material) -> Case:
    entry = rng.choice(ENCODINGS)
    content = documents.written(rng, documents.damaged(rng, entry, ("bitwidth", "scale", "offset", "dtype", "is_sym")))
    files = {"e.json": content, "m.onnx": material.models["mlp"].SerializeToString()}
    ways: tuple[tuple[Words, Words], ...] = (
        (("encodings", "show", "e.json"), ()),
        (("encodings", "check", "e.json"), ()),
        (("encodings", "check", "e.json", "m.onnx"), ()),
        (
            ("encodings", "convert", "e.json", "-o", "f.json", "--to", rng.choice(("qnn", "0.6.1", "1.0.0", "2.0.0"))),
            ("f.json",),
        ),
        (
            (
                "quantize",
                "m.onnx",
                "-o",
                "q.onnx",
                "--encodings",
                "e.json",
                "--random-calibration",
                *rng.choice(((), ("--repair",))),
            ),
            ("q.onnx", "q.encodings.json"),
        ),
    )
    words, writes = rng.choice(ways)
    return Case(with_json(rng, words), files, {}, writes)


def _targets(rng: Random, material: Material) -> Case:
    known = (
        "name",
        "aliases",
        "machine",
        "like",
        "processors",
        "sources",
        "memory",
        "energy",
        "macs_per_s",
        "bytes_per_s",
    )
    as_json = rng.random() < 0.6
    content = (
        documents.written(rng, documents.damaged(rng, TARGETS, known))
        if as_json
        else documents.worded(rng, CHIPS).encode("utf-8", "replace")
    )
    files = {"t.json" if as_json else "t.toml": content, "m.onnx": material.models["mlp"].SerializeToString()}
    ways: tuple[Words, ...] = (("targets",), ("targets", "mine"), ("plan", "m.onnx", "-t", "mine"), ("doctor",))
    return Case(with_json(rng, rng.choice(ways)), files, {"ZIF_TARGETS": next(iter(files))})


def _config(rng: Random, material: Material) -> Case:
    files = {
        "c.json": documents.written(rng, documents.damaged(rng, CONFIG, ("num_threads", "optimization", "deadline")))
    }
    files["m.onnx"] = material.models["mlp"].SerializeToString()
    ways: tuple[Words, ...] = (
        ("config", "check", "c.json"),
        ("plan", "m.onnx", "--config", "c.json"),
        ("run", "m.onnx", *_RANDOM, "--config", "c.json", "--only", "qnn_cpu"),
    )
    return Case(with_json(rng, rng.choice(ways)), files)


def _steps(rng: Random, material: Material) -> Case:
    files = {"s.toml": documents.worded(rng, STEPS).encode("utf-8", "replace"), "p.png": picture("png")}
    inputs = [material.models["mlp"]]
    made = onnx.ModelProto.FromString(inputs[0].SerializeToString())
    for info in (*made.graph.input, *made.graph.output):
        del info.type.tensor_type.shape.dim[:]
        for size in (1, 3, 4, 4):
            info.type.tensor_type.shape.dim.add(dim_value=size)
    files["m.onnx"] = made.SerializeToString()
    told = (
        "s.toml" if rng.random() < 0.6 else documents.worded(rng, "resize=4x4,scale=1/255,mean=0.5,std=0.5,layout=nchw")
    )
    words = ("run", "m.onnx", "-i", "x=p.png", "--preprocess", told.replace("\0", ""), "--only", "qnn_cpu")
    return Case(with_json(rng, words), files)


def cache(rng: Random, material: Material) -> Case:
    """A cache with damaged entries, and with what is not zif's."""
    files = dict(material.cache())
    name = rng.choice(sorted(files))
    way = rng.choice(
        ("bytes", "document", "document", "drop", "more", "rename", "sealed", "sealed", "sealed", "sealed")
    )
    if way == "sealed":
        files = damaged_entry(rng, files)
    elif way == "drop":
        del files[name]
    elif way == "more":
        top = "/".join(name.split("/")[: rng.randint(2, name.count("/"))])
        files[f"{top}/{rng.choice(('notes.txt', '.git/HEAD', 'x.part', 'artifact.json', 'poetry.lock'))}"] = (
            b"the user's"
        )
    elif way == "rename":
        files[name + rng.choice(("x", ".old", " "))] = files.pop(name)
    elif way == "document" and name.endswith(".json"):
        files[name] = documents.written(rng, documents.damaged(rng, json.loads(files[name])))
    else:
        files[name] = odd.spoiled(rng, files[name])
    files["m.onnx"] = material.models["mlp"].SerializeToString()
    on_chip = ("m.onnx", "-t", CHIP, "--only", "qnn_htp")
    ways: tuple[Words, ...] = (
        *(
            (
                ("cache", "ls"),
                ("cache", "verify"),
                ("cache", "clear"),
                ("cache", "show", "0"),
                ("cache", "why", *on_chip),
            )
            * 2
        ),
        *((("run", *on_chip, *_RANDOM, "--no-verify"),) * (5 if way == "sealed" else 1)),
    )
    return Case(with_json(rng, rng.choice(ways)), files)


#: Each campaign, and its share of the cases.
CAMPAIGNS: dict[str, tuple[Campaign, int]] = {
    "models": (model, 50),
    "bundles": (bundle, 17),
    "inputs": (value, 14),
    "documents": (document, 14),
    "caches": (cache, 5),
    "plugins": (damaged_plugin, 2),
    "contexts": (context, 10),
    "sources": (source, 5),
    "sweeps": (sweep, 9),
    "measured": (measurement, 9),
    "shared": (shared, 4),
    "words": (told, 9),
}
