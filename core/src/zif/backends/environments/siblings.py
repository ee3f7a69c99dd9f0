"""Plugins that stand beside the zif that is running, in its checkout: there a name stands for the folder."""

from __future__ import annotations

import os
import re

from zif.files.checkout import folders, normal

_NAME = re.compile(r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?P<extras>\[[^\]]*\])?\s*")


def located(requirement: str) -> str:
    """A path as it is found from everywhere, and so a plugin of the checkout; every other requirement as it is."""
    path, bracket, extras = requirement.partition("[")
    if os.path.exists(path):
        return os.path.abspath(path) + bracket + extras
    named = _NAME.fullmatch(requirement)
    folder = folders().get(normal(named["name"])) if named else None
    return f"{folder}{named['extras'] or ''}" if folder and named else requirement
