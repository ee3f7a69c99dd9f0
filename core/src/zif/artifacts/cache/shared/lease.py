"""One machine at a time makes an artifact, as far as a store can tell: who is at it leaves an object that beats.

Nobody's clock is believed: who waits sees whether the object changes; after so long without a change it is nobody's.
"""

from __future__ import annotations

import os
import platform
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from zif.artifacts.cache.shared.objects import Objects, Unreachable
from zif.artifacts.cache.shared.tier import LEASES, Tier
from zif.artifacts.hashed import Damaged

#: Seconds between two beats, after how many without one a lease is nobody's, and between two looks of who waits.
BEAT_S, PATIENCE_S, LOOK_S = 10.0, 60.0, 1.0


@contextmanager
def alone(tier: Tier, name: str, tell: Callable[[str], object]) -> Iterator[None]:
    """Be the one who makes an artifact, or wait until it is there, or its maker has gone. Raises Unreachable."""
    lease = _Lease(tier.objects, f"{LEASES}/{name}")
    if not lease.take():
        tell("another machine compiles the same segment: waiting for it")
        _wait(tier, name, lease)
        lease.take()
    with lease.beating():
        yield


def _wait(tier: Tier, name: str, lease: _Lease) -> None:
    seen, since = lease.look(), time.monotonic()
    while seen is not None and not tier.has(name):
        time.sleep(LOOK_S)
        now = lease.look()
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > PATIENCE_S:
            lease.drop()
            return


class _Lease:
    def __init__(self, objects: Objects, path: str) -> None:
        self._objects, self._path, self._mine = objects, path, False
        self._who = f"{platform.node()} {os.getpid()} {secrets.token_hex(4)}"

    def take(self) -> bool:
        self._mine = self._objects.create(self._path, self._text(0))
        return self._mine

    def look(self) -> bytes | None:
        with suppress(Damaged):
            return self._objects.read(self._path, 4096)
        return b""

    def drop(self) -> None:
        self._objects.remove(self._path)

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat until the end, and leave nothing."""
        if not self._mine:
            yield
            return
        over = threading.Event()
        thread = threading.Thread(target=self._beat, args=(over,), daemon=True, name="zif-lease")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            with suppress(Unreachable):
                self.drop()

    def _beat(self, over: threading.Event) -> None:
        number = 0
        while not over.wait(BEAT_S):
            number += 1
            with suppress(Unreachable):
                self._objects.write(self._path, self._text(number))

    def _text(self, number: int) -> bytes:
        return f"{self._who} {number}\n".encode()
