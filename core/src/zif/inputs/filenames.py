"""File names for tensors, such as every system takes."""

from __future__ import annotations

import re
from collections.abc import Iterable


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """A file name for each tensor name: letters, digits, dot, dash and underscore, none twice, none hidden."""
    taken: set[str] = set()
    result = {}
    for name in names:
        stem = base = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip(".")[:120] or "output"
        number = 1
        while stem.lower() in taken:  # some file systems do not tell upper from lower case
            number += 1
            stem = f"{base}-{number}"
        taken.add(stem.lower())
        result[name] = stem
    return result
