"""Where the user's cache is and how large it may grow."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from zif.errors import UsageError
from zif.files.wording import parsed_size

if TYPE_CHECKING:
    from zif.artifacts.cache.store import Cache

_OFF = ("off", "0", "no", "none")


def is_url(place: str) -> bool:
    """Whether ZIF_CACHE names a store, such as s3://bucket/zif, and no folder."""
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]+://.*", place) is not None


def default_root() -> Path | None:
    """The folder that ZIF_CACHE names, else the system's place for caches.

    None when ZIF_CACHE is "off", and for a user without a home. Where it names a store that machines share, this is
    the user's own tier in front of it: the folder that ZIF_CACHE_LOCAL names, else the system's place.
    """
    import platformdirs

    place = os.environ.get("ZIF_CACHE", "")
    if is_url(place):
        place = os.environ.get("ZIF_CACHE_LOCAL", "")
    if place.strip().lower() in _OFF:
        return None
    if place:
        return Path(os.path.abspath(place))
    try:
        root = Path(platformdirs.user_cache_dir("zif"))
    except RuntimeError:
        return None
    return root if root.is_absolute() else None


def kept_folder() -> Path | None:
    """zif's own folder for what can be made again, where a backend keeps its answers in a folder of its name.

    It is made when it is not there. None when the cache is switched off, and for a folder that is not zif's or that
    others can write to: what is kept there would be believed.
    """
    from zif.artifacts.cache import ground

    root = default_root()
    if root is None:
        return None
    try:
        ground.claim(root)
    except (UsageError, OSError):
        return None
    return root


def default_limit() -> int:
    """Bytes that the cache may take: ZIF_CACHE_LIMIT ("500M", "20G"), else 10 GB. Raises UsageError."""
    text = os.environ.get("ZIF_CACHE_LIMIT", "10G").strip()
    limit = parsed_size(text)
    if limit is None:
        raise UsageError(f"ZIF_CACHE_LIMIT={text!r} is no size; examples: 500M, 20G")
    return limit


def default_cache() -> Cache | None:
    """The user's cache; None when it is switched off or there is no place for one. Raises UsageError."""
    from zif.artifacts.cache.store import Cache

    root = default_root()
    if root is None:
        return None
    url = os.environ.get("ZIF_CACHE", "")
    if not is_url(url):
        return Cache(root, default_limit())
    from zif.artifacts.cache.shared import shared_tier

    return Cache(root, default_limit(), shared=shared_tier(url))
