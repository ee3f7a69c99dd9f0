"""Bundles as a stranger would make them: what stands in them is odd, and the hashes are right all the same."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from random import Random
from typing import Any

import numpy as np
import onnx
from zif.artifacts.bundle.manifest import SCHEMA, SEAL, sealed_text
from zif.artifacts.sealing import seal

from tools.fuzz import documents, headers, odd, protobufs
from tools.fuzz.material import CHIP, KEY, SIGNING, Material
from tools.fuzz.world import Case, with_json

_MANIFEST = "manifest.json"
_KNOWN = (
    "files",
    "main",
    "format",
    "segment",
    "target",
    "targets",
    "plan",
    "plans",
    "artifacts",
    "inputs",
    "outputs",
    "seal",
)


Words = tuple[str, ...]
_RANDOM = ("--random", "0")


def bundle(rng: Random, material: Material) -> Case:
    """A stranger's bundle: its manifest, its models, its names; sealed anew as a rule, as its maker would."""
    name = rng.choice(_NAMES)
    (key,) = KEY.values()
    files = {f"b/{place}": data for place, data in damaged_bundle(rng, material.bundle(name), key).items()} | KEY
    if name == "signed" and rng.random() < 0.5:
        files = {**files, "b/signature.json": _signed_anew(rng, files)}
    files["key.pem"] = odd.spoiled(rng, SIGNING) if rng.random() < 0.2 else SIGNING
    files["m.onnx"] = material.models["mlp"].SerializeToString()
    files |= {f"c/{place}": data for place, data in material.bundle("cpu").items()} if rng.random() < 0.2 else {}
    words, writes = rng.choice(_RUNS if rng.random() < 0.6 else _LOOKS)
    return Case(with_json(rng, words), files, {}, writes)


_NAMES = (
    "cpu",
    "cpu",
    "reference",
    "reference",
    "both",
    "both",
    "targets",
    "gpu",
    "htp",
    "signed",
    "buckets",
    "source",
)
_RUNS: tuple[tuple[Words, Words], ...] = (
    *((("run", "b", *_RANDOM), ()),) * 4,
    (("run", "b", *_RANDOM, "-o", "out"), ("out",)),
    (("run", "b", *_RANDOM, "--isolate"), ()),
    (("run", "b", *_RANDOM, "--trusted-only"), ()),
    (("run", "b", *_RANDOM, "--trusted-key", "key.pem"), ()),
    (("run", "b", *_RANDOM, "--trace", "t.json"), ("t.json",)),
    (("profile", "b", *_RANDOM, "-n", "1", "--warmup", "0"), ()),
    (("bench", "b", *_RANDOM, "--seconds", "0", "--queries", "1"), ()),
    (("verify", "m.onnx", "--bundle", "b"), ()),
    (("compare", "m.onnx", "b", *_RANDOM), ()),
    (("compare", "b", "m.onnx", *_RANDOM, "--outputs-only"), ()),
    (("compile", "m.onnx", "-o", "b", "--overwrite", "--only", "qnn_cpu"), ("b",)),
    (("plan", "b"), ()),
)
_LOOKS: tuple[tuple[Words, Words], ...] = (
    (("bundle", "inspect", "b"), ()),
    (("bundle", "inspect", "b", "-t", CHIP), ()),
    (("bundle", "verify", "b"), ()),
    (("bundle", "verify", "b", "--trusted-key", "key.pem"), ()),
    (("bundle", "diff", "b", "c"), ()),
    (("bundle", "diff", "c", "b"), ()),
    (("bundle", "strip", "b", "-o", "d"), ("d",)),
    (("bundle", "strip", "b", "-o", "d", "-t", CHIP), ("d",)),
    (("bundle", "components", "b"), ()),
    (("export", "b", "--for", "onnxruntime", "-o", "n.onnx"), ("n.onnx",)),
    (("export", "b", "--for", "onnxruntime-package", "-o", "p"), ("p",)),
    (("export", "b", "--for", "android", "-o", "p"), ("p",)),
)


def _signed_anew(rng: Random, files: Mapping[str, bytes]) -> bytes:
    """A signature that goes with the manifest, or says odd things of it."""
    with_key = {"schema": "zif.signature/1", "key": "", "value": ""}
    if "b/manifest.json" in files and rng.random() < 0.5:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
        from zif.artifacts.bundle.signing import signature_of

        return signature_of(files["b/manifest.json"], load_pem_private_key(SIGNING, None))
    return documents.written(rng, documents.damaged(rng, with_key, ("schema", "key", "value")))


def damaged_bundle(rng: Random, files: Mapping[str, bytes], key: bytes) -> dict[str, bytes]:
    """The files of a bundle, some of them odd; nine times out of ten with the right hashes and seal of the document.

    key: of the user, whose seal is put on half of them anew: what zif wrote may be odd, too.
    """
    made = dict(files)
    manifest = json.loads(made[_MANIFEST])
    manifest.pop("sha256", None)
    draw = rng.random()
    if draw < 0.45:
        manifest = documents.damaged(rng, manifest, _KNOWN)
    elif draw < 0.85:
        place = rng.choice([name for name in sorted(made) if name != _MANIFEST])
        made[place] = _content(rng, place, made[place])
        if rng.random() < 0.9:
            _hashed(manifest, place, made[place])
    elif draw < 0.95:
        _renamed(rng, made, manifest)
    else:
        made.pop(rng.choice(sorted(made)), None)
    if _MANIFEST in made:
        made[_MANIFEST] = _sealed(rng, manifest, key)
    return made


def _content(rng: Random, place: str, data: bytes) -> bytes:
    """A file of its format, with other things in it."""
    if rng.random() < 0.1:
        return odd.spoiled(rng, data)
    if place.endswith(".onnx"):
        return bytes(protobufs.damaged(rng, onnx.ModelProto.FromString(data)).SerializeToString())
    if place.endswith(".json"):
        return documents.written(rng, documents.damaged(rng, json.loads(data)))
    if place.endswith(".npz"):
        return headers.damaged_npz(rng, {"v0": np.zeros((1, 4), np.float32), "names": np.array(["x"])})
    return odd.spoiled(rng, data)


def _renamed(rng: Random, files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    """Another name for a file, wherever the manifest has it, or only there."""
    place = rng.choice(sorted(manifest["files"]))
    name = odd.text(rng)
    inside = bool(name.strip("./ \n\0")) and len(name) < 200 and not {*"\0\\"} & {*name} and ".." not in name
    if inside and not name.startswith("/") and rng.random() < 0.5:
        files[name.replace("\ud7ff", "x")] = files.pop(place)
    manifest["files"][name] = manifest["files"].pop(place)
    for row in manifest["artifacts"]:
        for key, there in list(row["files"].items()):
            if there == place:
                row["files"][key if rng.random() < 0.5 else name] = name


def _hashed(manifest: Any, place: str, data: bytes) -> None:
    manifest["files"][place] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _sealed(rng: Random, manifest: Any, key: bytes) -> bytes:
    if isinstance(manifest, dict) and rng.random() < 0.95:
        try:
            if rng.random() < 0.5:
                text = f"{SCHEMA}\0{sealed_text(manifest)}"
                manifest = {**manifest, SEAL: hmac.new(key, text.encode(), hashlib.sha256).hexdigest()}
            return seal(manifest)
        except (ValueError, TypeError, RecursionError):
            pass
    return documents.written(rng, manifest)
