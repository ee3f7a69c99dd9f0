"""What a backend can put beside its artifact on request, for other tools: a DLC, source code, whatever it knows.

Such a form is one of the backend's own options, true or false, whose metadata says {"also": True}.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import attrs

from zif.errors import Unsupported, UsageError
from zif.files.wording import did_you_mean


def offered(kind: type[Any]) -> dict[str, str]:
    """The forms that a class of options has, each with what it is."""
    return {field.name: field.metadata.get("help", "") for field in attrs.fields(kind) if field.metadata.get("also")}


def check_known(wanted: Iterable[str], kinds: Mapping[str, type[Any]]) -> None:
    """Raise UsageError for a form that none of the backends, by name, can make; it lists those that can be had."""
    known = {form: f"{form} ({name}: {text})" for name, kind in kinds.items() for form, text in offered(kind).items()}
    for form in wanted:
        if form not in known:
            can = "; ".join(known[name] for name in sorted(known))
            can = f"Can be had: {can}." if can else "None makes any; a chip named with --target brings in its backends."
            who = ", ".join(kinds) or "none"
            raise UsageError(
                f"--also {form}: no backend that takes part ({who}) makes this.{did_you_mean(form, known)} {can}"
            )


def check_made(wanted: Iterable[str], kinds: Mapping[str, type[Any]], used: Collection[str]) -> None:
    """Raise Unsupported for a form that no backend with a segment makes: the folder would silently lack it."""
    for form in wanted:
        makers = [name for name, kind in kinds.items() if form in offered(kind)]
        if not any(name in used for name in makers):
            raise Unsupported(
                f"--also {form}: {' and '.join(makers)} makes it, and no segment is there. `zif plan` says why; "
                f"--pin '*={makers[0]}' would move what can be moved."
            )


def chosen(wanted: Collection[str], kind: type[Any]) -> dict[str, bool]:
    """The options that ask a backend for those forms that it makes."""
    return dict.fromkeys((form for form in offered(kind) if form in wanted), True)
