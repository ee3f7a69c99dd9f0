"""The one way in which zif says that something which a user wrote is read and not used.

A key that nothing knows, an array of another name, an entry for nobody: what is refused is an error, and what is left
out is told here. In Python it is a warning of the category `zif.errors.Unused`, which a host can turn into an error or
off; the command line prints each once, as a note on stderr.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from zif.errors import Unused


def unused(text: str) -> None:
    """Say in one sentence what was left out, where it stands, and what is there instead."""
    warnings.warn(text, Unused, stacklevel=3)


def unused_keys(where: str, keys: Iterable[Any], known: Collection[str]) -> None:
    """Say which keys nothing knows, each with the known one that was probably meant."""
    from zif.files.wording import did_you_mean, listed  # every command comes through this module, few say anything

    for key in dict.fromkeys(keys):
        if key not in known:
            hint = did_you_mean(str(key), known) or f" Known: {listed(sorted(known), 12)}."
            unused(f"{where}: {str(key)!r} is not used: zif does not know it.{hint}")


@contextmanager
def telling(tell: Any) -> Iterator[None]:
    """Within, `tell` gets each such sentence once, instead of Python's own handling of warnings."""
    said: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", Unused)
        show = warnings.showwarning

        def told(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
            if not issubclass(category, Unused):
                show(message, category, *where, **more)
            elif str(message) not in said:
                said.add(str(message))
                tell(str(message))

        warnings.showwarning = told
        yield
