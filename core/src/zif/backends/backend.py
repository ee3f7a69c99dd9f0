"""One backend behind typed methods: five stages, its options, and errors that say whose fault it was."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs

from zif.backends import relay
from zif.backends.answers import malformed, unfit
from zif.backends.blame import blaming, from_signal
from zif.backends.deadline import T, within
from zif.backends.options import build_options
from zif.backends.timeline import span
from zif.errors import BackendBroken
from zif.records import Arrays, Capabilities, Certificate, Compiled, Converted, Executable, Installed, Stage, Target

if TYPE_CHECKING:
    import pluggy

    from zif.model import Model
    from zif.verdicts.observed import Table


class Backend:
    """A plugin on a relay of its own. Every method raises ZifError subclasses only.

    What a stage raises by itself comes out as StageFailed with the cause chained; what it raises as a ZifError comes
    out as it is. apart: nobody saw that what it does leaves the process alive, so its stages are done in a worker.
    """

    apart = False

    def __init__(self, info: Installed, hooks: pluggy.PluginManager) -> None:
        self.name = info.name
        self.distribution = info.distribution
        self.version = info.version
        self.info = info
        self.stages: tuple[Stage, ...] = relay.stages(hooks)
        self._hook = hooks.hook

    @classmethod
    def open(cls, info: Installed) -> Backend:
        """Import the plugin's module and check it against the contract. Raises BackendBroken."""
        try:
            plugin = _import(info.module)
        except BaseException as error:
            if from_signal(error):
                raise
            why = f"{type(error).__name__}: {error}"
            raise BackendBroken(f"{info.owner} cannot be imported: {why}. Tell its author, or uninstall it.") from error
        return cls(info, relay.build(plugin, info.owner))

    def capabilities(
        self, target: Target, model: Model | None = None, *, deadline: float | None = None
    ) -> Capabilities:
        """What it can do for `target`, with a verdict on every unit of `model`, settled with what was observed.

        deadline: seconds after which a backend that does not answer counts as broken (None waits).
        """
        answer = self._stage("capabilities", lambda: self._asked(target, model, deadline))
        if not isinstance(answer, Capabilities):
            raise BackendBroken(f"{self._who}: capabilities returned {type(answer).__name__}, not zif.Capabilities")
        self._refuse("capabilities", malformed(answer))
        return answer if model is None else self._settled(answer, model, target)

    @cached_property
    def observations(self) -> Table | None:
        """What the plugin ships of how it was seen to behave. Raises BackendBroken for a file that is no table."""
        from zif.verdicts.shipped import shipped

        return shipped(self.info)

    def options(self, values: Mapping[str, Any] | None, target: Target, *, deadline: float | None = None) -> Any:
        """The backend's typed options from a mapping. Raises UsageError for an unknown key or an impossible value."""
        kind = self.capabilities(target, deadline=deadline).options
        return build_options(kind, values or {}, self.name)

    def convert(self, model: Model, target: Target, options: Any) -> Converted:
        """Bring one segment into the form that the backend's compiler takes."""
        call = lambda: self._hook.convert(model=model, target=target, options=options)  # noqa: E731
        return self._checked("convert", call, Converted)

    def compile(self, converted: Converted, target: Target, options: Any) -> Compiled:
        """Make the artifact, without its certificate."""
        call = lambda: self._hook.compile(converted=converted, target=target, options=options)  # noqa: E731
        return self._checked("compile", call, Compiled)

    def certify(self, compiled: Compiled, toolchain: str, target: Target, options: Any) -> Compiled:
        """The artifact with its birth certificate: who made it, with what, for which target, and a hash of it."""
        certificate = Certificate(
            self.name, self.version, toolchain, target.name, attrs.asdict(options), content_digest(compiled)
        )
        return attrs.evolve(compiled, certificate=certificate)

    def load(self, compiled: Compiled, options: Any, *, shared: bool = False) -> Executable:
        """Open an artifact on this machine; `shared` when other segments take turns with it.

        Refuses the artifact of another backend.
        """
        born = compiled.certificate
        if born is not None and born.backend != self.name:
            raise BackendBroken(f"{self._who} was handed an artifact that {born.backend!r} made; compile it again")
        call = lambda: self._hook.load(compiled=compiled, options=options, shared=shared)  # noqa: E731
        executable: Executable = self._stage("load", call)
        with blaming(self._who, "load", BackendBroken):
            self._refuse("load", unfit(executable))
        return executable

    def execute(self, executable: Executable, inputs: Arrays) -> Arrays:
        """Run once through the hook, so that observers see it. Sessions without observers call `executable.run`."""
        answer: Arrays = self._stage("execute", lambda: self._hook.execute(executable=executable, inputs=inputs))
        return answer

    @property
    def _who(self) -> str:
        return self.info.owner

    def _asked(self, target: Target, model: Model | None, deadline: float | None) -> Any:
        def call() -> Any:
            return self._hook.capabilities(target=target, model=model)

        return call() if deadline is None else within(deadline, call, f"{self._who} did not answer")

    def _settled(self, answer: Capabilities, model: Model, target: Target) -> Capabilities:
        from zif.verdicts.shipped import with_observations

        return with_observations(answer, model, target, self.observations, self.name)

    def _checked(self, stage: Stage, call: Callable[[], Any], kind: type[T]) -> T:
        answer = self._stage(stage, call)
        if not isinstance(answer, kind):
            raise BackendBroken(f"{self._who}: {stage} returned {type(answer).__name__}, not zif.{kind.__name__}")
        self._refuse(stage, malformed(answer))
        return answer

    def _refuse(self, stage: Stage, problem: str) -> None:
        if problem:
            raise BackendBroken(f"{self._who}: {stage} returned {problem}")

    def _stage(self, stage: Stage, call: Callable[[], T]) -> T:
        with blaming(self._who, stage), span(f"{_SHOWN.get(stage, stage)} {self.name}", _SHOWN.get(stage, stage)):
            try:
                return call()
            except BaseException as error:
                relay.forgotten(error)
                raise


#: What a stage is called where it is shown.
_SHOWN = {"capabilities": "probe"}


def content_digest(compiled: Compiled) -> str:
    """sha256 over the names and contents of the artifact's own files.

    A file that is only referred to (a Path) counts by name and size: weights are hashed where they are copied.
    """
    total = hashlib.sha256()
    for name, content in sorted(compiled.files.items()):
        total.update(f"{name}\0".encode())
        total.update(content if isinstance(content, bytes) else str(content.stat().st_size).encode())
    return total.hexdigest()


def _import(spec: str) -> Any:
    module, _, attribute = spec.partition(":")
    loaded = importlib.import_module(module)
    return getattr(loaded, attribute) if attribute else loaded
