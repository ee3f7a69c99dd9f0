"""The planner and the builder behind the verbs, from the arguments that `load` declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve

from zif.backends.timeline import span
from zif.runtime.refusals import check_policy, refuse_unknown
from zif.runtime.sources import model_of, variant_of

if TYPE_CHECKING:
    from zif.model.arguments import Progress, Source
    from zif.planning.constraints import Constraints
    from zif.planning.plan import Plan, Request
    from zif.planning.planner import Planner
    from zif.planning.why import Explained
    from zif.records import Target
    from zif.runtime.buckets.request import Asked
    from zif.runtime.build import Builder
    from zif.runtime.verification.bench import Sample


def planner(
    source: Source,
    target: str = "host",
    policy: str = "balanced",
    *,
    assume: str = "",
    progress: Progress | None = None,
    **wishes: Any,
) -> Planner:
    """The planner behind `plan` and `load`: the backends have been asked, nothing is placed yet.

    `wishes` are those of `load` that shape a plan (WISHES). What it plans under `assume` is not to be built.
    """
    from zif.planning.constraints import Constraints
    from zif.planning.goals import settled
    from zif.planning.planner import Planner
    from zif.targets import target as find

    refuse_unknown(wishes)
    check_policy(policy)
    demands = Constraints.parse(wishes.get("constraints"))
    variant = variant_of(source, target)
    told = () if variant is None else (variant.told(),)
    source = source if variant is None else variant.model
    model = model_of(source, wishes.get("shapes") or {}, progress, wishes.get("custom_ops") or ())
    chip = find(target)
    request = _request(chip, demands.policy(policy), demands, wishes, assume)
    request = evolve(request, custom_ops=tuple(library.name for library in model.custom_ops))
    isolate = bool(wishes.get("isolate", False))
    with span(f"planning {model.name} for {chip.name}", "plan"):
        made = settled(Planner.of(model, chip, request, progress, isolate, demands), demands)
    return evolve(made, notes=told)


def _request(chip: Target, policy: str, demands: Constraints, wishes: Mapping[str, Any], assume: str) -> Request:
    """What the plan is asked for, as it is told."""
    from zif.backends.config import settle
    from zif.planning.plan import Request

    return Request(
        target=chip.name,
        policy=policy,
        shapes={name: tuple(dims) for name, dims in (wishes.get("shapes") or {}).items()},
        pin=dict(wishes.get("pin") or {}),
        only=names_of(wishes.get("only")),
        exclude=names_of(wishes.get("exclude")),
        strict=wishes.get("strict", False),
        emulate=wishes.get("emulate", False),
        config=settle(wishes.get("config"), chip),
        constraints=demands.told() | ({"policy": policy} if demands.goal or demands.memory_limit else {}),
        assume=assume,
    )


def builder(made: Planner, cache: bool = True, progress: Progress | None = None, also: Sequence[str] = ()) -> Builder:
    """The builder of a planner's segments, with the user's artifact cache unless `cache` is False."""
    from zif.runtime.build import Builder

    if not cache:
        return Builder(made, None, progress, tuple(also))
    from zif.artifacts.cache import default_cache

    return Builder(made, default_cache(), progress, tuple(also))


def bucketed(
    source: Source, buckets: Any, samples: Sequence[Sample] | None, progress: Progress | None = None, **wishes: Any
) -> Asked:
    """A model and the buckets that were asked for, as `load` takes them. Raises UsageError."""
    from zif.runtime.buckets.request import Asked

    return Asked.of(source, planner, wishes.get("shapes"), buckets, samples, wishes.get("custom_ops") or (), progress)


def explored(made: Planner, what_if: Sequence[str] = (), limit: int = 0) -> Plan:
    """The plan with what was supposed, and up to `limit` of the changes that would pay most."""
    import attrs

    plan = made.plan()
    if not what_if and limit < 1:
        return plan
    from zif.planning.whatif.counterfactual import counterfactuals
    from zif.planning.whatif.counterfactual import what_if as suppose

    asked = (suppose(made, what_if),) if what_if else ()
    return attrs.evolve(plan, counterfactuals=(*asked, *(counterfactuals(made, limit) if limit > 0 else ())))


def explained(made: Planner, plan: Plan, units: Sequence[str], what_if: Sequence[str] = ()) -> Explained:
    """Who said what of these units (see `zif.planning.why`), in the plan or in the one that it would be if `what_if`.

    Raises UsageError for a unit that is not there, and what planning raises.
    """
    from zif.planning.why import explained as explain

    if what_if:
        from zif.planning.whatif.hypothesis import suppose

        plan = suppose(made, what_if).planner.plan()
    return explain(plan, made.model, units, what_if)


def names_of(names: Sequence[str] | str | None) -> tuple[str, ...]:
    """Names as a tuple, of which a single one may be given as it is."""
    return (names,) if isinstance(names, str) else tuple(names or ())
