"""The public verbs: plan, load, compile. Each takes a model (path, bytes or ModelProto) and says what it cannot do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve

from zif.backends.timeline import span
from zif.errors import UsageError
from zif.model.arguments import Progress
from zif.planning.segment import POLICIES
from zif.runtime.reloading import may_rest

if TYPE_CHECKING:
    from zif.backends.config import Given
    from zif.model import Model
    from zif.model.arguments import Source
    from zif.planning.constraints import Constraints
    from zif.planning.plan import Plan, Request
    from zif.planning.planner import Planner
    from zif.planning.why import Explained
    from zif.records import Target
    from zif.runtime.buckets.request import Asked
    from zif.runtime.build import Builder
    from zif.runtime.packages import Variant
    from zif.runtime.session import Session
    from zif.runtime.session.events import OnFault
    from zif.runtime.to_bundle import Compilation
    from zif.runtime.verification.bench import Sample
    from zif.runtime.verified import Verified

#: What shapes a plan among the arguments of `load`, which declares and explains them; the others shape the session.
WISHES = ("shapes", "pin", "only", "exclude", "strict", "emulate", "config", "constraints", "isolate", "custom_ops")


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
    return explored(planner(source, target, policy, assume=assume, **wishes), _names(what_if), counterfactuals)


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
    wishes: dict[str, Any]
    refuse_start(start)
    more: dict[str, Any] = {"on_fault": on_fault, "cache": cache, "verify": verify, "samples": samples}
    if is_bundle(source):
        from zif.runtime.from_bundle import load_bundle

        wishes = {"shapes": shapes, "policy": policy, "pin": pin, "only": only, "exclude": exclude, "strict": strict}
        refuse_wishes(**wishes, config=config, constraints=constraints, on_fault=on_fault, start=start, buckets=buckets)
        if verify not in ("off", "first"):
            raise UsageError("a bundle has no model to be held against: `zif verify MODEL --bundle BUNDLE` does it")
        folder = Path(source)  # type: ignore[arg-type]
        option_values: dict[str, Any] = {"isolate": isolate, "trusted_only": trusted_only, "custom_ops": custom_ops}
        option_values |= {"trusted_key": trusted_key}
        session = load_bundle(folder, target, **option_values)
        return may_rest(session, source, lambda same: load(same, target, **option_values))
    check_trusted(source, trusted_only or trusted_key is not None)
    variant = _variant(source, target)
    told = () if variant is None else (variant.event(Path(source)),)  # type: ignore[arg-type]
    source = source if variant is None else variant.model
    wishes = {"shapes": shapes, "pin": pin, "only": only, "exclude": exclude, "strict": strict}
    wishes |= {"emulate": emulate, "config": config, "constraints": constraints, "isolate": isolate}
    wishes |= {"custom_ops": custom_ops}
    check_verify(verify)
    bucketing = _several(shapes, buckets)
    if start:
        if bucketing:
            raise UsageError("start='cpu' is for one size: give several sizes without it")
        from zif.runtime.started import load_at_once

        check_policy(policy)

        def onward(model: Model, told: Progress) -> Session:
            return load(model, target, policy, progress=told, **wishes, **more)

        def planned(onnx: Any, name: str, options: Mapping[str, Any]) -> Session:
            its = {name: options} if options else None
            alike: dict[str, Any] = {"config": its, "isolate": isolate, "cache": cache, "exclude": exclude}
            return load(onnx, only=name or None, shapes=shapes, custom_ops=custom_ops, **alike)

        session = load_at_once(source, target, wishes, onward, planned, samples, progress)
        session.events.extend(told)
        return may_rest(session, source, lambda same: load(same, target, policy, **wishes, **more))

    def opened(made: Planner, fed: Sequence[Sample] | None = samples) -> Session:
        building = builder(made, cache, progress)
        if verify == "units":
            from zif.runtime.verified import build_verified

            building = build_verified(building, fed, progress).builder
        return building.session(on_fault)

    if bucketing:
        from zif.runtime.buckets.loading import load_buckets

        asked = bucketed(source, buckets, samples, progress, **wishes)
        session = load_buckets(asked, target, policy, wishes, opened, cache, progress)
        session = _watched(session, asked.model, on_fault, verify)
        more |= {"buckets": buckets}
        return may_rest(session, source, lambda same: load(same, target, policy, **wishes, **more))
    made = planner(source, target, policy, progress=progress, **wishes)
    session = opened(made)
    session = _watched(session, made.model, on_fault, verify)
    session.events.extend(told)
    beside = made.model.external_files().values()
    return may_rest(session, source, lambda same: load(same, target, policy, **wishes, **more), beside)


def _several(shapes: Mapping[str, Any] | None, buckets: Any) -> bool:
    if not shapes and buckets is None:
        return False
    from zif.runtime.buckets.sizes import several

    return several(shapes, buckets)


def bucketed(
    source: Source, buckets: Any, samples: Sequence[Sample] | None, progress: Progress | None = None, **wishes: Any
) -> Asked:
    """A model and the buckets that were asked for, as `load` takes them. Raises UsageError."""
    from zif.runtime.buckets.request import Asked

    return Asked.of(source, planner, wishes.get("shapes"), buckets, samples, wishes.get("custom_ops") or (), progress)


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


def refuse_start(start: str) -> None:
    """Raise UsageError for a way to start that there is not."""
    if start not in ("", "cpu"):
        raise UsageError(f"start={start!r}: must be 'cpu', or be left out")


def check_verify(verify: str) -> None:
    """Raise UsageError for a way to verify that there is not."""
    if verify not in ("off", "first", "outputs", "units"):
        raise UsageError(f"verify={verify!r}: must be off, first, outputs or units")


def check_policy(policy: str) -> None:
    """Raise UsageError for a policy that there is not."""
    if policy not in POLICIES:
        raise UsageError(f"unknown policy {policy!r}; known: {', '.join(POLICIES)}")


def check_trusted(source: Source, trusted_only: bool) -> None:
    """Raise UsageError for a model of which its maker is asked. A bundle's is seen when it is opened."""
    if trusted_only and not is_bundle(source):
        raise UsageError(
            "trusted-only and trusted-key are for bundles, which carry a seal or signature; a model carries none"
        )


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
            _names(target), policy, wishes, partial(builder, cache=cache, progress=progress), _names(also), verify, sign
        )
        return compile_buckets(asked, asked.findings(cache, progress), output, work, overwrite, progress)
    custom_ops = wishes.get("custom_ops") or ()
    model = Model.load(as_onnx(source, wishes.get("shapes"), progress, cache), wishes.get("shapes"), custom_ops)

    def build(name: str) -> Builder:
        made = builder(planner(model, name, policy, progress=progress, **wishes), cache, progress, _names(also))
        return evolve(made, fresh=True)

    def verified(made: Builder) -> Verified:
        from zif.runtime.verified import build_verified

        return build_verified(made, samples, progress)

    return compile_model(model, output, _names(target), build, overwrite, verified if verify else None, sign=sign)


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

    _refuse_unknown(wishes)
    check_policy(policy)
    demands = Constraints.parse(wishes.get("constraints"))
    variant = _variant(source, target)
    told = () if variant is None else (variant.told(Path(source)),)  # type: ignore[arg-type]
    source = source if variant is None else variant.model
    model = _model(source, wishes.get("shapes") or {}, progress, wishes.get("custom_ops") or ())
    chip = find(target)
    request = _request(chip, demands.policy(policy), demands, wishes, assume)
    request = evolve(request, custom_ops=tuple(library.name for library in model.custom_ops))
    isolate = bool(wishes.get("isolate", False))
    with span(f"planning {model.name} for {chip.name}", "plan"):
        made = settled(Planner.of(model, chip, request, progress, isolate, demands), demands)
    return evolve(made, notes=told)


