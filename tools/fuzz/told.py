"""Words of the command line: sizes, shapes, names and figures as a script might put them together. They are the
user's own and no stranger's, and are told from what they should be all the same.
"""

from __future__ import annotations

from random import Random

from tools.fuzz import documents
from tools.fuzz.headers import npy
from tools.fuzz.material import CHIP, Material
from tools.fuzz.world import Case, with_json

Words = tuple[str, ...]
_QUICK = ("--only", "qnn_cpu", "--seconds", "0")
_Q = ("q.onnx", "q.encodings.json")
#: Commands, of which the words in braces are damaged.
_WAYS: tuple[tuple[Words, Words], ...] = (
    (("plan", "m.onnx", "--only", "qnn_cpu", "--shape", "{x=1,4}"), ()),
    (("plan", "m.onnx", "--only", "qnn_cpu", "--shape", "{batch=1..8:3}"), ()),
    (("run", "m.onnx", "--random", "0", "--only", "qnn_cpu", "--shape", "{x={1,2},4}"), ()),
    (("run", "m.onnx", "--random", "0", "--only", "qnn_cpu", "--buckets", "2", "--from", "{x.npy}"), ()),
    (("compile", "m.onnx", "-o", "out", "--only", "qnn_cpu", "--shape", "{batch={1,2}}"), ("out",)),
    (("run", "m.onnx", "--random", "0", "--only", "qnn_cpu", "--trace", "{t.pftrace}"), ("t.pftrace",)),
    (("run", "m.onnx", "--random", "0", "--only", "qnn_cpu", "--trace", "t.json", "-i", "{x=x.npy}"), ("t.json",)),
    (
        (
            "bench",
            "m.onnx",
            "--random",
            "0",
            "--only",
            "qnn_cpu",
            "--seconds",
            "0",
            "--queries",
            "2",
            "--html",
            "b.html",
        ),
        ("b.html",),
    ),
    (("bench", "m.onnx", "--random", "0", *_QUICK, "--scenario", "{offline}"), ()),
    (("bench", "m.onnx", "-i", "{x=x.npy}", "--seconds", "0", "--queries", "{3}", "--accuracy"), ()),
    (("plan", "m.onnx", "--memory-limit", "{qnn_cpu=64M}", "--max-latency", "{5ms}"), ()),
    (("plan", "m.onnx", "--pin", "{op:Relu=qnn_cpu}", "--min-precision", "{fp16}"), ()),
    (("plan", "m.onnx", "--explain", "{op:Relu}"), ()),
    (("plan", "m.onnx", "--what-if", "{qnn_cpu-op:Relu}"), ()),
    (("plan", "m.onnx", "-t", f"{{{CHIP}}}", "--only", "qnn_cpu"), ()),
    (("compare", "{m.onnx@host,reference}", "m.onnx@host,qnn_cpu", "--random", "0"), ()),
    (
        ("quantize", "m.onnx", "-o", "q.onnx", "--random-calibration", "--precision", "{w8a8}"),
        ("q.onnx", "q.encodings.json"),
    ),
    (("sweep", "m.onnx", "-t", "{host}", "--precision", "{float,w8a8}", "--estimate"), ()),
    (("export", "m.onnx", "--for", "{onnxruntime}", "-o", "n.onnx", "--only", "qnn_cpu"), ("n.onnx",)),
    (("config", "check", "{c.json}"), ()),
    (("schema", "{plan}"), ()),
    (("cache", "show", "{0}"), ()),
    (("encodings", "convert", "m.onnx", "-o", "e.json", "--to", "{1.0.0}"), ("e.json",)),
)


def told(rng: Random, material: Material) -> Case:
    """A command on valid files, of which a word is damaged."""
    words, writes = rng.choice(_WAYS)
    made = tuple(_damaged(rng, word) if word.startswith("{") or word.endswith("}") else word for word in words)
    files = {"m.onnx": material.models[rng.choice(("mlp", "batch"))].SerializeToString(), "c.json": b"{}"}
    import numpy as np

    files["x.npy"] = npy(np.ones((rng.choice((1, 2)), 4), np.float32))
    return Case(with_json(rng, made), files, {}, writes)


def _damaged(rng: Random, word: str) -> str:
    """The word without its braces, damaged as a rule; no name in it leads to a file that it could be written to."""
    plain = word[1:-1]
    return plain if rng.random() < 0.2 else documents.worded(rng, plain).replace("\0", "")[:3000]
