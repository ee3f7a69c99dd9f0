"""Messages between the host and a worker: pickles over a socket, large contents through shared memory.

Requests and answers alternate, so each direction needs one block, used again from message to message.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zif.backends.isolation.block import Block

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

    def send(self, message: Any, *, arrays: bool = False) -> None:
        """Send a message; with `arrays`, the contents of its C- or F-contiguous arrays are copied once, not pickled."""
        self.post(pickled(message, arrays=arrays))

    def post(self, parts: Sequence[Any]) -> None:
        """Send a message that is pickled already. After an exception the connection is of no further use."""
        spans, total = _layout(parts)
        fresh = self._room(total) if total > INLINE_BYTES else None
        inline = total <= INLINE_BYTES or self._outbox is None
        if self._outbox is not None and not inline:
            for (start, size), part in zip(spans, parts, strict=True):
                self._outbox.view[start : start + size] = part
        announcement = (fresh.size, fresh.name) if fresh else None
        contents = [bytes(part) for part in parts] if inline else []
        self.connection.send_bytes(pickle.dumps((announcement, spans, contents), 5))
        if fresh:
            fresh.hand_over(self.connection)

    def receive(self, *, copy: bool) -> Any:
        """The next message. Without `copy` its arrays look into shared memory, and hold until the next message."""
        announcement, spans, parts = pickle.loads(self.connection.recv_bytes())
        if announcement:
            self._inbox = None
            self._inbox = Block.take_over(self.connection, *announcement)
        if not parts:
            assert self._inbox is not None
            parts = [self._inbox.view[start : start + size] for start, size in spans]
        elif len(parts) > 1:
            parts[1:] = map(bytearray, parts[1:])  # arrays over bytes would be read-only
            copy = False
        buffers = [_copied(part) for part in parts[1:]] if copy else parts[1:]
        return pickle.loads(parts[0], buffers=buffers)

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


def pickled(message: Any, *, arrays: bool = False) -> list[Any]:
    """A message as buffers of bytes: the pickle and, with `arrays`, the contents of its contiguous arrays."""
    loose: list[pickle.PickleBuffer] = []
    body = pickle.dumps(message, 5, buffer_callback=loose.append if arrays else None)
    return [body, *(buffer.raw() for buffer in loose)]


def _layout(parts: Sequence[Any]) -> tuple[list[tuple[int, int]], int]:
    spans = []
    end = 0
    for part in parts:
        size = len(part)
        spans.append((end, size))
        end += -(-size // _ALIGN) * _ALIGN
    return spans, end


def _copied(part: memoryview) -> Any:
    """A private copy. numpy's allocator asks for huge pages, which halves the time of a large copy."""
    import numpy as np

    return np.frombuffer(part, np.uint8).copy() if len(part) else bytearray()
