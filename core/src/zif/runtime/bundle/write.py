"""Writing a bundle: into a temporary sibling, to the disk, and then renamed, so that it is whole or absent."""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from zif.errors import UsageError
from zif.files.writing import drafted, sync_folder
from zif.records import Compiled, TensorInfo
from zif.runtime.artifact import Content, Damaged, describe, seal, write_file
from zif.runtime.bundle.layout import Layout, stem, total_bytes
from zif.runtime.bundle.read import INPUTS, MANIFEST, QUANTIZATION, SCHEMA, is_bundle

_STALE_S = 24 * 3600.0


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
) -> Path:
    """Write a bundle and give its folder.

    plans: the plan of each target as JSON; the first target is the one that a reader gets without a name. artifacts: by
    segment number and target. labels: what an artifact's files are called ("npu-v2"; else backend and target). inputs,
    outputs: of the whole model, with the quantization of each in `ranges`. quantization: the encodings in force.
    versions: of everything that took part. extras: more files, by their path in the bundle. overwrite: replace a bundle
    that is there (never anything else).

    Raises UsageError when the place is taken or cannot be written; then everything is as before.
    """
    place = Path(os.path.realpath(folder))
    check_place(place, overwrite)
    layout = Layout()
    try:
        rows = [_row(layout, key, compiled, labels or {}) for key, compiled in sorted(artifacts.items())]
        for name, content in _documents(inputs, outputs, ranges, quantization).items() | (extras or {}).items():
            layout.add(name, content)
        place.parent.mkdir(parents=True, exist_ok=True)
        _room(place.parent, layout.files)
        with drafted(_beside(place, "draft")) as draft:
            files = {
                name: write_file(content, draft / name, sync=True) for name, content in sorted(layout.files.items())
            }
            write_file(seal(_manifest(plans, rows, files, versions)), draft / MANIFEST, sync=True)
            _swap(draft, place)
    except Damaged as error:
        raise UsageError(f"the bundle {folder} cannot be written: {error}") from error
    except OSError as error:
        raise UsageError(_why(folder, error)) from error
    return place


def _row(
    layout: Layout, key: tuple[int, str], compiled: Compiled, labels: Mapping[tuple[int, str], str]
) -> dict[str, Any]:
    number, target = key
    maker = compiled.certificate.backend if compiled.certificate else compiled.format
    default = maker if compiled.format == "onnx" else f"{maker}-{target}"
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
) -> dict[str, Any]:
    targets = list(plans)
    return {
        "schema": SCHEMA,
        "targets": targets,
        "versions": dict(versions or {}),
        "plan": plans[targets[0]] if targets else {},
        "plans": {target: plans[target] for target in targets[1:]},
        "artifacts": list(rows),
        "files": {name: attrs.asdict(content) for name, content in files.items()},
    }


def check_place(folder: Path | str, overwrite: bool = False) -> None:
    """Raise UsageError when something is there that must not be replaced; to be asked before minutes of compiling."""
    place = Path(os.path.realpath(folder))
    try:
        if not place.exists() or (place.is_dir() and not any(place.iterdir())):
            return
    except OSError as error:
        raise UsageError(_why(place, error)) from error
    if not is_bundle(place):
        raise UsageError(f"{place} exists and is no bundle, so it is not replaced: name another folder")
    if not overwrite:
        raise UsageError(f"the bundle {place} exists: name another folder, or replace it with --overwrite")


def _room(parent: Path, files: Mapping[str, bytes | Path]) -> None:
    need, free = total_bytes(files), shutil.disk_usage(parent).free
    if need > free:
        raise OSError(errno.ENOSPC, f"{need / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free")


def _swap(draft: Path, place: Path) -> None:
    """Put the draft in its place; what was there is put aside first, and comes back when that fails."""
    aside = _beside(place, "old")
    try:
        if place.exists():
            place.rename(aside)
        draft.rename(place)
    except BaseException:
        if aside.exists() and not place.exists():
            aside.rename(place)
        raise
    shutil.rmtree(aside, ignore_errors=True)
    sync_folder(place.parent)


def _beside(place: Path, word: str) -> Path:
    """A new name for a folder beside `place`; removes those that a killed process left there long ago."""
    for old in place.parent.glob(f".{glob.escape(place.name)}.*-*.zif-part"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > _STALE_S:
                shutil.rmtree(old, ignore_errors=True)
    return place.with_name(f".{place.name}.{word}-{secrets.token_hex(4)}.zif-part")


def _why(folder: Path | str, error: OSError) -> str:
    what = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    return f"the bundle {folder} cannot be written: {what}. Name a folder on a disk with room that you may write to."