def _refuse_unknown(wishes: Mapping[str, Any]) -> None:
    """Raise TypeError, as Python does, for an argument that nobody takes."""
    unknown = [name for name in wishes if name not in WISHES]
    if unknown:
        raise TypeError(f"unexpected keyword argument {unknown[0]!r}; what shapes a plan is {', '.join(WISHES)}")


def _request(chip: Target, policy: str, demands: Constraints, wishes: Mapping[str, Any], assume: str) -> Request:
    """What the plan is asked for, as it is told."""
    from zif.backends.config import settle
    from zif.planning.plan import Request

    return Request(
        target=chip.name,
        policy=policy,
        shapes={name: tuple(dims) for name, dims in (wishes.get("shapes") or {}).items()},
        pin=dict(wishes.get("pin") or {}),
        only=_names(wishes.get("only")),
        exclude=_names(wishes.get("exclude")),
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


def _model(
    source: Source,
    shapes: Mapping[str, Sequence[int]],
    progress: Progress | None,
    custom_ops: Sequence[str | Path] | str | Path,
) -> Model:
    """The model with these shapes; not read again when it has them already."""
    from zif.model import Model

    if isinstance(source, Model):
        known = source.tensors
        if all(name in known and known[name].shape == tuple(dims) for name, dims in shapes.items()):
            return source
    from zif.runtime.frontends.verb import as_onnx

    return Model.load(as_onnx(source, shapes, progress), shapes, custom_ops)


def _names(names: Sequence[str] | str | None) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names or ())


def refuse_wishes(**wishes: Any) -> None:
    """Raise UsageError for wishes that shape a plan: a bundle's is made, with one artifact for each segment."""
    refused = [name for name, value in wishes.items() if value and value not in ("fail", "balanced")]
    if refused:
        raise UsageError(
            f"a bundle is planned and built already: give {', '.join(map(repr, refused))} when you compile it"
        )


def _variant(source: Any, target: str) -> Variant | None:
    """The variant of a model package for a target; None for any other source, for which nothing is imported."""
    if not isinstance(source, (str, Path)) or not Path(source).is_dir():
        return None
    from zif.runtime.packages import picked

    return picked(source, target)


def is_bundle(source: Any) -> bool:
    """Whether it is the folder of a bundle, and not one that a framework keeps a model in."""
    if not isinstance(source, (str, Path)) or not Path(source).is_dir():
        return False
    from zif.artifacts.bundle.contexts import is_package
    from zif.files.kinds import kind_of

    if is_package(Path(source)):
        return False
    return (Path(source) / "manifest.json").exists() or kind_of(Path(source)) is None
