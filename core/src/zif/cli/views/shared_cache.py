"""`zif cache … --shared` and `zif cache push`: what lies in the cache that machines share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from zif.cli.views.terminal import document, say, table
from zif.errors import UsageError, ZifError
from zif.files.wording import size

if TYPE_CHECKING:
    from zif.artifacts.cache import Cache
    from zif.artifacts.cache.shared import Tier


def ls(cache: Cache, as_json: bool) -> None:
    """List what is there and believed."""
    tier = _tier(cache)
    with _reached(tier):
        entries = list(tier.entries())
        names = tier.names()
    total = sum(entry.bytes for entry in entries)
    if as_json:
        rows = [
            {"name": e.name, "segment": e.label, **attrs.asdict(e.key), "format": e.format, "bytes": e.bytes}
            for e in entries
        ]
        fields = {"root": tier.url, "bytes": total, "artifacts": rows, "unbelieved": len(names) - len(entries)}
        document("cache", fields)
        return
    cells: list[list[Any]] = [
        [e.name[:12], e.label, (e.key.backend, "bold"), e.key.target, e.format, size(e.bytes), e.key.toolchain]
        for e in entries
    ]
    if cells:
        table("", ("name", "segment", "backend", "target", "format", "size", "toolchain"), cells, ("size",))
    say(f"{tier.url}: {len(entries)} artifacts, {size(total)}{_unbelieved(len(names) - len(entries))}")


def clear(cache: Cache, name: str, as_json: bool) -> None:
    """Remove every artifact there, or one by the start of its name."""
    tier = _tier(cache)
    with _reached(tier):
        if name:
            tier.remove(_key_of(tier, name))
            removed = 1
        else:
            removed = tier.clear()
    if as_json:
        document("cache", {"root": tier.url, "removed": removed})
    else:
        say(f"{tier.url}: removed {removed} artifacts")


def verify(cache: Cache, as_json: bool) -> bool:
    """Read every artifact there and remove what is damaged; whether something was."""
    tier = _tier(cache)
    with _reached(tier):
        wrong = tier.verify()
        for name in wrong:
            tier.remove(name)
        whole = len(tier.names())
    if as_json:
        document("cache", {"root": tier.url, "damaged": wrong, "whole": whole})
    else:
        for name, reason in wrong.items():
            say(f"{name[:12]} was not right and is removed: {reason}")
        say(f"{tier.url}: {whole} artifacts are whole")
    return bool(wrong)


def push(cache: Cache, as_json: bool) -> bool:
    """Send what is not there yet; whether something is left."""
    from zif.artifacts.cache.shared.pending_uploads import Unsent

    tier = _tier(cache)
    unsent, told = Unsent(tier, cache.root), list[str]()
    for entry in cache.entries():
        with _reached(tier):
            if not tier.has(entry.name):
                unsent.note(entry.name)
    sent = sum(unsent.send(name, told.append) for name in unsent.names())
    left = unsent.names()
    if as_json:
        document("cache", {"root": tier.url, "sent": sent, "unsent": left})
    else:
        for text in told:
            say(text)
        say(f"{tier.url}: sent {sent} artifacts, {len(left)} are left")
    return bool(left)


def _tier(cache: Cache) -> Tier:
    if cache.shared is None:
        raise UsageError("no cache is shared: ZIF_CACHE names one by a URL, such as s3://bucket/zif")
    return cache.shared


def _key_of(tier: Tier, name: str) -> str:
    names = [key for key in tier.names() if key.startswith(name)]
    if len(names) == 1:
        return names[0]
    what = "several artifacts start" if names else "no artifact starts"
    raise UsageError(f"{what} with {name!r} there; `zif cache ls --shared` lists them")


def _unbelieved(number: int) -> str:
    return f"; {number} more are not believed: `zif cache verify --shared` says why" if number else ""


@contextmanager
def _reached(tier: Tier) -> Iterator[None]:
    from zif.artifacts.cache.shared import Unreachable

    try:
        yield
    except Unreachable as error:
        raise ZifError(f"the shared cache {tier.url} cannot be reached: {error}. Try again later") from error
