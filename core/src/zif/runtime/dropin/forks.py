"""Sessions in a process that was forked: what an engine's threads and workers held stayed with the parent.

Applications load a model and fork their workers. A copy in a child opens its session again when it is first used there.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

_all: weakref.WeakSet[Any] = weakref.WeakSet()
#: What a parent opened, in its child: closing it would talk to the parent's workers.
_left: list[Any] = []


class Reopened:
    """Opens by `_open`, and again in the first run after a fork; `zif_session` is the open session."""

    zif_session: Any
    _run: Any
    _quick: Any

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._stale = False
        self._open()
        _all.add(self)

    def _open(self) -> None:
        raise NotImplementedError

    def _reopen(self) -> None:
        old, shaped = self.zif_session, self.__dict__.get("_shaped")
        self._open()
        if shaped is not None:
            shaped.close()
        old.close()

    def _ready(self) -> None:
        """Open again in a child that has not used it yet."""
        with self._gate:
            if self._stale:
                _left.append((self.zif_session, self.__dict__.get("_shaped")))
                self._open()
                self._stale = False

    def _forked(self) -> None:
        def first(*args: Any, **more: Any) -> Any:
            self._ready()
            return self._run(*args, **more)

        self._gate, self._stale, self._run, self._quick = threading.Lock(), True, first, first


def _after_fork() -> None:
    for session in list(_all):
        session._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
