"""The checkout of zif's repository that the zif that is running stands in, if any: there a name stands for a folder.

No index has these distributions yet, and where one has, who works on a checkout wants what is in it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from zif.errors import InvalidInput
from zif.files.documents import read_table


@lru_cache(maxsize=1)
def folders() -> dict[str, str]:
    """The folder of each distribution in the checkout, by its name; nothing where zif was installed from a wheel."""
    core = Path(__file__).resolve().parents[3]
    if _project(core).get("name") != "zif":
        return {}
    places = [core, *(place.parent for place in sorted((core.parent / "plugins").glob("*/pyproject.toml")))]
    return {normal(str(_project(place).get("name", ""))): str(place) for place in places}


def normal(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _project(folder: Path) -> dict[str, Any]:
    path = folder / "pyproject.toml"
    if not path.is_file():
        return {}
    try:
        document = read_table(path)
    except InvalidInput:
        return {}
    return dict(document.get("project", {}))
