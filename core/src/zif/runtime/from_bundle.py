"""A session from a bundle: its artifacts loaded by the backends of this machine; no model, no compiler, no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from zif.artifacts.bundle import Bundle, open_bundle
from zif.artifacts.bundle.layout import BUCKETS, CONSTANTS, SESSION, SESSION_SCHEMA
from zif.artifacts.bundle.manifest import MANIFEST
from zif.backends import registry
from zif.backends.apart import stand_in
from zif.backends.blame import let_go
from zif.backends.config import remarks
from zif.backends.deadline import deadline
from zif.backends.onnx_artifact import read_onnx
from zif.backends.survey import open_and_ask
from zif.backends.watched import watched
from zif.errors import BackendCrashed, BackendUnavailable, InvalidBundle, StageFailed, UsageError
from zif.files.records import record
from zif.model.engines import libraries
from zif.model.infer import skeleton
from zif.model.proof import Proof
from zif.planning import Plan
from zif.records import Compiled, TensorInfo
from zif.runtime.fit import GRADES, Fit, fit, ranked, sentence
from zif.runtime.session import Event, Session, Step
from zif.targets import host
from zif.targets import target as find
from zif.targets.this_machine import label_of

if TYPE_CHECKING:
    from zif.planning import Segment
    from zif.records import Array, Capabilities, Executable, Target


COMPILE = "Compile the model again with `zif compile`, on this machine or for this chip."
_AGAIN = "Build the bundle again with `zif compile`, or copy it again."


def load_bundle(
    folder: Path,
    target: str = "host",
    isolate: bool = False,
    *,
    trusted_only: bool = False,
    trusted_key: str | Path | None = None,
    custom_ops: Sequence[str | Path] | str | Path = (),
) -> Session:
    """A session on the bundle's artifacts for `target`; "host" takes what fits this machine best.

    trusted_only: refuse a bundle that this user's zif did not make. trusted_key: refuse one that the key in this PEM
    file did not sign. custom_ops: libraries of operators; a bundle brings
    none. The plan's segments say `hardware` or `emulator` as
    their backends are here, not as they were where the bundle was built. Raises InvalidBundle, UsageError for a target
    that the bundle is not for, BackendNotFound, BackendUnavailable, and what backends raise when they load.
    """
    bundle = open_bundle(folder, trusted_only=trusted_only, trusted_key=trusted_key)
    taken = choose(bundle, target)
    told = tuple(_fitting(taken, target))
    chip = find(taken.target)
    known = libraries(custom_ops)
    if BUCKETS not in bundle.files:
        return _session(bundle, chip, isolate, known, told)
    from zif.runtime.buckets.bundling import load_bundled

    def opened(inner: Path) -> Session:
        if trusted_key is not None:  # its manifest is a file of the bundle that was signed
            bundle.path((inner / MANIFEST).resolve().relative_to(bundle.folder).as_posix())
        whole = open_bundle(inner, trusted_only=trusted_only)
        return _session(whole, chip, isolate, known, told)

    return load_bundled(bundle, opened, lambda: _session(bundle, chip, isolate, known, told))


def _session(
    bundle: Bundle, chip: Target, isolate: bool, custom_ops: tuple[Path, ...], told: Sequence[Event] = ()
) -> Session:
    """The session on the artifacts of a bundle's own plan. told: what its user should know of the choice."""
    plan = plan_of(bundle, chip.name)
    readers, tensors = _known(bundle)
    optional = tuple(readers)
    loader = _Loader(bundle, chip, readers, shared=len(plan.segments) > 1, isolate=isolate)
    loader.custom_ops = custom_ops
    loader.events.extend(told)
    steps = loader.steps(plan.segments)
    plan = evolve(plan, segments=tuple(step.segment for step in steps))
    return Session(plan, steps, tensors, optional, loader.events, None, constants_of(bundle, plan.outputs))


def planned(folder: Path, target: str = "host") -> Plan:
    """The plan of the bundle's artifacts for `target`, as `load_bundle` chooses it; nothing is loaded."""
    bundle = open_bundle(folder)
    return plan_of(bundle, chosen(bundle, target).name)


def chosen(bundle: Bundle, target: str) -> Target:
    """Which of the bundle's targets to run: see `choose`."""
    return find(choose(bundle, target).target)


