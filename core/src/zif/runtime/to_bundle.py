"""From a model to a bundle for one or several targets: plan, build every segment, write it all or nothing."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen

from zif.artifacts.bundle.layout import CONSTANTS, SESSION, SESSION_SCHEMA, VERIFICATION, VERIFICATION_SCHEMA
from zif.errors import UsageError, ZifError
from zif.runtime.extra_formats import check_known, check_made
from zif.runtime.verified import Verified

if TYPE_CHECKING:
    from zif.model import Model
    from zif.planning import Plan
    from zif.runtime.buckets.checking import Finding
    from zif.runtime.build import Builder
    from zif.runtime.session import Event
    from zif.runtime.verification import Verification


@frozen
class Compilation:
    """What `compile` wrote: the bundle's folder, and per target its plan and what happened while it was built.

    buckets: of a bundle of several sizes, the same for each; the plans are then those of the real shape.
    """

    folder: Path
    plans: Mapping[str, Plan]
    events: Mapping[str, tuple[Event, ...]]
    verification: Mapping[str, Verification]
    buckets: tuple[Built, ...] = ()


@frozen
class Built:
    """One bucket of a bundle: its sizes in words, what was found of padding, and what was built for it."""

    label: str
    finding: Finding
    made: Compilation


def compile_model(
    model: Model,
    folder: str | Path,
    targets: Sequence[str],
    build: Callable[[str], Builder],
    overwrite: bool = False,
    verified: Callable[[Builder], Verified] | None = None,
    more: Mapping[str, bytes | Path] | None = None,
    sign: str | Path | None = None,
) -> Compilation:
    """Build every target's segments with `build(target)` and write the bundle. Raises ZifError subclasses.

    more: further files, by their path in the bundle. sign: a private key in PEM.
    verified: builds what a builder plans and holds it against a judge; without, what is built is believed.
    """
    from zif.artifacts.bundle import check_place, write_bundle
    from zif.artifacts.bundle.signing import key_to_sign
    from zif.model.encodings.config import at_outputs, encodings

    check_place(folder, overwrite)
    key = key_to_sign(sign) if sign is not None else None
    builders, kinds = _builders(targets, build)
    results = {name: _artifacts(builder, verified) for name, builder in builders.items()}
    built = {name: (result.builder, result.plan, result.artifacts) for name, result in results.items()}
    checked = {name: result.verification for name, result in results.items() if result.verification is not None}
    plans = {name: plan for name, (_, plan, _) in built.items()}
    for builder in builders.values():
        check_made(builder.also, kinds, {backend for plan in plans.values() for backend in plan.backends})
    quantization = encodings(model)
    place = write_bundle(
        folder,
        {name: plan.to_json() for name, plan in plans.items()},
        {
            (s.id, name): segment
            for name, (_, plan, made) in built.items()
            for s, segment in zip(plan.segments, made, strict=True)
        },
        labels=_labels([(builder, plan) for builder, plan, _ in built.values()]),
        inputs=model.inputs,
        outputs=model.outputs,
        ranges=quantization and quantization["activations"] | at_outputs(model),
        quantization=quantization,
        versions=_versions(plans),
        extras={**_extras(model, [plan for _, plan, _ in built.values()], checked), **(more or {})},
        overwrite=overwrite,
        sign=key,
    )
    events = {name: tuple(builder.events) for name, (builder, _, _) in built.items()}
    return Compilation(place, plans, events, checked)


def _builders(
    targets: Sequence[str], build: Callable[[str], Builder]
) -> tuple[dict[str, Builder], dict[str, type[Any]]]:
    """A builder for each target, by its name, and the classes of options. Raises UsageError for one named twice."""
    builders = {builder.planner.target.name: builder for builder in map(build, targets)}
    if len(builders) < len(targets):
        raise UsageError(f"the same target is named twice: {', '.join(targets)}")
    kinds = _options(builders.values())
    for builder in builders.values():
        check_known(builder.also, kinds)
    return builders, kinds


def _options(builders: Iterable[Builder]) -> dict[str, type[Any]]:
    """The class of options of every backend that takes part for some target, by name."""
    everyone = [participant for builder in builders for participant in builder.planner.participants.by_name.values()]
    return {participant.backend.name: participant.capabilities.options for participant in everyone}


def _artifacts(builder: Builder, verified: Callable[[Builder], Verified] | None) -> Verified:
    try:
        return Verified(builder, *builder.artifacts(), None) if verified is None else verified(builder)
    except ZifError as error:
        error.add_note(f"while compiling for {builder.planner.target.name}")
        raise


def _labels(built: Sequence[tuple[Builder, Plan]]) -> dict[tuple[int, str], str]:
    """What the files of artifacts are called where their backend says so, with the chip's name where two share that."""
    labels, targets = {}, defaultdict(set)
    for builder, plan in built:
        backends, name = builder.planner.participants.by_name, builder.planner.target.name
        for segment in plan.segments:
            label = backends[segment.backend].capabilities.artifact_label
            if label:
                labels[segment.id, name] = label
                targets[label].add(name)
    return {key: label if len(targets[label]) == 1 else f"{label}-{key[1]}" for key, label in labels.items()}


def _versions(plans: Mapping[str, Plan]) -> dict[str, Any]:
    """zif and every backend that takes part, with its toolchain."""
    from zif.backends.registry import core_version

    used = {name: backend for plan in plans.values() for name, backend in _used(plan).items()}
    return {"zif": core_version(), "backends": used}


def _used(plan: Plan) -> dict[str, Any]:
    return {
        candidate.name: {
            "distribution": candidate.distribution,
            "version": candidate.version,
            "toolchain": candidate.toolchain,
        }
        for candidate in plan.candidates
        if candidate.name in plan.backends
    }


def _extras(model: Model, plans: Sequence[Plan], checked: Mapping[str, Verification]) -> dict[str, bytes]:
    """What a session needs besides: the tensors between segments, the optional inputs, outputs that are constants.

    And what a reader wants to know: on what the numbers were verified.
    """
    import numpy as np

    edges = {name for plan in plans for segment in plan.segments for name in (*segment.inputs, *segment.outputs)}
    data = {
        "schema": SESSION_SCHEMA,
        "optional_inputs": [
            {**attrs.asdict(info), "read_by": [unit.id for unit in model.units if info.name in unit.weights]}
            for info in model.optional_inputs
        ],
        "tensors": [attrs.asdict(model.tensors[name]) for name in sorted(edges) if name in model.tensors],
    }
    extras = {SESSION: json.dumps(data, indent=1).encode()}
    if checked:
        told = {
            "schema": VERIFICATION_SCHEMA,
            "targets": {name: constants.to_json() for name, constants in checked.items()},
        }
        extras[VERIFICATION] = json.dumps(told, indent=1).encode()
    known = {info.name: model.array(info.name) for info in model.outputs if info.name in model.initializers}
    if known:
        stream = io.BytesIO()
        arrays: dict[str, Any] = {
            n: array.astype(str) if array.dtype.kind == "O" else array for n, array in known.items()
        }
        np.savez(stream, **arrays)
        extras[CONSTANTS] = stream.getvalue()
    return extras
