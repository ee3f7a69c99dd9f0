"""A model or a bundle held against a judge as it is planned, without changing anything: what `zif verify` tells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zif.errors import UsageError
from zif.model.arguments import Progress

if TYPE_CHECKING:
    from zif.model.arguments import Source
    from zif.planning import Plan
    from zif.planning.planner import Planner
    from zif.runtime.session import Session
    from zif.runtime.verification import Verification
    from zif.runtime.verification.bench import Sample


def verify(
    source: Source,
    target: str = "host",
    samples: Sequence[Sample] | None = None,
    *,
    bundle: str | Path | None = None,
    cache: bool = True,
    progress: Progress | None = None,
    **wishes: Any,
) -> Verification:
    """Run every segment on its backend's own arithmetic and hold it against a judge on the CPU.

    source: the model. bundle: the folder of a bundle that was compiled from it, to verify what that holds. samples:
    sets of arrays by input name, or functions that give one; None: values made from seeds. `wishes` are those of
    `zif.load`. Raises ZifError subclasses; UsageError for a bundle that was made of another model, BackendUnavailable
    where nothing can judge, InvalidInput where no values can be made.
    """
    from zif.runtime import planners, verbs
    from zif.runtime.verification import Bench

    if bundle is None:
        planner = planners.planner(source, target, progress=progress, **wishes)
        session = planners.builder(planner, cache, progress).session()
    else:
        session = verbs.load(bundle, target, progress=progress)
        planner = _planner_of(source, session, bundle, progress)
    with session:
        bench = Bench.of(planner, samples, progress, session.plan.backends)
        return bench.result(session.plan, bench.checks(session.steps))


def _planner_of(source: Source, session: Session, bundle: str | Path, progress: Progress | None) -> Planner:
    """The planner of the model that a bundle was made of, for what its backends say of themselves."""
    from zif.runtime import planners

    plan: Plan = session.plan
    shapes = dict(plan.request.shapes)
    planner = planners.planner(source, plan.target, shapes=shapes, emulate=bool(plan.emulated), progress=progress)
    if planner.model.fingerprint != plan.digest:
        name = planner.model.name
        raise UsageError(f"{bundle} was compiled from another model than {name}: give the one that it came from")
    return planner