def choose(bundle: Bundle, target: str) -> Fit:
    """What the bundle holds for a chip, the best of its targets, looked at before anything is opened.

    A chip that the bundle is for gets its own, if that will do; another chip what fits it best. "host" is the chip that
    this machine is; a machine that is none takes the bundle's "host", else the first, as the one that compiled it does
    to try it out. Raises UsageError when nothing in it will do for the chip that was named, BackendUnavailable when it
    is for that chip and must be compiled again: chip, driver or release differ, and the error says which.
    """
    asked = find(target)
    if asked.is_host:
        return _for_this_machine(bundle, host())
    if asked.name in bundle.targets:
        own = fit(bundle, asked.name, asked)
        if own.grade != "recompile":
            return own
    fits = ranked(bundle, asked)
    good = [fit for fit in fits if fit.grade in ("optimal", "works") and fit.target != "host"]
    if good:
        return good[0]
    if asked.name in bundle.targets:
        raise BackendUnavailable(f"{bundle.folder}, {asked.name}: {'; '.join(own.reasons)}. {COMPILE}")
    raise UsageError(
        f"the bundle {bundle.folder} is for {', '.join(bundle.targets)}, not for {asked.name}: compile for it."
        f" {sentence(fits)}"
    )


def _for_this_machine(bundle: Bundle, here: Target) -> Fit:
    """The bundle's "host", or what fits the chip that this machine is; where it is none, engines emulate the first."""
    fits = ranked(bundle, here)
    own = [fit for fit in fits if fit.target == "host"]
    best = min(fits, key=lambda fit: (GRADES.index(fit.grade), fit.distance, -_agreeing(find(fit.target), here)))
    taken = own[0] if own and own[0].grade != "recompile" else best
    if taken.grade == "recompile":
        raise BackendUnavailable(f"{bundle.folder}: {sentence(fits)}. {COMPILE}")
    return taken


def _fitting(taken: Fit, target: str) -> Iterator[Event]:
    """What a user should know of the choice: that it is another chip's, and what keeps it from being the best."""
    asked = find(target)
    if not asked.is_host and asked.name != taken.target:
        yield Event("fit", "", None, f"for {asked.name} what was compiled for {taken.target} is taken: {taken.grade}")
    yield from (
        Event("fit", segment.backend, segment.segment, segment.reason) for segment in taken.segments if segment.reason
    )


def _agreeing(chip: Target, here: Target) -> int:
    """How many of a chip's own figures are those of this machine."""
    return sum(
        here.vendor.get(vendor, {}).get(name) == value
        for vendor, figures in chip.vendor.items()
        for name, value in figures.items()
    )


class _Loader:
    """Loads segments one by one, and closes those that it has when one of them cannot be loaded."""

    def __init__(
        self,
        bundle: Bundle,
        chip: Target,
        readers: Mapping[TensorInfo, frozenset[str]],
        *,
        shared: bool,
        isolate: bool,
    ) -> None:
        self.bundle, self.chip, self.readers, self.shared, self.isolate = bundle, chip, readers, shared, isolate
        self.events: list[Event] = []
        self.custom_ops: tuple[Path, ...] = ()

    def steps(self, segments: Sequence[Segment]) -> list[Step]:
        """Every segment, loaded."""
        done: list[Step] = []
        with ExitStack() as undo:
            for segment in segments:
                done.append(self._step(segment))
                undo.callback(done[-1].close)
            undo.pop_all()
        return done

    def _step(self, segment: Segment) -> Step:
        compiled = evolve(self.bundle.load_compiled(segment.id, self.chip.name), custom_ops=self.custom_ops)
        executable, general = self._load(segment, compiled)
        try:
            self.bundle.check_unchanged()
        except BaseException:
            let_go(executable, registry.owner(segment.backend))
            raise
        self._compare(segment, compiled, general)
        placed = evolve(segment, kind=general.kind, label=label_of(general, self.chip))
        texts = getattr(executable, "notes", ())
        self.events.extend(Event("note", segment.backend, segment.id, text) for text in texts)
        optional = [info.name for info, units in self.readers.items() if not units.isdisjoint(segment.units)]
        inputs = (*segment.inputs, *optional)
        proof = Proof(lambda: skeleton(read_onnx(compiled))) if compiled.format == "onnx" else None
        return Step(placed, executable, inputs, segment.outputs, proof, lambda: not self.bundle.is_own(), True)

    def _load(self, segment: Segment, compiled: Compiled) -> tuple[Executable, Capabilities]:
        row = next((row for row in registry.installed() if row.name == segment.backend), None)
        if row is None:
            registry.backend(segment.backend)  # raises BackendNotFound with the ones that are installed
        assert row is not None
        backend, general = open_and_ask(row, self.chip, deadline())
        if not general.available:
            raise BackendUnavailable(
                f"segment {segment.id} needs {segment.backend}, which cannot run: {general.reason}"
            )
        backend = stand_in(backend, general, self.chip, self.isolate)
        born = compiled.certificate
        options = backend.options(born.options if born else {}, self.chip)
        said = remarks(options, self.chip, general, segment.backend)
        known = {(event.backend, event.text) for event in self.events}
        self.events.extend(Event("note", segment.backend, None, t) for t in said if (segment.backend, t) not in known)
        try:
            executable = backend.load(compiled, options, shared=self.shared)
        except (StageFailed, BackendCrashed) as error:  # what a backend cannot open is an artifact that it did not make
            raise InvalidBundle(
                f"{self.bundle.folder}: segment {segment.id} cannot be opened: {error}. {_AGAIN}"
            ) from error
        return watched(backend, executable), general

    def _compare(self, segment: Segment, compiled: Compiled, general: Capabilities) -> None:
        """Note when the artifact was made with another version of the engine than the one that runs it."""
        born = compiled.certificate
        if born is not None and born.toolchain != general.toolchain:
            text = f"compiled with {born.toolchain or 'an unknown toolchain'}, this machine has {general.toolchain}"
            self.events.append(Event("toolchain", segment.backend, segment.id, text))


