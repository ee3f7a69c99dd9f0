"""Which ways out there are, by the metadata of installed distributions, and one of them opened."""

from __future__ import annotations

from zif.backends.extensions import exporter as brought
from zif.backends.extensions import exporters as words
from zif.errors import BackendBroken, UsageError
from zif.files.wording import did_you_mean
from zif.runtime.export.contract import Exporter


def exporter(word: str) -> Exporter:
    """The exporter behind `--for WORD`. Raises UsageError for a word that nobody brings, BackendBroken."""
    known = words()
    if word not in known:
        can = f"There are {', '.join(known)}." if known else "No installed distribution brings one."
        raise UsageError(f"--for {word}: nobody exports this.{did_you_mean(word, known)} {can}")
    loaded = brought(word)
    if not isinstance(loaded, Exporter):
        raise BackendBroken(
            f"--for {word}: what its entry point of the group `zif.exporters` names is {type(loaded).__name__}, not a"
            " zif.plugin.Exporter. Tell its author."
        )
    return loaded


__all__ = ["exporter", "words"]
