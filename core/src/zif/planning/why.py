"""Why a unit runs where it runs, as a list: of every backend, who said what of it, from the first to who had the last
word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen

from zif.errors import UsageError
from zif.files.wording import did_you_mean
from zif.planning.task import matches
from zif.verdicts.settle import ORDER

if TYPE_CHECKING:
    from zif.model import Model, Unit
    from zif.planning.plan import Plan, UnitPlan, UnitVerdict
    from zif.records import Basis, Said

SCHEMA = "zif.plan-explain/1"

_WHO = {authority.name: authority.who for authority in ORDER}
_DOES = {True: "takes it", False: "refuses it", None: "does not know"}
_CHOICES = ("pin", "placement")


@frozen
class Step:
    """What one source said of a unit on a backend, and in words who it is and what it does.

    Each step stands instead of the one before it. `overrules`: the number of the step whose yes it turned into a no, or
    whose no into a yes; 0 without any.
    """

    number: int
    source: str
    basis: Basis
    supported: bool | None
    code: str
    reason: str
    who: str
    does: str
    overrules: int


@frozen
class Stance:
    """One backend on one unit: every step from the first word to the last.

    Microseconds: `cost_us` where the backend takes the unit, `would_cost_us` where it does not. here: it runs there.
    """

    backend: str
    here: bool
    supported: bool | None
    cost_us: float | None
    cost_source: str
    would_cost_us: float | None
    steps: tuple[Step, ...]


@frozen
class Explanation:
    """One unit: where it runs, the sentence that says why and by how much, and what every backend's stance is."""

    unit: str
    op_type: str
    domain: str
    outputs: tuple[str, ...]
    backend: str
    segment: int
    reason: str
    stances: tuple[Stance, ...]


@frozen
class Absent:
    """A backend that was not asked about any unit, and why."""

    backend: str
    distribution: str
    version: str
    code: str
    reason: str


@frozen
class Explained:
    """Units of a plan, explained. what_if: what was supposed, where the plan is one under a supposition."""

    model: str
    target: str
    policy: str
    what_if: tuple[str, ...]
    units: tuple[Explanation, ...]
    absent: tuple[Absent, ...]

    def to_json(self) -> dict[str, Any]:
        """The JSON document `zif.plan-explain/1`."""
        return {"schema": SCHEMA, **attrs.asdict(self)}


def explained(plan: Plan, model: Model, patterns: Sequence[str], what_if: Sequence[str] = ()) -> Explained:
    """The units of a plan that the patterns mean, in the model's order. Raises UsageError for one that means nothing.

    A pattern is the name of a unit, of a tensor that it makes or of a node in it, `op:` and an operator, or a glob.
    """
    wanted = {unit.id for pattern in patterns for unit in named(model, pattern)}
    return Explained(
        model=plan.model,
        target=plan.target,
        policy=plan.policy,
        what_if=tuple(what_if),
        units=tuple(_explanation(unit) for unit in plan.units if unit.name in wanted),
        absent=tuple(
            Absent(candidate.name, candidate.distribution, candidate.version, candidate.code, candidate.reason)
            for candidate in plan.candidates
            if not candidate.takes_part
        ),
    )


def named(model: Model, pattern: str) -> list[Unit]:
    """The units that a pattern means, see `explained`. Raises UsageError with what is called nearly so."""
    exact = [unit for unit in model.units if pattern in _names(model, unit)]
    if exact:
        return exact
    alike = [unit for unit in model.units if matches(unit, pattern) or _makes(unit, pattern)]
    if not alike:
        every = {name: None for unit in model.units for name in (f"op:{unit.op_type}", *_names(model, unit)) if name}
        near = did_you_mean(f"op:{pattern}" if f"op:{pattern}" in every else pattern, every)
        raise UsageError(
            f"--explain {pattern}: no unit of {model.name} is called so, and none makes a tensor of that name.{near} "
            "`zif plan --all-units` lists them; what is constant has been computed and is no unit"
        )
    return alike


def _names(model: Model, unit: Unit) -> Iterator[str]:
    yield unit.id
    for node in (model.proto.graph.node[index] for index in unit.nodes):
        yield from (node.name, *node.output)


def _makes(unit: Unit, pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in unit.outputs)


def _explanation(unit: UnitPlan) -> Explanation:
    return Explanation(
        unit=unit.name,
        op_type=unit.op_type,
        domain=unit.domain,
        outputs=unit.outputs,
        backend=unit.backend,
        segment=unit.segment,
        reason=unit.verdicts[unit.backend].reason,
        stances=tuple(_stance(name, verdict, name == unit.backend) for name, verdict in unit.verdicts.items()),
    )


def _stance(backend: str, verdict: UnitVerdict, here: bool) -> Stance:
    cost = verdict.cost_us, verdict.cost_source, verdict.would_cost_us
    return Stance(backend, here, verdict.supported, *cost, steps(verdict.chain, here))


def steps(said: Sequence[Said], here: bool) -> tuple[Step, ...]:
    """The steps of a verdict's chain; `here`: the unit runs on this backend."""
    return tuple(
        _step(number, step, said[number - 2] if number > 1 else None, here) for number, step in enumerate(said, 1)
    )


def _step(number: int, row: Said, before: Said | None, here: bool) -> Step:
    who = f"{_WHO[row.source]} ({row.basis})" if row.source == "backend" else _WHO[row.source]
    does = f"runs it {'here' if here else 'elsewhere'}" if row.source in _CHOICES else _DOES[row.supported]
    turned = before is not None and before.supported is not row.supported
    told = row.source, row.basis, row.supported, row.code, row.reason
    return Step(number, *told, who, does, number - 1 if turned else 0)


__all__ = ["Absent", "Explained", "Explanation", "Stance", "Step", "explained", "named", "steps"]