def plan_of(bundle: Bundle, target: str) -> Plan:
    """The bundle's plan for one of its targets. Raises InvalidBundle for one that cannot be read."""
    return Plan.from_json(bundle.plan(target), f"{bundle.folder}: its plan for {target} cannot be read", InvalidBundle)


@frozen
class _Optional(TensorInfo):
    """An optional input, and the units that read it."""

    read_by: tuple[str, ...] = ()


@frozen
class _Session:
    """What a bundle says of its session."""

    schema: str
    optional_inputs: tuple[_Optional, ...]
    tensors: tuple[TensorInfo, ...]


def _known(bundle: Bundle) -> tuple[dict[TensorInfo, frozenset[str]], dict[str, TensorInfo]]:
    """The optional inputs with the units that read each, and the tensors between segments."""

    def refuse(text: str) -> InvalidBundle:
        return InvalidBundle(f"{bundle.folder}: {text}. {_AGAIN}")

    known = record(_Session, bundle.document(SESSION), SESSION, refuse)
    if known.schema != SESSION_SCHEMA:
        raise refuse(f"{SESSION} has the schema {known.schema[:80]!r}, and this zif reads {SESSION_SCHEMA!r}")
    readers = {TensorInfo(row.name, row.type, row.shape): frozenset(row.read_by) for row in known.optional_inputs}
    return readers, {info.name: info for info in known.tensors}


def constants_of(bundle: Bundle, outputs: Sequence[TensorInfo]) -> dict[str, Any]:
    """Outputs that are known without running."""
    if CONSTANTS not in bundle.files:
        return {}
    from zif.files.archives import arrays_in
    from zif.inputs.files import as_declared

    infos = {info.name: info for info in outputs}
    with bundle.opened(CONSTANTS) as file:
        arrays = {name: array for name, array in arrays_in(file, CONSTANTS, InvalidBundle).items() if name in infos}
    made = {}
    for name, array in arrays.items():
        made[name] = array.astype(object) if array.dtype.kind in "US" else as_declared(array, infos[name])
        _check_constant(bundle, infos[name], made[name])
    return made


def _check_constant(bundle: Bundle, info: TensorInfo, array: Array) -> None:
    """A constant is of the output's own type and shape. Raises InvalidBundle."""
    dtype = "string" if array.dtype.kind == "O" else array.dtype.name
    if dtype != info.dtype or (info.static and array.shape != info.shape):
        what = f"{CONSTANTS} has {list(array.shape)} of {dtype} for the output {info.name!r}, which is {info.type}"
        raise InvalidBundle(f"{bundle.folder}: {what} {list(info.shape or ())}. {_AGAIN}")
