"""Other environments for tests that must not wait for pip: an interpreter that sees a folder of fake plugins."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from fakes import Site, base


def interpreter(plugins: Site, path: Path, *before: Path) -> Path:
    """A program that is Python with zif, its libraries and these plugins, and nothing of the caller's.

    before: folders that come first, as where a vendor's older libraries lie.
    """
    folders = os.pathsep.join(map(str, (*before, plugins.folder, base())))
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{folders}" exec "{sys.executable}" -S "$@"\n')
    path.chmod(0o755)
    return path


def taken_in(site: Site, name: str, plugins: Site, *before: Path) -> Path:
    """An environment of this name for the zif of `site`, as `zif env add` takes one in."""
    python = interpreter(plugins, plugins.folder / f"python-{name}", *before)
    done = site.zif("env", "add", name, "--python", python)
    assert done.code == 0, done.err
    return python
