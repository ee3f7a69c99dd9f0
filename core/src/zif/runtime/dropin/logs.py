"""ONNX Runtime's logger: `logging.getLogger("zif.ort")`, with its severities from 0 (everything) to 4 (fatal)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

LOG = logging.getLogger("zif.ort")

#: Takes severity, category, the session's id, the place in the code and the message.
Callback = Callable[[int, str, str, str, str], Any]


class _Calling(logging.Handler):
    def __init__(self, callback: Callback) -> None:
        super().__init__()
        self._callback = callback

    def emit(self, record: logging.LogRecord) -> None:
        """Tell it; what it raises is its own."""
        place = f"{record.pathname}:{record.lineno} {record.funcName}"
        with suppress(Exception):
            self._callback(record.levelno // 10 - 1, "zif", record.name, place, record.getMessage())


def set_default_logger_severity(severity: int) -> None:
    """From which severity on something is logged. Raises RuntimeError for one that is none."""
    LOG.setLevel(_level(severity))


def set_default_logger_verbosity(_: int) -> None:
    """zif has no levels below debug."""


def set_default_logger_callback(callback: Callback | None, severity: int = 2) -> None:
    """Have a function called with what is logged; None ends it.

    Raises RuntimeError for what cannot be called, and for a severity that is none.
    """
    if callback is not None and not callable(callback):
        raise RuntimeError("the logging callback must be callable or None")
    level = _level(severity)
    for handler in [handler for handler in LOG.handlers if isinstance(handler, _Calling)]:
        LOG.removeHandler(handler)
    if callback is not None:
        LOG.addHandler(_Calling(callback))
        LOG.setLevel(level)


def _level(severity: int) -> int:
    if severity not in range(5):
        raise RuntimeError(f"Invalid logging severity: {severity} is not 0 to 4")
    return (severity + 1) * 10
