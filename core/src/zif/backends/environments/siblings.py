"""Plugins that stand beside the zif that is running, in its checkout: there a name stands for the folder.

No index may have them yet, and where one has, who works on a checkout wants what is in it.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from zif.errors import InvalidInput
from zif.files.documents import read_table

_NAME = re.compile(r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?P<extras>\[[^\]]*\])?\s*")


def located(requirement: str) -> str:
    """A path as it is found from everywhere, and so a plugin of the checkout; every other requirement as it is."""
    path, bracket, extras = requirement.partition("[")
    if os.path.exists(path):
        return os.path.abspath(path) + bracket + extras
    named = _NAME.fullmatch(requirement)
    folder = _folders().get(_normal(named["name"])) if named else None
    return f"{folder}{named['extras'] or ''}" if folder and named else requirement


@lru_cache(maxsize=1)
def _folders() -> dict[str, str]:
    """The folder of each distribution in the checkout, by its name; nothing where zif was installed from a wheel."""
    core = Path(__file__).resolve().parents[4]
    if _project(core).get("name") != "zif":
        return {}
    places = sorted((core.parent / "plugins").glob("*/pyproject.toml"))
    return {_normal(str(_project(place.parent).get("name", ""))): str(place.parent) for place in places}


def _project(folder: Path) -> dict[str, Any]:
    path = folder / "pyproject.toml"
    if not path.is_file():
        return {}
    try:
        document = read_table(path)
    except InvalidInput:
        return {}
    return dict(document.get("project", {}))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
