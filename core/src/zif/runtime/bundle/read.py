"""Reading a bundle: everything is checked before it is used, nothing outside the folder is touched, no code is run."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from zif.errors import InvalidBundle, UsageError
from zif.records import Compiled
from zif.runtime.artifact import Content, Damaged, check_file, check_name, check_size, restore, unseal

SCHEMA = "zif.bundle/1"
MANIFEST, INPUTS, QUANTIZATION = "manifest.json", "input_specs.json", "quantization_config.json"


@frozen
class Bundle:
    """A bundle that is there and whole, as far as can be told without reading its large files.

    `files` is what the manifest lists, `unlisted` what lies in the folder besides; that is never used.
    """

    folder: Path
    targets: tuple[str, ...]
    versions: Mapping[str, Any]
    files: Mapping[str, Content]
    unlisted: tuple[str, ...]
    _plans: Mapping[str, Mapping[str, Any]] = field(repr=False)
    _artifacts: Mapping[tuple[int, str], Mapping[str, Any]] = field(repr=False)

    def plan(self, target: str | None = None) -> Mapping[str, Any]:
        """The plan for a target (the first one's without a name), as JSON. Raises UsageError for an unknown target."""
        name = self.targets[0] if target is None else target
        if name not in self._plans:
            raise UsageError(
                f"the bundle {self.folder} is for {', '.join(self.targets)}, not for {name}: compile for it"
            )
        return self._plans[name]

    def load_compiled(self, segment: int, target: str | None = None) -> Compiled:
        """The artifact of a segment, its files as paths, their hashes checked.

        A file's path need not end in its name: use `files` to find one. Raises InvalidBundle.
        """
        name = self.targets[0] if target is None else target
        self.plan(name)
        row = self._artifacts.get((segment, name))
        if row is None:
            raise _invalid(self.folder, f"it has no artifact of segment {segment} for {name}")
        try:
            return restore(row, {name: self.path(place) for name, place in row["files"].items()})
        except Damaged as error:
            raise _invalid(self.folder, str(error)) from error

    def path(self, name: str) -> Path:
        """Where a listed file is, its hash checked. Raises InvalidBundle."""
        if name not in self.files:
            raise _invalid(self.folder, f"its manifest does not list {name}")
        try:
            check_file(self.folder / name, self.files[name])
        except (Damaged, OSError) as error:
            raise _invalid(self.folder, str(error)) from error
        return self.folder / name

    def verify(self) -> None:
        """Check the hash of every file. Raises InvalidBundle naming the first that is not as it was written."""
        for name in self.files:
            self.path(name)

    @property
    def input_specs(self) -> Mapping[str, Any]:
        """Inputs and outputs: name, dtype, shape, quantization."""
        specs: Mapping[str, Any] = self._document(INPUTS)
        return specs

    @property
    def quantization(self) -> Mapping[str, Any] | None:
        """The encodings in force; None for a model that is not quantized."""
        return self._document(QUANTIZATION) if QUANTIZATION in self.files else None

    def _document(self, name: str) -> Any:
        try:
            return json.loads(self.path(name).read_bytes())
        except (ValueError, RecursionError) as error:
            raise _invalid(self.folder, f"{name} is not JSON: {error}") from error


def is_bundle(folder: Path | str) -> bool:
    """Whether a folder says that it is a bundle, of whatever version; it may still be damaged."""
    place = Path(folder) / MANIFEST
    try:
        with place.open("rb") if place.is_file() else open(os.devnull, "rb") as file:
            return b'"zif.bundle/' in file.read(200)
    except OSError:
        return False


def open_bundle(folder: Path | str) -> Bundle:
    """Open a bundle. Checks the manifest, that every file is there with its size, and that none leads elsewhere.

    Raises InvalidBundle naming the file and what is wrong with it.
    """
    root = Path(folder)
    try:
        data = unseal(_manifest(root), MANIFEST, SCHEMA)
        return _checked(root.resolve(), data)
    except Damaged as error:
        raise _invalid(root, str(error)) from error
    except OSError as error:
        raise _invalid(root, f"{error.strerror}: {error.filename}") from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _invalid(root, f"{MANIFEST} is incomplete: {error!r}") from error


def _manifest(root: Path) -> bytes:
    place = root / MANIFEST
    if not root.is_dir():
        raise Damaged("it is no folder" if root.exists() else "there is no such folder")
    if not place.exists() and not place.is_symlink():
        raise Damaged(f"{MANIFEST} is missing, so this is no bundle")
    if not stat.S_ISREG(place.lstat().st_mode):
        raise Damaged(f"{MANIFEST} is no plain file")
    return place.read_bytes()


def _checked(root: Path, data: Mapping[str, Any]) -> Bundle:
    files = {check_name(name): Content(**content) for name, content in data["files"].items()}
    for name, content in files.items():
        _stay_inside(root, name)
        check_size(root / name, content)
    targets = tuple(map(str, data["targets"]))
    plans = {targets[0]: data["plan"], **data["plans"]} if targets else {}
    if sorted(plans) != sorted(targets) or not targets:
        raise Damaged(f"{MANIFEST} does not have one plan for each target")
    artifacts = {(int(row["segment"]), str(row["target"])): row for row in data["artifacts"]}
    stray = [place for row in artifacts.values() for place in row["files"].values() if place not in files]
    if stray:
        raise Damaged(f"{MANIFEST} names {stray[0]!r} and does not list it")
    return Bundle(root, targets, data["versions"], files, _unlisted(root, files), plans, artifacts)


def _stay_inside(root: Path, name: str) -> None:
    """Refuse links on the way to a file: they could lead anywhere."""
    place = root
    for part in name.split("/"):
        place = place / part
        if place.is_symlink():
            raise Damaged(f"{name} is a link or lies behind one")


def _unlisted(root: Path, files: Mapping[str, Content]) -> tuple[str, ...]:
    found = []
    for place, _, names in os.walk(root):
        found += [Path(place, name).relative_to(root).as_posix() for name in names]
    return tuple(sorted({*found} - {*files, MANIFEST}))


def _invalid(folder: Path, why: str) -> InvalidBundle:
    return InvalidBundle(f"{folder} is no whole bundle: {why}. Build it again with `zif compile`, or copy it again.")
