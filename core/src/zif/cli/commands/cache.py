"""`zif cache`: the artifacts that compiling left, and why one was not found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zif.cli import options
from zif.cli.options import JsonOption
from zif.errors import UsageError

if TYPE_CHECKING:
    from zif.artifacts.cache import Cache, Entry
    from zif.planning import Segment

app = typer.Typer(no_args_is_help=True, help="Look at, check and empty the cache of compiled segments.")

_COLUMNS = ("name", "segment", "backend", "target", "format", "size", "last used", "toolchain")

Name = Annotated[
    str, typer.Argument(help="An artifact, by the start of its name in `zif cache ls`.", show_default=False)
]


SharedOption = Annotated[
    bool, typer.Option("--shared", help="In the cache that machines share, which ZIF_CACHE names by a URL.")
]


@app.command("ls")
@app.command("list", hidden=True)
def ls(shared: SharedOption = False, as_json: JsonOption = False) -> None:
    """List the artifacts, last used first."""
    from zif.cli.views.terminal import document, say, table
    from zif.files.wording import size

    cache = _cache()
    if shared:
        from zif.cli.views import shared_cache

        shared_cache.ls(cache, as_json)
        return
    entries = cache.entries()
    total = sum(entry.bytes for entry in entries)
    if as_json:
        fields = {"root": str(cache.root), "limit_bytes": cache.limit, "bytes": total}
        rows = [_fields(entry) for entry in entries]
        document("cache", {**fields, "artifacts": rows, "strangers": cache.strangers()})
        return
    if entries:
        columns = ("name", "segment", "backend", "target", "format", "size", "last used", "toolchain")
        table("", columns, [_cells(entry) for entry in entries], ("size",))
    say(f"{cache.root}: {len(entries)} artifacts, {size(total)} of at most {size(cache.limit)}")
    _tell_strangers(cache)


def _cells(entry: Entry) -> list[Any]:
    from zif.files.wording import size

    key, used = entry.key, _day(entry.used)
    backend = (key.backend, "bold")
    return [entry.name[:12], entry.label, backend, key.target, entry.format, size(entry.bytes), used, key.toolchain]


@app.command()
def show(name: Name, as_json: JsonOption = False) -> None:
    """Show what an artifact was made from."""
    from zif.cli.views.terminal import document, say

    fields = _fields(_entry_of(_cache(), name))
    if as_json:
        document("cache", {"artifacts": [fields]})
        return
    for key, value in fields.items():
        say(f"{key}: {value}")


@app.command()
def clear(
    name: Annotated[str, typer.Argument(help="One artifact only, by the start of its name.")] = "",
    shared: SharedOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove every artifact, or one. What zif did not put there stays."""
    from zif.cli.views.terminal import document, say
    from zif.files.wording import size

    cache = _cache()
    if shared:
        from zif.cli.views import shared_cache

        shared_cache.clear(cache, name, as_json)
        return
    if name:
        entry = _entry_of(cache, name)
        removed, freed = int(cache.remove(entry.name)), entry.bytes
    else:
        removed, freed = cache.clear()
    if as_json:
        fields = {"root": str(cache.root), "removed": removed, "freed_bytes": freed}
        document("cache", {**fields, "strangers": cache.strangers()})
    else:
        say(f"{cache.root}: removed {removed} artifacts, {size(freed)}")
        _tell_strangers(cache)


@app.command()
def verify(shared: SharedOption = False, as_json: JsonOption = False) -> None:
    """Read every artifact and remove what is damaged. Exit 1 when something was."""
    from zif.cli.views.terminal import document, say

    cache = _cache()
    if shared:
        from zif.cli.views import shared_cache

        if shared_cache.verify(cache, as_json):
            raise typer.Exit(1)
        return
    wrong = cache.verify()
    if as_json:
        fields = {"root": str(cache.root), "damaged": wrong, "whole": len(cache.entries())}
        document("cache", {**fields, "strangers": cache.strangers()})
    else:
        for name, reason in wrong.items():
            say(f"{name[:12]} was damaged and removed: {reason}")
        say(f"{cache.root}: {len(cache.entries())} artifacts are whole")
        _tell_strangers(cache)
    if wrong:
        raise typer.Exit(1)


@app.command()
def push(as_json: JsonOption = False) -> None:
    """Send what the shared cache does not have yet: what was compiled here while it could not be reached."""
    from zif.cli.views import shared_cache

    if shared_cache.push(_cache(), as_json):
        raise typer.Exit(1)


@app.command()
def key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file for it.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Make a key for a shared cache: whoever has it may write what the others run."""
    from zif.artifacts.cache.shared.trust import make_key
    from zif.cli.views.terminal import document, say

    make_key(file)
    if as_json:
        document("cache", {"key": str(file)})
    else:
        say(f"wrote {file}: give it to all who share the cache, and to nobody else; ZIF_CACHE_KEY names it")


@app.command()
@options.planned
def why(
    model: options.ModelArgument,
    target: options.TargetOption = "host",
    wanted: options.Wishes = {},  # noqa: B006 - filled in by `planned`
    as_json: JsonOption = False,
) -> None:
    """Say for each segment of a model whether it is in the cache, and if not, what differs."""
    from zif.cli.views.progress import working
    from zif.cli.views.terminal import document, say
    from zif.runtime import planners
    from zif.runtime.build import Builder

    with working(f"planning {model.name}"):
        made = planners.planner(model, target, **wanted)
        builder = Builder(made, _cache())
        rows = [_answer(builder.looked_up(segment), segment) for segment in made.plan().segments]
    if as_json:
        document("cache", {"model": made.model.name, "target": made.target.name, "segments": rows})
        return
    for row in rows:
        say(f"segment {row['id']} on {row['backend']} ({row['units']} units): {row['state']}, {row['reason']}")


def _answer(entry: Any, segment: Segment) -> dict[str, Any]:
    from zif.artifacts.cache import Hit

    told = {"id": segment.id, "backend": segment.backend, "units": len(segment.units)}
    if entry is None:
        return {**told, "state": "not kept", "part": "", "reason": "the backend compiles nothing"}
    if isinstance(entry, Hit):
        return {**told, "state": "hit", "part": "", "reason": f"artifact {entry.entry.name[:12]}"}
    return {**told, "state": "damaged" if entry.damaged else "miss", "part": entry.part, "reason": entry.reason}


def _tell_strangers(cache: Cache) -> None:
    """What lies among the artifacts and stays, because zif did not put it there."""
    from zif.cli.views.terminal import note

    for name in cache.strangers():
        note(f"{cache.artifacts / name} was not made by zif and is left alone")


def _cache() -> Cache:
    from zif.artifacts.cache import default_cache

    cache = default_cache()
    if cache is None:
        raise UsageError("the cache is switched off, or this user has no place for one; ZIF_CACHE=FOLDER names one")
    return cache


def _entry_of(cache: Cache, name: str) -> Entry:
    matches = [entry for entry in cache.entries() if entry.name.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    what = "several artifacts start" if matches else "no artifact starts"
    raise UsageError(f"{what} with {name!r}; `zif cache ls` lists them")


def _fields(entry: Entry) -> dict[str, Any]:
    import attrs

    told = {"name": entry.name, "segment": entry.label, **attrs.asdict(entry.key), "format": entry.format}
    times = {"created": _day(entry.created), "used": _day(entry.used)}
    return {**told, "bytes": entry.bytes, **times, "folder": str(entry.folder)}


def _day(seconds: float) -> str:
    """Local time as people write it."""
    import time

    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
