"""What a shared cache does not have yet: an artifact that was made while the store was gone is sent the next time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from zif.artifacts.cache.names import ARTIFACTS, UNSENT, is_key
from zif.artifacts.cache.shared.objects import Unreachable
from zif.artifacts.cache.shared.tier import Tier
from zif.artifacts.cache.shared.use import gone
from zif.artifacts.hashed import Damaged
from zif.errors import UsageError
from zif.files.writing import write_whole


@frozen
class Unsent:
    """The list, as empty files in a folder of the user's own cache, each named as its artifact."""

    tier: Tier
    root: Path

    def note(self, name: str) -> None:
        """Put an artifact on the list."""
        with suppress(OSError):
            (self.root / UNSENT).mkdir(exist_ok=True, mode=0o700)
            write_whole(self.root / UNSENT / name, b"")

    def names(self) -> list[str]:
        """The artifacts on it."""
        with suppress(OSError):
            return sorted(path.name for path in (self.root / UNSENT).iterdir() if is_key(path.name))
        return []

    def send(self, name: str, tell: Callable[[str], object]) -> bool:
        """Send one that is on the list; whether it is there now. What goes wrong is told, and it stays on the list."""
        if self.tier.troubles or not (self.root / UNSENT / name).exists():
            return False
        try:
            self.tier.send(self.root / ARTIFACTS / name)
        except Unreachable as error:
            gone(self.tier, tell, error)
            return False
        except (Damaged, UsageError, FileNotFoundError):
            pass  # it is no artifact any more: there is nothing to send
        with suppress(OSError):
            (self.root / UNSENT / name).unlink()
        return True
