"""What a bundle says of itself: a sealed document, every field of it held to its type, whose names stay inside."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from zif.artifacts.description import Description
from zif.artifacts.hashed import Content, Damaged
from zif.artifacts.sealing import canonical, unseal
from zif.files.documents import json_of
from zif.files.limits import TEXT
from zif.files.opening import open_inside, whole
from zif.files.paths import distinct
from zif.files.records import record

SCHEMA = "zif.bundle/1"
MANIFEST, INPUTS, QUANTIZATION = "manifest.json", "input_specs.json", "quantization_config.json"
#: The manifest's field for the seal of the user who wrote it.
SEAL = "seal"
_FAMILY = "zif.bundle/"


@frozen
class Row(Description):
    """An artifact: the segment and the target that it is for, and where each of its files lies, by its name."""

    segment: int
    target: str
    files: Mapping[str, str]


@frozen
class Manifest:
    """The whole document. `plan` is that of the first target, `plans` has the others'."""

    targets: tuple[str, ...]
    versions: Mapping[str, Any]
    plan: Mapping[str, Any]
    plans: Mapping[str, Mapping[str, Any]]
    artifacts: tuple[Row, ...]
    files: Mapping[str, Content]
    seal: str | None = None

    def by_target(self) -> dict[str, Mapping[str, Any]]:
        """The plan of each target."""
        return {self.targets[0]: self.plan, **self.plans}


def read_manifest(root: Path) -> tuple[Manifest, str]:
    """The manifest of the bundle in a folder, and the text that its user's seal is on. Raises Damaged."""
    data = unseal(manifest_bytes(root), MANIFEST, SCHEMA)
    manifest = record(Manifest, data, MANIFEST, Damaged)
    _check(manifest)
    return manifest, sealed_text(data)


def sealed_text(data: Mapping[str, Any]) -> str:
    """What a user's seal on a manifest is on: all of it but the seal itself."""
    return canonical({name: value for name, value in data.items() if name != SEAL})


def is_bundle(folder: Path | str) -> bool:
    """Whether a folder says that it is a bundle, of whatever version; it may still be damaged."""
    try:
        data = json_of(manifest_bytes(Path(folder)), MANIFEST, Damaged)
        return isinstance(data, dict) and str(data.get("schema")).startswith(_FAMILY)
    except (Damaged, OSError, ValueError):
        return False


def manifest_bytes(root: Path) -> bytes:
    """The manifest as it stands in the file. Raises Damaged, OSError."""
    if not root.is_dir():
        raise Damaged("it is no folder" if os.path.lexists(root) else "there is no such folder")
    if not os.path.lexists(root / MANIFEST):
        raise Damaged(f"{MANIFEST} is missing, so this is no bundle")
    with open_inside(root, MANIFEST, Damaged) as file:
        return whole(file, MANIFEST, TEXT, Damaged)


def _check(manifest: Manifest) -> None:
    """What the types do not say: names are those of files inside, an artifact's are listed, each target has a plan."""
    plans = {*manifest.targets[:1], *manifest.plans}
    if not manifest.targets or len(manifest.plans) + 1 != len(manifest.targets) or plans != {*manifest.targets}:
        raise Damaged(f"{MANIFEST} does not have one plan for each target")
    distinct([MANIFEST, *manifest.files], Damaged)
    rows = {(row.segment, row.target) for row in manifest.artifacts}
    if len(rows) < len(manifest.artifacts):
        raise Damaged(f"{MANIFEST} has two artifacts of one segment for one target")
    for row in manifest.artifacts:
        distinct(row.files, Damaged)
        stray = next((place for place in row.files.values() if place not in manifest.files), None)
        if stray is not None:
            raise Damaged(f"{MANIFEST} names {stray[:200]!r} and does not list it")
        if row.main not in row.files:
            raise Damaged(f"{MANIFEST} names {row.main[:200]!r} as the main file of an artifact that has no such file")
