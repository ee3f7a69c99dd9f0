"""Files that users write as TOML or JSON, read into a dict with complaints that name the file."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from zif.errors import UsageError


def read_table(path: Path) -> dict[str, Any]:
    """The table in a file: JSON where its name ends in .json, else TOML. JSON may have lines that are // comments.

    Raises UsageError for a file that is missing, is not valid, or holds no table.
    """
    kind = "JSON" if path.suffix.lower() == ".json" else "TOML"
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(_uncommented(text)) if kind == "JSON" else tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not valid {kind}: {error}.") from error
    if not isinstance(document, dict):
        raise UsageError(f"{path}: the file must be a table, not a {type(document).__name__}.")
    return document


def _uncommented(text: str) -> str:
    """The text with whole-line comments blanked, so that line numbers in complaints stay right."""
    return "\n".join("" if line.lstrip().startswith("//") else line for line in text.split("\n"))
