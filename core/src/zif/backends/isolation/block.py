"""One block of memory that two processes see. It has no name to leak: it is gone when both have let go of it.

POSIX hands an anonymous file over the socket between the two (multiprocessing.shared_memory would leave a name behind
after `kill -9`, and its tracker warns about blocks of the other side). Windows has named mappings with that property.
"""

from __future__ import annotations

import mmap
import os
import socket
import sys
import tempfile
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_STEP = 1 << 16


class Block:
    """`size` bytes of shared memory, as the writable memoryview `view`."""

    def __init__(self, memory: mmap.mmap, fd: int = -1, name: str = "") -> None:
        self.view = memoryview(memory)
        self.size = len(self.view)
        self.name = name
        self._fd = fd

    @classmethod
    def create(cls, least: int) -> Block:
        """A new block of at least `least` bytes. Raises OSError when the memory is not there."""
        size = max(_STEP, 1 << (least - 1).bit_length()) if least < 1 << 26 else -(-least // _STEP) * _STEP
        if sys.platform == "win32":
            name = f"zif-{uuid.uuid4().hex}"
            return cls(mmap.mmap(-1, size, tagname=name), name=name)
        fd = _anonymous_file(size)
        try:
            return cls(mmap.mmap(fd, size), fd)
        except BaseException:
            os.close(fd)
            raise

    def hand_over(self, connection: Connection) -> None:
        """Give the other side access; once per block, right after a message that announced its name and size."""
        if self._fd >= 0 and sys.platform != "win32":
            with _as_socket(connection) as pipe:
                socket.send_fds(pipe, [b"\0"], [self._fd])
            os.close(self._fd)
            self._fd = -1

    @classmethod
    def take_over(cls, connection: Connection, size: int, name: str) -> Block:
        """The other side's block, after its announcement."""
        if sys.platform == "win32":
            return cls(mmap.mmap(-1, size, tagname=name), name=name)
        with _as_socket(connection) as pipe:
            _, fds, _, _ = socket.recv_fds(pipe, 1, 1)
        if not fds:
            raise EOFError
        try:
            return cls(mmap.mmap(fds[0], size))
        finally:
            os.close(fds[0])

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)


def _anonymous_file(size: int) -> int:
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("zif", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(fd, 0, size)  # else a machine out of memory answers with SIGBUS, later
        else:
            os.ftruncate(fd, size)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _as_socket(connection: Connection) -> socket.socket:
    pipe = socket.socket(fileno=os.dup(connection.fileno()))
    pipe.setblocking(True)  # whatever socket.setdefaulttimeout says: the flag is shared with `connection`
    return pipe
