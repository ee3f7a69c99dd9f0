"""What cannot be honoured is said once in a process, as a warning of the category `zif.errors.Unused`."""

from __future__ import annotations

import warnings

from zif.errors import Unused

_said: set[str] = set()


def once(text: str) -> None:
    """Say a sentence, unless it was said before."""
    if text not in _said:
        _said.add(text)
        warnings.warn(f"zif.ort: {text}", Unused, stacklevel=4)


def forget() -> None:
    """Say everything again; for tests."""
    _said.clear()
