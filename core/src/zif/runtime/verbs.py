"""The public verbs: plan, load, compile. Each takes a model (path, bytes or ModelProto) and says what it cannot do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve

from zif.errors import UsageError
from zif.model.arguments import Progress
from zif.runtime.planners import bucketed, builder, explored, names_of, planner
from zif.runtime.refusals import (
    check_policy,
    check_trusted,
    check_verify,
    refuse_judging,
    refuse_start,
    refuse_wishes,
)
from zif.runtime.reloading import may_rest
from zif.runtime.sources import is_bundle, variant_of

if TYPE_CHECKING:
    from zif.backends.config import Given
    from zif.model import Model
    from zif.model.arguments import Source
    from zif.planning.constraints import Constraints
    from zif.planning.plan import Plan
    from zif.planning.planner import Planner
    from zif.runtime.build import Builder
    from zif.runtime.session import Session
    from zif.runtime.session.events import OnFault
    from zif.runtime.to_bundle import Compilation
    from zif.runtime.verification.bench import Sample
    from zif.runtime.verified import Verified


def plan(
    source: Source,
    target: str = "host",
    policy: str = "balanced",
    *,
    what_if: Sequence[str] | str = (),
    counterfactuals: int = 0,
    assume: str = "",
    **wishes: Any,
) -> Plan:
    """Place every unit of a model and say why. Compiles nothing, reads no weights.

    what_if: changes that are supposed, all together, such as "my_npu+Erf": see `zif.planning.whatif.Change`.
    counterfactuals: how many of the changes that would pay most to look for. Both go into `plan.counterfactuals`.
    assume: "w8a8" or "w8a16" tells the costs of a float model as if it were quantized so. `wishes` are those of `load`:
    shapes, pin, only, exclude, strict, emulate, config, constraints, progress. Raises ZifError subclasses.
    """
    return explored(planner(source, target, policy, assume=assume, **wishes), names_of(what_if), counterfactuals)


def load(
    source: Source,
    target: str = "host",
    policy: str = "balanced",
    shapes: Mapping[str, Sequence[int]] | None = None,
    pin: Mapping[str, str] | None = None,
    only: Sequence[str] | str | None = None,
    exclude: Sequence[str] | str | None = None,
    strict: bool = False,
    emulate: bool = False,
    config: Given = None,
    constraints: Constraints | Mapping[str, Any] | None = None,
    on_fault: OnFault = "fail",
    cache: bool = True,
    isolate: bool = False,
    custom_ops: Sequence[str | Path] | str | Path = (),
    trusted_only: bool = False,
    trusted_key: str | Path | None = None,
    progress: Progress | None = None,
    verify: Literal["off", "first", "outputs", "units"] = "first",
    samples: Sequence[Sample] | None = None,
    start: Literal["", "cpu"] = "",
    buckets: int | Mapping[str, Any] | None = None,
) -> Session:
    """A session on a model, a bundle or a model package: planned, compiled (or taken from the cache) and loaded.

    shapes: fixes dynamic dimensions by input name. pin: unit-name pattern (or `op:Softmax`) → backend. only, exclude:
    backend names. strict: the whole model on one backend, or an error. emulate: let emulators take part on this
    machine. config: options per backend, as a mapping or the path of a configuration file. constraints: see
    `zif.Constraints`, such as {"min_precision": "fp16", "max_latency": "5ms"}. on_fault "fallback": a segment whose
    backend fails at run time moves to the next-best backend, and `session.events` says so. isolate: every backend runs
    in a worker process of its own, also those that do not ask for it (emulators do); a crash there is a BackendCrashed.
    custom_ops: libraries that register operators which ONNX does not have, for the engines that load such. verify
    "first": on an emulator the first run, and each later one whose numbers are larger or smaller than those before it,
    is held against a judge; an event says what is wrong, and with on_fault "fallback" the judge's outputs are given.
    verify "units": before the session opens, every segment is held against a judge on `samples` (see `compile`), and
    units that prove wrong leave their backend. verify "outputs": every run is held against a judge, which costs two
    runs on the CPU, and outputs that prove wrong are a WrongResult; with on_fault "fallback" the judge's are given
    instead, and an event says so. trusted_only: refuse what this user's zif did not make: a bundle without this user's
    seal, and every model. trusted_key: refuse every bundle that the key in this PEM file (Ed25519; its public half is
    enough) did not sign, and every model. start "cpu": the session runs on the CPU at once, with the model as it
    stands, and goes over to the target between two runs when that is compiled and held against a judge; see
    `Session.starting`. buckets: several sizes of a dimension, each with a plan of its own, the smallest fitting one
    chosen per run (see `zif.runtime.buckets`): how many to fit to the sizes of `samples`, or sizes by the name of a
    dimension, {"length": (64, 128)}; `shapes` with several sizes, {"x": (1, 3, 48, (160, 320))}, means the same.
    Raises ZifError subclasses.
    """
    refuse_start(start)
    wishes: dict[str, Any]
    if is_bundle(source):
        wishes = {"shapes": shapes, "policy": policy, "pin": pin, "only": only, "exclude": exclude, "strict": strict}
        refuse_wishes(**wishes, config=config, constraints=constraints, on_fault=on_fault, start=start, buckets=buckets)
        refuse_judging(verify)
        opening = {"isolate": isolate, "trusted_only": trusted_only, "custom_ops": custom_ops}
        return _from_bundle(source, target, opening | {"trusted_key": trusted_key})
    check_trusted(source, trusted_only or trusted_key is not None)
    variant = variant_of(source, target)
    source = source if variant is None else variant.model
    wishes = {"shapes": shapes, "pin": pin, "only": only, "exclude": exclude, "strict": strict}
    wishes |= {"emulate": emulate, "config": config, "constraints": constraints, "isolate": isolate}
    wishes |= {"custom_ops": custom_ops}
    more: dict[str, Any] = {"on_fault": on_fault, "cache": cache, "verify": verify, "samples": samples}
    check_verify(verify)
    bucketing, beside = _several(shapes, buckets), tuple[Path, ...]()
    if start:
        if bucketing:
            raise UsageError("start='cpu' is for one size: give several sizes without it")
        session = _started(source, target, policy, wishes, more, progress)
    elif bucketing:
        more |= {"buckets": buckets}
        session = _in_sizes(source, target, policy, wishes, more, progress)
    else:
        made = planner(source, target, policy, progress=progress, **wishes)
        session = _watched(_opened(made, more, progress), made.model, on_fault, verify)
        beside = tuple(made.model.external_files().values())
    session.events.extend(() if variant is None or bucketing else (variant.event(),))
    return may_rest(session, source, lambda same: load(same, target, policy, **wishes, **more), beside)


def _several(shapes: Mapping[str, Any] | None, buckets: Any) -> bool:
    if not shapes and buckets is None:
        return False
    from zif.runtime.buckets.sizes import several

    return several(shapes, buckets)


def _from_bundle(source: str | Path, target: str, opening: Mapping[str, Any]) -> Session:
    from zif.runtime.from_bundle import load_bundle

    session = load_bundle(Path(source), target, **opening)
    return may_rest(session, source, lambda same: load(same, target, **opening))


def _started(
    source: Source,
    target: str,
    policy: str,
    wishes: Mapping[str, Any],
    more: Mapping[str, Any],
    progress: Progress | None,
) -> Session:
    """A session on the CPU, which goes over to the target when that is ready. more: what shapes the session."""
    from zif.runtime.started import load_at_once

    check_policy(policy)

    def onward(model: Model, told: Progress) -> Session:
        return load(model, target, policy, progress=told, **wishes, **more)

    def planned(onnx: Any, name: str, options: Mapping[str, Any]) -> Session:
        alike = {key: wishes[key] for key in ("isolate", "exclude", "shapes", "custom_ops")}
        return load(onnx, only=name or None, config={name: options} if options else None, cache=more["cache"], **alike)

    return load_at_once(source, target, wishes, onward, planned, more["samples"], progress)


def _in_sizes(
    source: Source,
    target: str,
    policy: str,
    wishes: dict[str, Any],
    more: Mapping[str, Any],
    progress: Progress | None,
) -> Session:
    """A session with a plan for each bucket. more: what shapes the session, with `buckets`."""
    from zif.runtime.buckets.loading import load_buckets

    asked = bucketed(source, more["buckets"], more["samples"], progress, **wishes)

    def opened(made: Planner, fed: Sequence[Sample] | None = more["samples"]) -> Session:
        return _opened(made, {**more, "samples": fed}, progress)

    session = load_buckets(asked, target, policy, wishes, opened, more["cache"], progress)
    return _watched(session, asked.model, more["on_fault"], more["verify"])


def _opened(made: Planner, more: Mapping[str, Any], progress: Progress | None) -> Session:
    """What the planner placed, built and loaded; with verify "units" held against a judge before."""
    building = builder(made, more["cache"], progress)
    if more["verify"] == "units":
        from zif.runtime.verified import build_verified

        building = build_verified(building, more["samples"], progress).builder
    return building.session(more["on_fault"])


def _watched(session: Session, model: Model, on_fault: OnFault, verify: str) -> Session:
    if verify == "outputs":
        from zif.runtime.verification.watching import watch_outputs as watch
    elif verify == "first" and session.plan.emulated:
        from zif.runtime.verification.first import watch_first as watch
    else:
        return session
    try:
        watch(session, model, on_fault)
    except BaseException:
        session.close()
        raise
    return session


def compile(
    source: Source,
    output: str | Path,
    target: str | Sequence[str] = "host",
    policy: str = "balanced",
    *,
    also: Sequence[str] | str = (),
    overwrite: bool = False,
    cache: bool = True,
    progress: Progress | None = None,
    verify: bool = True,
    samples: Sequence[Sample] | None = None,
    buckets: int | Mapping[str, Any] | None = None,
    sign: str | Path | None = None,
    **wishes: Any,
) -> Compilation:
    """Build a model for one or several targets and write a bundle, which `load` opens on any of them without the model.

    output: the bundle's folder; a bundle that is there is replaced with `overwrite` only. The first target is the one
    that a reader gets who names none. also: forms of the same segments for other tools that go into the bundle, too,
    such as "dlc" or "source": options of the backends that make them. verify: run every segment on its backend's own
    arithmetic and hold it against a judge on the CPU; units that are further from it than their precision costs leave
    that backend, and the events say so. samples: what to verify with, sets of arrays by input name, or functions that
    give one; without, values are made from seeds. buckets, and shapes with several sizes: as `load` takes them; the
    bundle has all of them. sign: a private key (Ed25519 in PEM) to sign the bundle with. `wishes` are those of `load`.
    Raises ZifError subclasses; then nothing is written.
    """
    from zif.model import Model
    from zif.runtime.buckets.sizes import several
    from zif.runtime.frontends.verb import as_onnx
    from zif.runtime.to_bundle import compile_model

    if wishes.get("assume"):
        raise UsageError("what is assumed can be planned, not built: quantize the model, then compile it")
    if several(wishes.get("shapes"), buckets):
        from zif.runtime.to_buckets import Work, compile_buckets

        asked = bucketed(source, buckets, samples, progress, **wishes)
        work = Work(
            names_of(target),
            policy,
            wishes,
            partial(builder, cache=cache, progress=progress),
            names_of(also),
            verify,
            sign,
        )
        return compile_buckets(asked, asked.findings(cache, progress), output, work, overwrite, progress)
    custom_ops = wishes.get("custom_ops") or ()
    model = Model.load(as_onnx(source, wishes.get("shapes"), progress, cache), wishes.get("shapes"), custom_ops)

    def build(name: str) -> Builder:
        made = builder(planner(model, name, policy, progress=progress, **wishes), cache, progress, names_of(also))
        return evolve(made, fresh=True)

    def verified(made: Builder) -> Verified:
        from zif.runtime.verified import build_verified

        return build_verified(made, samples, progress)

    return compile_model(model, output, names_of(target), build, overwrite, verified if verify else None, sign=sign)
