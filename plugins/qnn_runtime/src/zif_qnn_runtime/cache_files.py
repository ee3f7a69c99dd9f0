"""Small JSON files in zif's cache: read when they can be, written whole or not at all, never an error."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from zif import ZifError
from zif.plugin import content_of, parse_json, write_whole


def read(path: Path) -> Any:
    """The document; None when there is none, or none that can be read."""
    try:
        return parse_json(content_of(path), path.name)
    except (OSError, ZifError):
        return None


def write(path: Path, document: Any) -> None:
    """Keep a document. A folder that cannot be written to is no error: nothing is kept."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(document))
