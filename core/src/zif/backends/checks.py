"""Checks that installed distributions offer to `zif doctor`: entry points of the group `zif.checks`.

Each names a function without arguments that gives the state of what its engine is made of: libraries, drivers, tools.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from attrs import evolve, field, frozen, validators

from zif.backends.blame import blaming
from zif.backends.deadline import deadline, within
from zif.errors import ZifError
from zif.files.installed import damaged
from zif.files.installed import owner as owner_of
from zif.files.installed import points as entry_points

GROUP = "zif.checks"
_DAMAGED = "its entry points cannot be read, as when it is half installed: install it again"
State = Literal["works", "absent", "broken"]


@frozen
class Check:
    """One part of an engine. absent is no fault: nothing here needs it, or this machine cannot have it.

    text says which one it is, or why it is not there; fix is the command that mends a broken one, if there is one.
    variables: how the names of the environment variables begin that change what it does.
    """

    name: str
    state: State = field(validator=validators.in_(("works", "absent", "broken")))
    text: str = ""
    fix: str = ""
    distribution: str = ""
    variables: tuple[str, ...] = ()


def checks() -> tuple[Check, ...]:
    """What all of them found, by distribution. One that fails or does not answer in time is a broken one itself."""
    return (*damage(), *(check for point in entry_points(GROUP) for check in asked(point)))


def damage() -> Iterator[Check]:
    """A broken one for each distribution whose entry points cannot be read."""
    return (Check(name, "broken", _DAMAGED, distribution=name) for name in damaged())


def asked(point: Any) -> Iterator[Check]:
    """What the function behind one entry point found."""
    owner = owner_of(point.dist)

    def ask() -> list[Check]:
        with blaming(f"entry point {point.name!r} ({owner})", "checking its engines"):
            return [evolve(_check(check), distribution=owner) for check in point.load()()]

    try:
        yield from within(deadline(), ask, f"the checks of {owner} did not answer")
    except ZifError as error:
        yield Check(point.name, "broken", f"{type(error).__name__}: {error}", distribution=owner)


def _check(answer: Any) -> Check:
    if not isinstance(answer, Check):
        raise TypeError(f"they gave {answer!r}, which is no zif.plugin.Check")
    return answer
