"""What the distributions of every environment, this one first, say of the state of their engines, for `zif doctor`."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from zif.backends.checks import GROUP, Check, checks
from zif.backends.deadline import deadline
from zif.backends.isolation import pool
from zif.backends.isolation.service import of_checks
from zif.backends.isolation.worker import Limits
from zif.errors import ZifError
from zif.files.environments import Environment, environments, points_in


def every_check() -> tuple[Check, ...]:
    """As `checks`. What another environment has is asked there; the name of it stands behind its distributions."""
    others = (one for environment in environments() for one in _of(environment))
    return (*checks(), *others)


def _of(environment: Environment) -> Iterator[Check]:
    if not points_in(environment, GROUP):
        return
    name = environment.name
    slot = pool.pool.slot(of_checks(name), Limits())
    slot.hold()
    try:
        found = slot.worker().call("checks", within=10 * deadline())
        yield from (evolve(one, distribution=f"{one.distribution} ({name})") for one in found)
    except ZifError as error:
        yield Check(f"environment {name}", "broken", str(error), f"zif env doctor {name}")
    finally:
        slot.release()
