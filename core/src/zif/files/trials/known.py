"""What is known of trials, in this process and in files, and who is spared one."""

from __future__ import annotations

import os
import threading

from zif.files.patience import deadline
from zif.files.trials.keeping import Outcome, forget_broken, keep, kept

#: Environment variable: backends, with commas between them, that are imported here without a trial; or "all", for
#: whatever distributions bring.
ENVIRONMENT = "ZIF_IN_PROCESS"

_known: dict[str, Outcome] = {}
_lock = threading.Lock()


def exempt(name: str) -> bool:
    """Whether the host asks for this one in its own process, whatever comes of it."""
    names = [word.strip() for word in os.environ.get(ENVIRONMENT, "").split(",")]
    return "all" in names or name in names


def looked_up(content: str) -> Outcome | None:
    """What came of the trial of this content; None where nobody knows."""
    with _lock:
        known = _known.get(content)
    if known is None:
        known = kept(content, deadline())
        if known is not None:
            with _lock:
                _known[content] = known
    return known


def remember(content: str, outcome: Outcome) -> None:
    """Keep what came of it, for this process and the next."""
    keep(content, outcome)
    with _lock:
        _known[content] = outcome


def forget() -> None:
    """Forget who ended or hung a process, so that it is tried again."""
    forget_broken()
    with _lock:
        for content in [content for content, outcome in _known.items() if outcome.state == "broken"]:
            del _known[content]
