"""Trying plugins: each in a process of its own, all at once, each step within the deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from zif.backends.deadline import deadline
from zif.backends.isolation import pool
from zif.backends.isolation.forked import can_fork, forked
from zif.backends.isolation.log import Log
from zif.backends.isolation.service import of_trial
from zif.backends.isolation.trial import OPERATORS, STEPS
from zif.backends.isolation.worker import Worker
from zif.errors import BackendCrashed, ZifError
from zif.files.trials.keeping import Outcome
from zif.records import Installed

#: A copy of this process that waits to be told whom to try, and what it writes.
_Copy = tuple[Log, Any]


def every(rows: Mapping[str, Installed], tell: Callable[[str, Outcome], object]) -> None:
    """Try all of these and tell what came of each: in copies of this process, where that can be copied."""
    copies = {key: _copy() for key in rows} if can_fork() else {}

    def work(key: str, row: Installed) -> None:
        tell(key, try_plugin(row, copies.get(key)))

    threads = [threading.Thread(target=work, args=pair, daemon=True) for pair in rows.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def try_plugin(row: Installed, copy: _Copy | None = None) -> Outcome:
    """Take it through its steps. What it raises takes nothing down, and is raised here again when it is used."""
    limit, step = deadline(), "start"
    worker: Worker | None = None
    try:
        worker = Worker(of_trial(row), None, pool.pool.scratch(), copy)
        for step in STEPS:
            state = _taken(worker, step, limit)
            if state:
                return Outcome(state, step)
        return Outcome("fine")
    except BackendCrashed as error:
        return Outcome("broken", step, str(error), limit)
    except ZifError:
        return Outcome("fine", step)
    finally:
        if worker is not None:
            worker.kill()
            worker.close()


def _taken(worker: Worker, step: str, limit: float) -> Any:
    """What a step came to. Every question has the whole deadline, and none more than that."""
    if step != "model":
        return worker.call(step, within=limit)
    worker.call("ready")
    answers = (worker.call(step, operator, within=limit) for operator in OPERATORS)
    return next((answer for answer in answers if answer != "next"), "apart")


def _copy() -> _Copy | None:
    log = Log()
    try:
        return log, forked(log)
    except OSError:
        log.close()
        return None
