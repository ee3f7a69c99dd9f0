"""Which shared cache the user named, if any: ZIF_CACHE with a URL of fsspec's, such as s3://bucket/zif."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

from zif.artifacts.cache.shared.objects import Objects
from zif.artifacts.cache.shared.tier import Tier
from zif.artifacts.cache.shared.trust import KEY, TRUST, Trust
from zif.errors import UsageError
from zif.files.installing import to_install

#: For S3 unless FSSPEC_S3_CONFIG_KWARGS says otherwise: a store that does not answer must not hold up a compiler long.
_S3 = {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 2}}


def shared_tier(url: str) -> Tier:
    """The cache that a URL of ZIF_CACHE names. One a process.

    Raises UsageError for a URL that nobody knows, for a library that is missing, and where nobody says who is believed.
    """
    return _opened(url, os.environ.get(KEY, ""), os.environ.get(TRUST, ""), os.getpid())


@lru_cache(maxsize=4)
def _opened(url: str, *_: object) -> Tier:
    if not url.partition("://")[2]:
        raise UsageError(f"ZIF_CACHE={url} names no place: write s3://bucket/folder, or file:///folder")
    trust = Trust.of_user()
    try:
        import fsspec
    except ImportError as error:
        raise UsageError(f"ZIF_CACHE={url}: a shared cache needs fsspec: {to_install('zif[shared]')}") from error
    try:
        fs, root = fsspec.core.url_to_fs(url, **_options(url))
    except ImportError as error:
        raise UsageError(f"ZIF_CACHE={url}: {error}") from error
    except Exception as error:  # whatever a file system of fsspec's makes of its URL
        raise UsageError(f"ZIF_CACHE={url} cannot be opened: {error}") from error
    if hasattr(fs, "retries"):  # s3fs tries five times with growing pauses, after the library below it has tried
        fs.retries = 2
    return Tier(Objects(fs, root, url), trust)


def _options(url: str) -> dict[str, Any]:
    scheme = url.partition("://")[0].lower()
    options: dict[str, Any] = {"use_listings_cache": False}
    if scheme in ("s3", "s3a") and "FSSPEC_S3_CONFIG_KWARGS" not in os.environ:
        options["config_kwargs"] = _S3
    return options if scheme not in ("file", "local", "memory") else {}
