"""The workers of this process: one per service, shared by all sessions, replaced when one has died."""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from zif.backends.isolation.worker import Limits, Worker
from zif.errors import BackendUnavailable
from zif.files.leftovers import note

if TYPE_CHECKING:
    from zif.backends.isolation.service import Service

#: Seconds after which a worker that nobody uses is ended. Long enough for the next command of a script.
IDLE_S = 60.0

_PREFIX = "zif-workers-"
_STALE_S = 24 * 3600.0


class Slot:
    """The place of one worker. `worker()` is the one that lives there now; users keep it by `hold` and `release`."""

    def __init__(self, service: Service, limits: Limits, pool: Pool) -> None:
        self._service = service
        self._limits = limits
        self._pool = pool
        self._lock = threading.RLock()
        self._worker: Worker | None = None
        self._users = 0
        self._timer: threading.Timer | None = None

    def worker(self) -> Worker:
        """A living worker, started now when there is none or the last one has died.

        Raises BackendUnavailable when the process ends.
        """
        with self._lock:
            if self._worker is None or not self._worker.alive:
                if self._pool.ended:
                    raise BackendUnavailable(f"{self._service.name}: this process ends, and starts no more workers")
                if self._worker is not None:
                    self._worker.close()
                self._worker = Worker(self._service, self._limits, self._pool.scratch())
            return self._worker

    @property
    def living(self) -> tuple[int, str] | None:
        """Process id and backend of the worker that lives here now; starts none."""
        with self._lock:
            worker = self._worker
            return (worker.pid, self._service.name) if worker is not None and worker.alive else None

    def hold(self) -> None:
        """Use the worker: it is not ended for being idle until `release`."""
        with self._lock:
            self._users += 1
            self._cancel()

    def release(self) -> None:
        """Stop using the worker. It ends when nobody has used it for a while."""
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._worker is not None:
                self._cancel()
                self._timer = threading.Timer(IDLE_S, self.close_idle)
                self._timer.daemon = True
                self._timer.start()

    def close_idle(self) -> None:
        """End the worker unless somebody uses it."""
        with self._lock:
            if self._users == 0:
                self.close()

    def close(self) -> None:
        """End the worker, used or not."""
        with self._lock:
            self._cancel()
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Pool:
    """Slots by service and limits, and the directory for the temporary files of their workers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: dict[tuple[Service, Limits], Slot] = {}
        self._scratch: Path | None = None
        self._owner = os.getpid()
        #: Whether the process ends, and nobody may start a worker any more.
        self.ended = False

    def slot(self, service: Service, limits: Limits) -> Slot:
        """The place of the worker for this service."""
        with self._lock:
            key = (service, limits)
            if key not in self._slots:
                self._slots[key] = Slot(service, limits, self)
            return self._slots[key]

    def scratch(self) -> Path | None:
        """Where workers put temporary files, so that those of one that was killed go too; None: wherever they like."""
        with self._lock:
            if self.ended:
                return None
            if self._scratch is None or not self._scratch.exists():
                with contextlib.suppress(OSError):
                    folder = note(Path(tempfile.gettempdir(), f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"))
                    folder.mkdir(0o700)
                    self._scratch = folder
                    _sweep(folder.parent)
            return self._scratch

    def living(self) -> dict[int, str]:
        """The backends of the workers that live, by process id."""
        with self._lock:
            slots = list(self._slots.values())
        return dict(filter(None, (slot.living for slot in slots)))

    def close_idle(self) -> None:
        """End every worker that nobody uses."""
        for slot in list(self._slots.values()):
            slot.close_idle()

    def close(self) -> None:
        """End every worker and delete their temporary files."""
        for slot in list(self._slots.values()):
            slot.close()
        if self._scratch is not None and self._owner == os.getpid():
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def end(self) -> None:
        """Close for good: what is still under way in other threads gets no worker any more, and makes no folder."""
        with self._lock:
            self.ended = True
        self.close()


def _sweep(folder: Path) -> None:
    """Delete what killed hosts left there, a day later: a host in another container may only look dead."""
    for left in folder.glob(f"{_PREFIX}*-*"):
        with contextlib.suppress(OSError, ValueError):
            old = time.time() - left.stat().st_mtime > _STALE_S
            if old and not _alive(int(left.name.removeprefix(_PREFIX).partition("-")[0])):
                shutil.rmtree(left, ignore_errors=True)


def _alive(pid: int) -> bool:
    if os.name != "posix":
        return True  # there, os.kill(pid, 0) does not ask but act
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


pool = Pool()


def living() -> dict[int, str]:
    """The backends of this process's workers that live, by process id."""
    return pool.living()


def _after_fork() -> None:
    """A forked copy must neither talk to nor end the workers of its parent."""
    global pool
    pool = Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(lambda: pool.close())
