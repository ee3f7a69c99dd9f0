"""Entries in a shared cache: files by their content, and for each key an index that is put last and signed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import field, frozen

from zif.artifacts.cache.entry import FILES, adopted, contents, read_index
from zif.artifacts.cache.key import Key
from zif.artifacts.cache.names import is_key
from zif.artifacts.cache.shared.objects import Objects
from zif.artifacts.cache.shared.trust import Trust
from zif.artifacts.hashed import Content, Damaged
from zif.artifacts.sealing import canonical
from zif.files.documents import json_of
from zif.files.opening import create_inside
from zif.files.records import record

SCHEMA = "zif.shared/1"
ENTRIES, BLOBS, LEASES = "entries", "blobs", "leases"
_INDEX = 16 << 20


@frozen
class SharedEntry:
    """An entry in a shared cache, as its signed index has it."""

    name: str
    key: Key
    label: str
    format: str
    bytes: int
    files: Mapping[str, Content]


@frozen(eq=False)
class Tier:
    """The shared cache: objects, and who is believed. What is not reached is Unreachable, what is not right Damaged."""

    objects: Objects
    trust: Trust
    #: What went wrong first: after that, this process goes without.
    troubles: list[str] = field(factory=list)

    @property
    def url(self) -> str:
        """As the user named it."""
        return self.objects.url

    def fetch(self, name: str, artifacts: Path, most: int) -> bool:
        """Take an entry into the user's own cache, every file hashed on its way in; whether it was there.

        most: bytes that it may have. Raises Damaged for what is not believed or not whole, Unreachable, OSError.
        """
        index = self._index(name)
        if index is None:
            return False
        files = _contents(index)
        if sum(file.bytes for file in files.values()) > most:
            raise Damaged(f"it is larger than the {most} bytes that the cache may hold")

        def fill(place: Path) -> None:
            for file, content in files.items():
                with create_inside(place / FILES, file, Damaged) as stream:
                    self.objects.copy_to(_blob(content), content, stream)

        place = adopted(artifacts, name, index, fill)
        with suppress(OSError):  # another process was faster: theirs is as good
            place.rename(artifacts / name)
        return True

    def send(self, folder: Path) -> None:
        """Put an entry of the user's own there: files first, then its index. Raises Unreachable, Damaged, OSError."""
        index = read_index(folder)
        for name, content in contents(index).items():
            if self.objects.size(_blob(content)) != content.bytes:
                self.objects.write(_blob(content), folder / FILES / name)
        text = self._signed(folder.name, index)
        if not self.objects.create(_entry(folder.name), text) and not self._is_right(folder.name):
            self.objects.write(_entry(folder.name), text)

    def has(self, name: str) -> bool:
        """Whether there is an index of this name, right or not. Raises Unreachable."""
        return self.objects.size(_entry(name)) is not None

    def names(self) -> list[str]:
        """The keys of which there are indexes. Raises Unreachable."""
        keys = (name.removeprefix(f"{ENTRIES}/").removesuffix(".json") for name in self.objects.names(ENTRIES))
        return [name for name in keys if is_key(name)]

    def entry(self, name: str) -> SharedEntry:
        """An entry, its index read and believed. Raises Damaged, Unreachable."""
        index = self._index(name)
        if index is None:
            raise Damaged("it is not there any more")
        files = _contents(index)
        key = record(Key, index.get("key"), "the index", Damaged)
        size = sum(file.bytes for file in files.values())
        return SharedEntry(name, key, str(index.get("label", "")), str(index.get("format", "")), size, files)

    def entries(self) -> Iterator[SharedEntry]:
        """Every entry that is believed. Raises Unreachable."""
        for name in self.names():
            with suppress(Damaged):
                yield self.entry(name)

    def verify(self) -> dict[str, str]:
        """Read everything: what is wrong by the name of the entry. Raises Unreachable."""
        wrong = {}
        for name in self.names():
            try:
                for content in self.entry(name).files.values():
                    self.objects.copy_to(_blob(content), content, _Nowhere())  # type: ignore[arg-type]
            except Damaged as error:
                wrong[name] = str(error)
        return wrong

    def remove(self, name: str) -> None:
        """Take an entry away, and then those of its files that no other one has. Raises Unreachable."""
        files: set[str] = set()
        with suppress(Damaged):
            files = {_blob(file) for file in self.entry(name).files.values()}
        self.objects.remove(_entry(name))
        kept = {_blob(file) for other in self.entries() for file in other.files.values()} if files else set()
        for blob in files - kept:
            self.objects.remove(blob)

    def clear(self) -> int:
        """Take everything that zif gave its name away: how many entries there were. Raises Unreachable."""
        names = self.names()
        for folder in (ENTRIES, BLOBS, LEASES):
            for name in self.objects.names(folder):
                if _is_ours(name):
                    self.objects.remove(name)
        return len(names)

    def _index(self, name: str) -> dict[str, Any] | None:
        """The index of an entry, believed; None where there is none. Raises Damaged, Unreachable."""
        text = self.objects.read(_entry(name), _INDEX)
        if text is None:
            return None
        document = json_of(text, "its index", Damaged)
        if (
            not isinstance(document, dict)
            or document.get("schema") != SCHEMA
            or not isinstance(document.get("index"), dict)
        ):
            raise Damaged(f"its index is no {SCHEMA}")
        index: dict[str, Any] = document["index"]
        if not self.trust.believes(_text(name, index), document.get("signature")):
            raise Damaged("it is not signed with the key of ZIF_CACHE_KEY")
        if record(Key, index.get("key"), "its index", Damaged).hash != name:
            raise Damaged("it is the artifact of something else")
        return index

    def _is_right(self, name: str) -> bool:
        try:
            return self._index(name) is not None
        except Damaged:
            return False

    def _signed(self, name: str, index: Mapping[str, Any]) -> bytes:
        signature = self.trust.signature(_text(name, index))
        return json.dumps({"schema": SCHEMA, "signature": signature, "index": index}, indent=1).encode()


class _Nowhere:
    """Where what is only hashed goes."""

    def write(self, chunk: bytes) -> int:
        return len(chunk)


def _text(name: str, index: Mapping[str, Any]) -> str:
    """What a signature is on: the whole index, which has every file's hash, and the name that it is found under."""
    return f"{SCHEMA}\0{canonical([name, index])}"


def _is_ours(name: str) -> bool:
    """Whether it is a name that zif gives: a folder `entries` may as well be a user's own."""
    folder, _, last = name.rpartition("/")
    return (
        (folder == ENTRIES and last.endswith(".json") and is_key(last.removesuffix(".json")))
        or (folder == LEASES and is_key(last))
        or (folder == f"{BLOBS}/{last[:2]}" and is_key(last))
    )


def _contents(index: Mapping[str, Any]) -> Mapping[str, Content]:
    """The artifact's files, of which each says by its hash where it lies. Raises Damaged, also for what is no hash."""
    files = contents(index)
    strange = next((content.sha256 for content in files.values() if not is_key(content.sha256)), None)
    if strange is not None:
        raise Damaged(f"{strange[:80]!r} is no sha256")
    return files


def _entry(name: str) -> str:
    return f"{ENTRIES}/{name}.json"


def _blob(content: Content) -> str:
    return f"{BLOBS}/{content.sha256[:2]}/{content.sha256}"
