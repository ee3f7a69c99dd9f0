"""The deployment folder: plans, artifacts of one or several targets, and everything that running them needs.

`write_bundle` writes one whole or not at all, `open_bundle` checks one and gives its artifacts. Neither runs any code
from it.
"""

from __future__ import annotations

from zif.artifacts.bundle.manifest import is_bundle
from zif.artifacts.bundle.read import Bundle, open_bundle
from zif.artifacts.bundle.replace import check_place
from zif.artifacts.bundle.write import write_bundle

__all__ = ["Bundle", "check_place", "is_bundle", "open_bundle", "write_bundle"]
