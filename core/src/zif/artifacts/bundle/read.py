"""Reading a bundle: everything is checked before it is used, nothing outside the folder is touched, no code is run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from attrs import field, frozen

from zif.artifacts.bundle.manifest import INPUTS, MANIFEST, QUANTIZATION, SCHEMA, Row, manifest_bytes, read_manifest
from zif.artifacts.bundle.references import check_references
from zif.artifacts.bundle.signing import SIGNATURE, check_signature
from zif.artifacts.description import restore
from zif.artifacts.hashed import Content, Damaged, Mark, check_mark, check_size, mark_file, open_file, read_file
from zif.artifacts.userkey import sealed_by_user
from zif.errors import InvalidBundle, UsageError
from zif.files.documents import json_of
from zif.records import Compiled

#: Of an artifact's files, so many bytes are handed on in memory; more, and an ONNX model's weights, as paths. What lies
#: under a path can be changed until it is opened, which is told, but only after that: where only the user's own bundles
#: are let in, as much as fits is therefore handed on as it was hashed. Elsewhere whoever can write to the folder can
#: write a bundle of his own there as well, and a copy of every binary would double what a warm load costs.
IN_MEMORY = 1 << 20
IN_MEMORY_TRUSTED = 256 << 20


@frozen
class Bundle:
    """A bundle that is there and whole, as far as can be told without reading its large files.

    `files` is what the manifest lists. Nothing else in the folder is ever used.
    """

    folder: Path
    targets: tuple[str, ...]
    versions: Mapping[str, Any]
    files: Mapping[str, Content]
    _plans: Mapping[str, Mapping[str, Any]] = field(repr=False)
    _artifacts: Mapping[tuple[int, str], Row] = field(repr=False)
    _in_memory: int = field(default=IN_MEMORY, repr=False)
    _ours: Callable[[], bool] = field(default=lambda: False, repr=False, eq=False)
    _marks: dict[str, Mark] = field(factory=dict, init=False, repr=False, eq=False)

    def plan(self, target: str | None = None) -> Mapping[str, Any]:
        """The plan for a target (the first one's without a name), as JSON. Raises UsageError for an unknown target."""
        name = self.targets[0] if target is None else target
        if name not in self._plans:
            raise UsageError(
                f"the bundle {self.folder} is for {', '.join(self.targets)}, not for {name}: compile for it"
            )
        return self._plans[name]

    def is_own(self) -> bool:
        """Whether this user's zif wrote it, and it is what it wrote."""
        try:
            return self._ours()
        except UsageError:  # no key to know a seal by
            return False

    def load_compiled(self, segment: int, target: str | None = None) -> Compiled:
        """The artifact of a segment, its files' hashes checked. Raises InvalidBundle.

        A file comes as the bytes that were hashed. The weights of an ONNX model, and what would take too much memory,
        come as paths, which need not end in the files' names: `check_unchanged` says whether they were touched since.
        """
        name = self.targets[0] if target is None else target
        self.plan(name)
        row = self._row(segment, name)
        with self._told():
            compiled = restore(row, self._contents(row))
            check_references(compiled)
            return compiled

    def segments(self, target: str) -> tuple[tuple[int, str], ...]:
        """The number of every segment for a target, and the backend that made its artifact, in order."""
        rows = [row for (_, name), row in sorted(self._artifacts.items()) if name == target]
        return tuple((row.segment, row.certificate.backend if row.certificate else row.format) for row in rows)

    def place(self, segment: int, target: str) -> str:
        """Where an artifact's main file lies, relative to the folder."""
        row = self._row(segment, target)
        return row.files[row.main]

    def described(self, segment: int, target: str) -> Compiled:
        """The artifact of a segment as it is told, with its main file and no other. Raises InvalidBundle."""
        row = self._row(segment, target)
        with self._told():
            return restore(row, self._contents(row, only=row.main))

    def path(self, name: str) -> Path:
        """Where a listed file is, its hash checked. Raises InvalidBundle."""
        with self._told():
            self._marks[name] = mark_file(self.folder, name, self._listed(name))
            return self.folder / name

    @contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """A listed file, open for reading after its hash was checked. Raises InvalidBundle."""
        with self._told(), open_file(self.folder, name, self._listed(name)) as file:
            yield file

    def document(self, name: str) -> Any:
        """The data of a listed JSON file. Raises InvalidBundle."""
        with self._told():
            return json_of(read_file(self.folder, name, self._listed(name)), name, Damaged)

    def check_unchanged(self) -> None:
        """Raise InvalidBundle when somebody touched a file since its hash was checked and its path handed on."""
        with self._told():
            for name, mark in self._marks.items():
                check_mark(self.folder, name, mark)

    def verify(self) -> None:
        """Check the hash of every file. Raises InvalidBundle naming the first that is not as it was written."""
        for name in self.files:
            self.path(name)

    @property
    def unlisted(self) -> tuple[str, ...]:
        """What lies in the folder besides."""
        return tuple(sorted({*_there(self.folder)} - {*self.files, SIGNATURE, MANIFEST}))

    @property
    def input_specs(self) -> Mapping[str, Any]:
        """Inputs and outputs: name, dtype, shape, quantization."""
        specs: Mapping[str, Any] = self.document(INPUTS)
        return specs

    @property
    def quantization(self) -> Mapping[str, Any] | None:
        """The encodings in force; None for a model that is not quantized."""
        return self.document(QUANTIZATION) if QUANTIZATION in self.files else None

    def _listed(self, name: str) -> Content:
        if name not in self.files:
            raise Damaged(f"its manifest does not list {name}")
        return self.files[name]

    def _row(self, segment: int, target: str) -> Row:
        row = self._artifacts.get((segment, target))
        if row is None:
            raise _invalid(self.folder, f"it has no artifact of segment {segment} for {target}")
        return row

    def _contents(self, row: Row, only: str = "") -> dict[str, bytes | Path]:
        """An artifact's files, or one: main first, in memory as long as there is room."""
        room, contents = self._in_memory, dict[str, bytes | Path]()
        for name in [only] if only else sorted(row.files, key=lambda name: name != row.main):
            place = row.files[name]
            size, weights = self.files[place].bytes, row.format == "onnx" and name != row.main
            if weights or size > room:
                contents[name] = self.path(place)
            else:
                contents[name] = read_file(self.folder, place, self.files[place])
                room -= size
        return {name: contents[name] for name in row.files if name in contents}

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (Damaged, OSError) as error:
            raise _invalid(self.folder, str(error)) from error


def open_bundle(folder: Path | str, *, trusted_only: bool = False, trusted_key: str | Path | None = None) -> Bundle:
    """Open a bundle. Checks the manifest, that every file is there with its size, and that none leads elsewhere.

    trusted_only: refuse one that does not carry the seal of this user's own key. trusted_key: refuse one that is not
    signed by the key in this PEM file (its public half is enough). Raises InvalidBundle naming the file
    and what is wrong with it, UsageError where there is no key to know a seal by.
    """
    root = Path(folder)
    try:
        if trusted_key is not None:
            check_signature(root, manifest_bytes(root), trusted_key)
        manifest, text = read_manifest(root)
        if trusted_only and not sealed_by_user(SCHEMA, text, manifest.seal):
            raise InvalidBundle(_not_ours(root, manifest.seal is not None))
        root = root.resolve()
        for name, content in manifest.files.items():
            check_size(root, name, content)
    except Damaged as error:
        raise _invalid(root, str(error)) from error
    except OSError as error:
        raise _invalid(root, f"{error.strerror}: {error.filename}") from error
    artifacts = {(row.segment, row.target): row for row in manifest.artifacts}
    room = IN_MEMORY_TRUSTED if trusted_only or trusted_key is not None else IN_MEMORY
    known = (root, manifest.targets, manifest.versions, manifest.files, manifest.by_target(), artifacts)
    return Bundle(*known, room, lambda: manifest.seal is not None and sealed_by_user(SCHEMA, text, manifest.seal))


def _there(root: Path) -> Iterator[str]:
    """Every file in a folder, relative to it; links are not followed."""
    for place, _, names in os.walk(root):
        yield from (Path(place, name).relative_to(root).as_posix() for name in names)


def _not_ours(folder: Path, sealed: bool) -> str:
    why = "the seal on it is not of this user's key" if sealed else "it carries no seal"
    return (
        f"{folder} was not made by this user's zif ({why}), and only such bundles were asked for. Compile the model "
        "here, or leave out trusted-only if you trust whoever made it. What somebody signed is let in by trusted-key."
    )


def _invalid(folder: Path, why: str) -> InvalidBundle:
    return InvalidBundle(f"{folder} is no whole bundle: {why}. Build it again with `zif compile`, or copy it again.")
