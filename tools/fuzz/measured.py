"""What was measured elsewhere: tables and profiles for `calibrate`, results for `aihub`, kept sides of `drift`."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import numpy as np

from tools.fuzz import documents, headers, odd
from tools.fuzz.material import CHIP, Material
from tools.fuzz.world import Case, with_json

Words = tuple[str, ...]
_TABLE = "model,latency_ms,precision,toolchain,device\nm.onnx,2.4,float,2.51,phone\nm.onnx,3.1,w8a8,,phone\n"
_PROFILE: Any = {
    "schema": "zif.profile/1",
    "ms": {"p50": 2.4, "p99": 3.0},
    "segments": [{"id": 0, "kind": "hardware", "label": "", "toolchain": "qnn 2.51"}],
}
_LAYER = {"name": "mm", "type": "MatMul", "compute_unit": "NPU", "execution_time": 12.5, "execution_cycles": 1000}
_JOB: Any = {
    "execution_summary": {"estimated_inference_time": 1000.0, "estimated_inference_peak_memory": 5_000_000},
    "execution_detail": [_LAYER, {**_LAYER, "name": "relu_token_2", "type": "Relu"}, {**_LAYER, "name": "y:0"}],
    "device": "Samsung Galaxy S24",
    "model": "m.onnx",
}
_KNOWN = ("schema", "ms", "p50", "segments", "kind", "execution_summary", "estimated_inference_time", "compute_unit")


def measurement(rng: Random, material: Material) -> Case:
    """A damaged measurement, job or kept side, through the command that takes it in."""
    return rng.choice((_calibrate, _calibrate, _job, _job, _kept, _plans))(rng, material)


def _case(rng: Random, material: Material, files: dict[str, bytes], ways: tuple[Words, ...]) -> Case:
    words = rng.choice(ways)
    files["m.onnx"] = material.models["mlp"].SerializeToString()
    return Case(with_json(rng, words), files)


def _calibrate(rng: Random, material: Material) -> Case:
    name, content = rng.choice(
        (
            ("t.csv", documents.worded(rng, _TABLE).encode("utf-8", "replace")),
            ("t.tsv", documents.worded(rng, _TABLE.replace(",", "\t")).encode("utf-8", "replace")),
            ("t.csv", odd.spoiled(rng, _TABLE.encode())),
            ("t.json", documents.written(rng, documents.damaged(rng, _PROFILE, _KNOWN))),
            ("t.json", documents.written(rng, documents.damaged(rng, {**_JOB, "profile": _JOB}, _KNOWN))),
        )
    )
    chip = rng.choice((CHIP, CHIP, "snapdragon-888"))
    plain, more = ("calibrate", chip, name), documents.worded(rng, "2.51").replace("\0", "")
    ways = (plain, (*plain, "--model", "m.onnx"), (*plain, "--toolchain", more), (*plain, "--precision", "w8a8"))
    return _case(rng, material, {name: content}, ways)


def _job(rng: Random, material: Material) -> Case:
    content = documents.written(rng, documents.damaged(rng, _JOB, _KNOWN))
    name = rng.choice(("p.json", "job/net_results.json"))
    plain = ("aihub", "read", name.partition("/")[0], "m.onnx")
    ways = (plain, (*plain, "-t", CHIP), (*plain, "-t", CHIP, "--no-keep"))
    return _case(rng, material, {name: content}, ways)


def _kept(rng: Random, material: Material) -> Case:
    """A folder of `drift --keep`."""
    files = {f"kept/{name}": content for name, content in material.kept().items()}
    name = rng.choice(sorted(files))
    if name.endswith(".json") and rng.random() < 0.9:
        known = ("plan", "bytes", "inputs", "outputs", "sets", "failure", "model", "source")
        files[name] = documents.written(rng, documents.damaged(rng, json.loads(files[name]), known))
    elif name.endswith(".npz"):
        files[name] = headers.damaged_npz(rng, {"v0": np.ones((1, 4), np.float32)})
    else:
        files[name] = odd.spoiled(rng, files[name])
    plain = ("drift", "m.onnx", "--old", "kept", "--only", "qnn_cpu")
    return _case(rng, material, files, (plain, (*plain, "--exact"), ("drift", "--old", "kept", "--new", "kept")))


def _plans(rng: Random, material: Material) -> Case:
    old = material.plan(rng)
    new = documents.damaged(rng, old, tuple(old) + tuple(old["units"][0]) + tuple(old["segments"][0]))
    files = {"a.json": documents.written(rng, [new, old] if rng.random() < 0.3 else new)}
    files["b.json"] = documents.written(rng, old)
    pair = rng.choice((("a.json", "b.json"), ("b.json", "a.json"), ("a.json", "a.json")))
    threshold = documents.worded(rng, "5%").replace("\0", "")
    plain: Words = ("drift", "--old", pair[0], "--new", pair[1])
    return _case(rng, material, files, (plain, plain, (*plain, "--threshold", threshold)))
