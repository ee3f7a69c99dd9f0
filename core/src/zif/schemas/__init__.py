"""JSON Schemas (draft 2020-12) of the documents that `--json` prints, as files of this package and as `zif schema`.

What may come in: published schemas, and finding one by name.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from zif.errors import UsageError


def names() -> tuple[str, ...]:
    """The documents that have a schema: "plan", "plan-diff", …"""
    entries = (entry.name for entry in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix("-1.json") for name in entries if name.endswith("-1.json")))


def schema(name: str) -> dict[str, Any]:
    """The schema of a document, by a name of `names()` or by the document's own ("zif.plan/1"). Raises UsageError."""
    short = name.removeprefix("zif.").removesuffix("/1")
    if short not in names():
        raise UsageError(f"no schema is called {name!r}; there are {', '.join(names())}")
    document: dict[str, Any] = json.loads((files(__name__) / f"{short}-1.json").read_text(encoding="utf-8"))
    return document


__all__ = ["names", "schema"]
