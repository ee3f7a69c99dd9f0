"""Writing a bundle: into a temporary sibling, to the disk, and then renamed, so that it is whole or absent."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from zif.artifacts.bundle.layout import Layout, stem
from zif.artifacts.bundle.manifest import INPUTS, MANIFEST, QUANTIZATION, SCHEMA, SEAL, sealed_text
from zif.artifacts.bundle.replace import beside, check_place, put, remove_rest, why_not
from zif.artifacts.bundle.signing import SIGNATURE, signature_of
from zif.artifacts.description import describe
from zif.artifacts.hashed import Content, Damaged, total_bytes, write_file
from zif.artifacts.sealing import plain, seal
from zif.artifacts.userkey import seal_of
from zif.errors import UsageError
from zif.files.leftovers import strike
from zif.files.paths import distinct
from zif.files.wording import size
from zif.files.writing import drafted
from zif.records import Compiled, TensorInfo

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def write_bundle(
    folder: Path | str,
    plans: Mapping[str, Mapping[str, Any]],
    artifacts: Mapping[tuple[int, str], Compiled],
    *,
    labels: Mapping[tuple[int, str], str] | None = None,
    inputs: Sequence[TensorInfo] = (),
    outputs: Sequence[TensorInfo] = (),
    ranges: Mapping[str, Any] | None = None,
    quantization: Mapping[str, Any] | None = None,
    versions: Mapping[str, Any] | None = None,
    extras: Mapping[str, bytes | Path] | None = None,
    overwrite: bool = False,
    sign: Ed25519PrivateKey | None = None,
) -> Path:
    """Write a bundle and give its folder.

    plans: the plan of each target as JSON; the first target is the one that a reader gets without a name. artifacts: by
    segment number and target. labels: what an artifact's files are called ("npu-v2"; else backend and target). inputs,
    outputs: of the whole model, with the quantization of each in `ranges`. quantization: the encodings in force.
    versions: of everything that took part. extras: more files, by their path in the bundle. overwrite: replace a bundle
    that is there (never anything else). sign: the key to sign the manifest with.

    Raises UsageError when the place is taken or cannot be written to, NotWritten when there is no room; then everything
    is as before.
    """
    place = Path(os.path.realpath(folder))
    check_place(place, overwrite)
    layout = Layout()
    try:
        rows = [_row(layout, key, compiled, labels or {}) for key, compiled in sorted(artifacts.items())]
        more = dict(extras or {})
        documents = {} if INPUTS in more else _documents(inputs, outputs, ranges, quantization)
        for name, content in (documents | more).items():
            layout.add(name, content)
        place.parent.mkdir(parents=True, exist_ok=True)
        _room(place.parent, layout.files)
        draft = beside(place, "draft")
        with drafted(draft):
            files = {
                name: write_file(content, draft, name, sync=True) for name, content in sorted(layout.files.items())
            }
            manifest = _manifest(plans, rows, files, versions)
            if sign is not None:
                write_file(signature_of(manifest, sign), draft, SIGNATURE, sync=True)
            write_file(manifest, draft, MANIFEST, sync=True)
        try:
            strike(draft)
            put(draft, place)
        except BaseException:
            remove_rest(draft)  # which may be the bundle that was there, by now
            raise
    except Damaged as error:
        raise UsageError(f"the bundle {folder} cannot be written: {error}") from error
    except OSError as error:
        raise why_not(folder, error) from error
    return place


def _row(
    layout: Layout, key: tuple[int, str], compiled: Compiled, labels: Mapping[tuple[int, str], str]
) -> dict[str, Any]:
    number, target = key
    maker = compiled.certificate.backend if compiled.certificate else compiled.format
    default = maker if compiled.format == "onnx" else f"{maker}-{target}"
    distinct(compiled.files, Damaged)
    files = layout.place(compiled, stem(number, labels.get(key, default)), target)
    return {"segment": number, "target": target, **describe(compiled), "files": files}


def _documents(
    inputs: Sequence[TensorInfo],
    outputs: Sequence[TensorInfo],
    ranges: Mapping[str, Any] | None,
    quantization: Mapping[str, Any] | None,
) -> dict[str, bytes]:
    def spec(info: TensorInfo) -> dict[str, Any]:
        shape = None if info.shape is None else list(info.shape)
        words = {"name": info.name, "type": info.type, "dtype": info.dtype, "shape": shape}
        return {**words, "quantization": (ranges or {}).get(info.name)}

    edges = {"schema": "zif.inputs/1", "inputs": [*map(spec, inputs)], "outputs": [*map(spec, outputs)]}
    return {INPUTS: _json(edges)} | ({QUANTIZATION: _json(quantization)} if quantization else {})


def _json(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, indent=1, default=str).encode() + b"\n"


def _manifest(
    plans: Mapping[str, Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    files: Mapping[str, Content],
    versions: Mapping[str, Any] | None,
) -> bytes:
    """The document, with the seal of this user's key where there is one."""
    targets = list(plans)
    data = {
        "schema": SCHEMA,
        "targets": targets,
        "versions": dict(versions or {}),
        "plan": plans[targets[0]] if targets else {},
        "plans": {target: plans[target] for target in targets[1:]},
        "artifacts": list(rows),
        "files": {name: attrs.asdict(content) for name, content in files.items()},
    }
    made = plain(data)
    with contextlib.suppress(UsageError):
        made[SEAL] = seal_of(SCHEMA, sealed_text(made))
    return seal(made)


def _room(parent: Path, files: Mapping[str, bytes | Path]) -> None:
    need, free = total_bytes(files), shutil.disk_usage(parent).free
    if need > free:
        raise OSError(errno.ENOSPC, f"{size(need)} are needed and {size(free)} are free")
