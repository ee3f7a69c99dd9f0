"""Which backend started the last session, so that the next process need not ask them all again before it answers.

It holds as long as what was tried of its distribution does: the content of the plugin, the distributions beside it and
the interpreter (`zif.files.trials`). Then the backend is opened as it is, with its options as they are by default.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from zif.errors import ZifError
from zif.files.trials.content import digest
from zif.files.trials.known import looked_up
from zif.files.user_data import data_folder
from zif.records import Installed

if TYPE_CHECKING:
    from zif.backends.backend import Backend

SCHEMA = "zif.starter/1"


@frozen
class Known:
    """The backend's row, its options' class as "module:name", what its plan calls it, and what that was true of."""

    row: Installed
    options: str
    label: str
    content: str


def known() -> Known | None:
    """What is known of the last start; None where nobody knows, or something was installed or changed since."""
    from zif.files.documents import read_json
    from zif.files.opening import is_plain
    from zif.files.records import record

    path = _path()
    if path is None or not is_plain(path):
        return None
    try:
        document = read_json(path)
        told = record(Known, document, str(path))
    except ZifError:  # what cannot be read is found anew
        return None
    if document.get("schema") != SCHEMA or told.row.environment:
        return None
    tried = looked_up(told.content) if digest(str(told.row), told.row.module) == told.content else None
    return told if tried is not None and tried.state == "fine" else None


def opened(told: Known) -> tuple[Backend, Any]:
    """The backend and its options. Raises whatever a plugin raises."""
    from zif.backends.registry import open_known

    backend = open_known(told.row)
    module, _, name = told.options.partition(":")
    homes = {"zif", told.row.module.partition(":")[0].partition(".")[0]}
    if module.partition(".")[0] not in homes:
        raise ImportError(f"{told.options} is none of {told.row.module}")
    return backend, getattr(importlib.import_module(module), name)()


def remember(backend: Backend, options: Any, label: str) -> None:
    """Keep it for the next process; not of a backend that works apart from this one."""
    import attrs

    from zif.backends.backend import Backend
    from zif.files.wording import json_text
    from zif.files.writing import write_whole

    path, row = _path(), backend.info
    if path is None or type(backend) is not Backend or backend.apart:  # one that works apart has a class of its own
        return
    kind = f"{type(options).__module__}:{type(options).__qualname__}"
    told = Known(row, kind, label, digest(str(row), row.module))
    if told != known():
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, json_text({"schema": SCHEMA, **attrs.asdict(told)}) + "\n")


def _path() -> Path | None:
    """One file for each interpreter."""
    place = data_folder()
    which = hashlib.sha256(sys.executable.encode(errors="surrogateescape")).hexdigest()[:16]
    return place and place / "trials" / f"starter-{which}.json"
