"""What the distributions of every environment, this one first, say of the state of their engines, for `zif doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import evolve

from zif.backends.checks import GROUP, Check, asked, damage
from zif.backends.deadline import deadline
from zif.backends.isolation import pool
from zif.backends.isolation.service import Service, of_check, of_checks
from zif.backends.isolation.worker import Limits
from zif.backends.unimportable import broken
from zif.errors import ZifError
from zif.files.environments import Environment, environments, points_in
from zif.files.installed import owner as owner_of
from zif.files.installed import points
from zif.files.trials.known import exempt


def every_check() -> tuple[Check, ...]:
    """As `checks`, each in a process of its own, with what cannot be imported of all that is brought.

    What another environment has is asked there; the name of it stands behind its distributions.
    """
    own = (check for point in points(GROUP) for check in _here(point))
    others = (check for environment in environments() for check in _of(environment))
    imports = (Check(what, "broken", why, distribution=owner) for what, why, owner in broken())
    return (*damage(), *own, *others, *imports)


def _here(point: Any) -> Iterator[Check]:
    if exempt(point.name):
        yield from asked(point)
        return
    owner = owner_of(point.dist)
    try:
        yield from _answer(of_check(point.name, owner), deadline(), "check", point.name, point.value)
    except ZifError as error:
        yield Check(point.name, "broken", str(error), distribution=owner)


def _of(environment: Environment) -> Iterator[Check]:
    if not points_in(environment, GROUP):
        return
    name = environment.name
    try:
        answers = _answer(of_checks(name), 10 * deadline(), "checks")
        yield from (evolve(answer, distribution=f"{answer.distribution} ({name})") for answer in answers)
    except ZifError as error:
        yield Check(f"environment {name}", "broken", str(error), f"zif env doctor {name}")


def _answer(service: Service, seconds: float, stage: str, *words: str) -> tuple[Check, ...]:
    slot = pool.pool.slot(service, Limits())
    slot.hold()
    try:
        answer: tuple[Check, ...] = slot.worker().call(stage, *words, within=seconds)
        return answer
    finally:
        slot.release()
