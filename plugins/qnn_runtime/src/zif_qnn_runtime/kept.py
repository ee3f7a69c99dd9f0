"""Small JSON files in zif's cache: read when they can be, written whole or not at all, never an error."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from zif.plugin import write_whole


def read(path: Path) -> Any:
    """The document; None when there is none, or none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write(path: Path, document: Any) -> None:
    """Keep a document. A folder that cannot be written to is no error: nothing is kept."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(document))
