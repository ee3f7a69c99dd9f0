"""Messages between the host and a worker: JSON over a socket, large contents through shared memory.

Requests and answers alternate, so each direction needs one block, used again from message to message. A message on the
socket is one line of JSON, [size and name of a new block or null, the sizes of the parts], and after it the parts, if
they are not in the block. That form never changes; what the parts mean is the protocol's (`codec.PROTOCOL`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from zif.backends.isolation.block import Block
from zif.backends.isolation.codec import decoded, encoded

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

#: Below, the socket is as fast. What goes over it always fits its buffer, so that sending never blocks.
INLINE_BYTES = 32 << 10
_ALIGN = 64
_KEEP_BYTES = 16 << 20


class Channel:
    """One end of the connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._outbox: Block | None = None
        self._inbox: Block | None = None

    def send(self, message: Any) -> None:
        """Send a message. Raises CannotCross for what is no plain data, before anything is sent."""
        self.post(encoded(message))

    def post(self, buffers: Sequence[Any]) -> None:
        """Send a message that is encoded already. After an exception the connection is of no further use."""
        sizes = [len(part) for part in buffers]
        total = sum(-(-size // _ALIGN) * _ALIGN for size in sizes)
        fresh = self._room(total) if total > INLINE_BYTES else None
        inline = total <= INLINE_BYTES or self._outbox is None
        if self._outbox is not None and not inline:
            for start, part in zip(_starts(sizes), buffers, strict=True):
                self._outbox.view[start : start + len(part)] = part
        announcement = json.dumps([fresh.size, fresh.name]) if fresh else "null"
        head = f"[{announcement},{sizes},{'true' if inline else 'false'}]".encode()
        self.connection.send_bytes(b"".join((head, b"\n", *buffers)) if inline else head)
        if fresh:
            fresh.hand_over(self.connection)

    def receive(self, *, copy: bool) -> Any:
        """The next message. Without `copy` its arrays look into shared memory, and hold until the next message."""
        message = self.connection.recv_bytes()
        head, _, rest = message.partition(b"\n")
        announcement, sizes, inline = _head(head)
        if announcement:
            self._inbox = None
            self._inbox = Block.take_over(self.connection, *announcement)
        if not inline:
            assert self._inbox is not None
            view = self._inbox.view
            return decoded([view[at : at + size] for at, size in zip(_starts(sizes), sizes, strict=True)], copy=copy)
        content = memoryview(rest)
        buffers = [content[end - size : end] for end, size in zip(accumulate(sizes), sizes, strict=True)]
        return decoded(buffers, copy=True)  # arrays over bytes would be read-only, and lie where they should not

    def close(self) -> None:
        """Close the socket and let go of both blocks."""
        self.connection.close()
        self._outbox = self._inbox = None

    def _room(self, need: int) -> Block | None:
        """Make the outbox large enough; the block when it is a new one. None also when there is no memory to share."""
        have = self._outbox.size if self._outbox else 0
        if need <= have and (have <= _KEEP_BYTES or have <= 8 * need):
            return None
        self._outbox = None
        try:
            self._outbox = Block.create(need)
        except OSError:  # then everything goes over the socket
            return None
        return self._outbox


@lru_cache(maxsize=1024)
def _head(line: bytes) -> Any:
    return json.loads(line)


def _starts(sizes: Sequence[int]) -> list[int]:
    """Where each part begins in the block."""
    starts, end = [], 0
    for size in sizes:
        starts.append(end)
        end += -(-size // _ALIGN) * _ALIGN
    return starts
