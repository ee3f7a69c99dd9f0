"""How the command line ends when it is asked to: Ctrl-C, SIGTERM or a terminal that closes, at any moment.

The first signal raises in the main thread, so that everything is closed and removed on the way out. Native code may
keep that from happening for as long as it likes, and somebody's `except` or `__del__` may swallow it: then, or when it
is sent twice, a thread that does nothing else ends the process. The exit code is 128 and the number of the signal.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import Any, NoReturn

#: Seconds for a way out in order, also after a second signal, and for the functions that others registered.
PATIENCE, HURRY = 10.0, 0.5

_asked = 0  # the number of the signal
_caught = _leaving = False
_swallowed = False
_tidied = threading.Lock()


def catch() -> None:
    """Take the signals that mean "end", but for those that whoever started us wants ignored (as nohup does)."""
    global _caught
    ours = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    ours = [number for number in ours if signal.getsignal(number) is not signal.SIG_IGN]
    sys.unraisablehook, _caught = _unraisable, True
    if os.name == "posix":
        read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        threading.Thread(target=_watch, args=(read, frozenset(ours)), daemon=True, name="zif-ending").start()
    for number in ours:
        signal.signal(number, _end)


def caught() -> bool:
    """Whether signals come by way of this module, as they do in a process that is the command line's."""
    return _caught


def asked() -> bool:
    """Whether a signal asked this process to end: nothing more is to be said then."""
    return bool(_asked)


def settled() -> None:
    """The command has done its work: signals disturb nothing from here on."""
    global _leaving
    _leaving = True


def leave(code: int) -> NoReturn:
    """End the process with this exit code, or that of the signal that asked for it."""
    settled()
    if _asked:
        force(128 + _asked)
    if any(thread.name == "zif-deadline" for thread in threading.enumerate()):
        _tidy()  # a plugin that hangs was left behind in a thread, and must not hold up the exit
        os._exit(code)
    sys.exit(code)


def _end(number: int, _frame: object) -> None:
    global _asked
    if _asked or _leaving:  # the way out is not disturbed; the thread below sees to it that it is short
        return
    _asked = number
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


def _unraisable(problem: Any) -> None:
    """What a `__del__` or a callback swallows is told on stderr, but for our own, which is sent once more."""
    global _swallowed
    if _asked and isinstance(problem.exc_value, (KeyboardInterrupt, SystemExit)):
        _swallowed = True
    elif not _asked:
        sys.__unraisablehook__(problem)


def _watch(pipe: int, ours: frozenset[int]) -> None:
    """Wait for the first signal; when the process still runs long after it, or soon after a second one, end it."""
    while not (came := ours & set(os.read(pipe, 64))):
        pass
    end = time.monotonic() + PATIENCE
    while (left := end - time.monotonic()) > 0:
        if select.select([pipe], [], [], min(left, 0.1))[0] and ours & set(os.read(pipe, 64)):
            end = min(end, time.monotonic() + HURRY)
        _send_again()
    force(128 + (_asked or max(came)))


def _send_again() -> None:
    global _asked, _swallowed
    if _swallowed:
        number, _asked, _swallowed = _asked, 0, False
        signal.pthread_kill(threading.main_thread().ident or 0, number)


def force(code: int) -> NoReturn:
    """Remove what must not be left, whoever holds a lock, and end; from any thread."""
    tidying = threading.Thread(target=_tidy, daemon=True)
    tidying.start()
    tidying.join(PATIENCE)
    with suppress(Exception):
        _orphans()
    os._exit(code)


def _tidy() -> None:
    from zif.files import leftovers

    with _tidied:
        with suppress(BaseException):
            atexit._run_exitfuncs()
        leftovers.clear()


def _orphans() -> None:
    """End what this process started and what still runs, such as a worker that had not yet seen us go."""
    if "subprocess" not in sys.modules:
        return
    import psutil

    left = psutil.Process().children(recursive=True)
    for child in left:
        with suppress(psutil.Error):
            child.kill()
    psutil.wait_procs(left, HURRY)  # killed is not yet gone
