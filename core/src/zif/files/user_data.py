"""Where zif keeps files of its own that cannot be made again."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder() -> Path | None:
    """The user's folder for measurements and the key; ZIF_DATA names another. None for a user without a home."""
    named = os.environ.get("ZIF_DATA")
    if named:
        return Path(os.path.abspath(named))
    import platformdirs

    place = Path(platformdirs.user_data_dir("zif"))
    return place if place.is_absolute() else None
