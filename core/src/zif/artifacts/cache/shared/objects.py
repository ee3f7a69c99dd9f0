"""Named objects in any store that fsspec knows, each whole or not there, under one prefix.

Object stores show an object when all of it has arrived. Elsewhere it is written beside its place and renamed.
Whatever a store raises is Unreachable: which classes there are differs from library to library.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from attrs import frozen

from zif.artifacts.hashed import Content, Damaged

_CHUNK = 1 << 20

#: Stores that show nothing of an object before all of it is there.
_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "memory"})


class Unreachable(Exception):
    """The store did not do what it was asked for; the message says what it answered."""


@frozen(eq=False)
class Objects:
    """The objects below `root` in a file system of fsspec's. url: as the user wrote it, for messages."""

    fs: Any
    root: str
    url: str

    def read(self, name: str, most: int) -> bytes | None:
        """The content of an object; None where there is none. Raises Unreachable, Damaged beyond `most` bytes."""
        with self._told():
            try:
                with self.fs.open(self._path(name), "rb", block_size=_CHUNK, cache_type="none") as stream:
                    data: bytes = stream.read(most + 1)
            except FileNotFoundError:
                return None
        if len(data) > most:
            raise Damaged(f"{name} is larger than {most} bytes")
        return data

    def copy_to(self, name: str, content: Content, stream: BinaryIO) -> None:
        """Write an object to a stream, hashed on the way. Raises Damaged where it is another, Unreachable, OSError."""
        total, size = hashlib.sha256(), 0
        with self._told():
            try:
                source = self.fs.open(self._path(name), "rb", block_size=8 * _CHUNK)
            except FileNotFoundError as error:
                raise Damaged(f"{name} is not there") from error
        with source:
            while size <= content.bytes and (chunk := self._chunk(source)):
                size += len(chunk)
                total.update(chunk)
                stream.write(chunk)
        if size != content.bytes or total.hexdigest() != content.sha256:
            raise Damaged(f"{name} is not what was written down: its size or its sha256 is another one")

    def write(self, name: str, content: bytes | Path) -> None:
        """Put an object, in the place of one that is there. Raises Unreachable; nothing half-written is seen then."""
        with self._told():
            if self._is_whole:
                self._put(content, self._path(name))
                return
            part = f"{self._path(name)}.{secrets.token_hex(4)}.part"
            self.fs.makedirs(part.rpartition("/")[0], exist_ok=True)
            try:
                self._put(content, part)
                self.fs.mv(part, self._path(name))
            except BaseException:
                with suppress(Exception):
                    self.fs.rm_file(part)
                raise

    def create(self, name: str, content: bytes) -> bool:
        """Put an object unless there is one; whether it was put. Where a store cannot tell, the last one stays."""
        with self._told():
            try:
                if not self._is_whole:
                    self.fs.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)
                self.fs.pipe_file(self._path(name), content, mode="create")
            except FileExistsError:
                return False
            except (NotImplementedError, TypeError, ValueError):
                if self.fs.exists(self._path(name)):
                    return False
                self.fs.pipe_file(self._path(name), content)
        return True

    def size(self, name: str) -> int | None:
        """Its bytes; None where it is not there."""
        with self._told():
            try:
                return int(self.fs.info(self._path(name))["size"])
            except FileNotFoundError:
                return None

    def names(self, folder: str) -> list[str]:
        """The names of the objects below a folder, from the root on; what is half-written is none."""
        with self._told():
            try:
                paths = self.fs.find(self._path(folder))
            except FileNotFoundError:
                return []
        start = len(self.fs._strip_protocol(self.root)) + 1
        return sorted(path[start:] for path in paths if not path.endswith(".part"))

    def remove(self, name: str) -> None:
        """Take an object away; one that is not there is no error."""
        with self._told(), suppress(FileNotFoundError):
            self.fs.rm_file(self._path(name))

    def _chunk(self, source: Any) -> bytes:
        with self._told():
            chunk: bytes = source.read(_CHUNK)
            return chunk

    @property
    def _is_whole(self) -> bool:
        protocols = (self.fs.protocol,) if isinstance(self.fs.protocol, str) else self.fs.protocol
        return bool(_WHOLE & set(protocols))

    def _put(self, content: bytes | Path, path: str) -> None:
        if isinstance(content, Path):
            self.fs.put_file(str(content), path)
        else:
            self.fs.pipe_file(path, content)

    def _path(self, name: str) -> str:
        return f"{self.root.rstrip('/')}/{name}"

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (Damaged, OSError) as error:
            if isinstance(error, Damaged):
                raise
            raise Unreachable(_why(error)) from error
        except Exception as error:
            raise Unreachable(_why(error)) from error


def _why(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
