"""What files hold, as digests: of models with their weights, and of what is read beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from attrs import evolve
from zif import Model, UsageError, ZifError
from zif.plugin import open_plain

from zif_sweep.cells import Subject

_CHUNK = 1 << 20


def digested(subject: Subject) -> Subject:
    """The subject with the digest of each of its files."""
    return evolve(subject, digest={precision: model_digest(Path(file)) for precision, file in subject.files.items()})


def model_digest(path: Path) -> str:
    """Of a model with its weights; where there are none to read, of its structure; of the bytes of what is no ONNX."""
    try:
        model = Model.load(path)
    except ZifError:
        return digest_of(path)
    try:
        return model.digest
    except ZifError:
        return model.fingerprint  # a graph whose weights are elsewhere can be planned all the same


def digests_of(paths: Iterable[str]) -> Mapping[str, str]:
    """The digests by path; "" of what is no file and no folder, such as a module's name."""
    return {path: digest_of(Path(path)) if Path(path).exists() else "" for path in paths}


def digest_of(path: Path) -> str:
    """Of a file's bytes, or of every file in a folder with its name. Raises UsageError for what cannot be read."""
    total = hashlib.sha256()
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for file in files:
        total.update(f"{file.relative_to(path) if path.is_dir() else ''}\0".encode())
        with open_plain(file, UsageError) as stream:
            while chunk := stream.read(_CHUNK):
                total.update(chunk)
    return total.hexdigest()
