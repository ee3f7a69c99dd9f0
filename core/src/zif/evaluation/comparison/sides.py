"""What is compared: a model for a target or on backends, a bundle, or a session that is open already."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from zif.errors import UsageError
from zif.model.arguments import Progress

if TYPE_CHECKING:
    from zif.model import Model
    from zif.model.arguments import Source
    from zif.planning import Plan
    from zif.runtime.session import Session


@frozen(eq=False)
class Side:
    """One of the two: a model (read already), the folder of a bundle, or a session of the caller's.

    `label` is what readers see. `backends` are the only ones that take part, all of them when there are none;
    `policy` is that of the plan, `custom_ops` are the libraries of operators that a bundle is loaded with: a model has
    its own.
    """

    label: str
    model: Model | None = None
    folder: Path | None = None
    session: Session | None = field(default=None, repr=False)
    target: str = "host"
    backends: tuple[str, ...] = ()
    policy: str = "balanced"
    custom_ops: tuple[Path, ...] = ()

    def open(self, progress: Progress | None = None) -> Session:
        """A session on it as its users get it; the caller's own where that was given."""
        from zif.runtime import verbs

        if self.session is not None:
            return self.session
        if self.folder is not None:
            return verbs.load(self.folder, self.target, custom_ops=self.custom_ops)
        assert self.model is not None
        return verbs.load(self.model, self.target, **self._wanted, progress=progress)

    def observed(self, model: Model, plan: Plan, progress: Progress | None = None) -> Session:
        """A session on `model`, the side's own with further outputs, every unit where `plan` has it.

        Without that, so many outputs would be transfers enough to move the whole to another backend.
        """
        from zif.runtime import verbs

        pin = {literal(unit.name): unit.backend for unit in plan.units}
        return verbs.load(model, self.target, **self._wanted, pin=pin, cache=False, progress=progress)

    @property
    def _wanted(self) -> dict[str, Any]:
        emulate = bool(self.backends)  # naming an emulator asks for it
        return {"policy": self.policy, "only": self.backends, "emulate": emulate, "verify": "off"}

    def close(self, opened: Session) -> None:
        """Close what `open` gave, unless it is the caller's."""
        if opened is not self.session:
            opened.close()

    def reshaped(self, shapes: Mapping[str, Sequence[int]]) -> Side:
        """The same with the shapes of these inputs fixed."""
        return evolve(self, model=self.model._reshaped(shapes)) if self.model is not None and shapes else self


def literal(name: str) -> str:
    """The pattern for --pin that this unit alone matches."""
    return re.sub(r"([\[*?])", r"[\1]", name)


def side(
    source: Source | Session | str,
    target: str = "",
    shapes: Mapping[str, Sequence[int]] | None = None,
    policy: str = "balanced",
    custom_ops: Sequence[str | Path] | str | Path = (),
) -> Side:
    """The side that `source` describes: a model, a bundle's folder, a session, or "PATH@WHERE".

    WHERE is a target, one or several backends, or both with commas between: "m.onnx@some-chip",
    "m.onnx@my_npu", "m.onnx@some-chip,my_npu". A path that exists is taken whole, whatever it contains. `target` is for
    sources that name none, `shapes` and `policy` for models: a bundle has its own. `custom_ops` are libraries of
    operators for both. Raises UsageError and InvalidModel.
    """
    from zif.model.engines import libraries
    from zif.runtime.session import Session
    from zif.runtime.sources import is_bundle

    if isinstance(source, Session):
        return Side(f"{source.plan.model} ({source.plan.target})", session=source, target=source.plan.target)
    where = ""
    if isinstance(source, str) and not Path(source).exists() and "@" in source:
        source, _, where = source.rpartition("@")
    named, backends = _where(where)
    if named and target and named != target:
        raise UsageError(f"@{where} names the target {named}, and {target} is asked for beside it: which one is meant?")
    target = named or target or "host"
    if isinstance(source, (str, Path)) and is_bundle(source):
        if backends:
            raise UsageError(f"{source} is a bundle: its backends were settled when it was compiled")
        label = _label(Path(source).name, target, ())
        return Side(label, folder=Path(source), target=target, custom_ops=libraries(custom_ops))
    return evolve(_of_model(source, target, backends, shapes, custom_ops), policy=policy)


def _of_model(source: Source, target: str, backends: tuple[str, ...], shapes: Any, custom_ops: Any) -> Side:
    from zif.model import Model
    from zif.runtime.frontends.verb import as_onnx

    model = Model.load(as_onnx(source, shapes), shapes or None, custom_ops)
    name = Path(source).name if isinstance(source, (str, Path)) else model.name
    return Side(_label(name, target, backends), model, None, None, target, backends)


def _label(name: str, target: str, backends: tuple[str, ...]) -> str:
    where = [", ".join(backends)] if backends else []
    return f"{name} on {' for '.join([*where, target] if target != 'host' or not where else where)}"


def _where(text: str) -> tuple[str, tuple[str, ...]]:
    """The target ("" for none) and the backends that the words name. Raises UsageError."""
    from zif.backends.registry import installed
    from zif.targets import target as find

    known = {row.name for row in installed()}
    words = [word.strip() for word in text.split(",") if word.strip()]
    backends = tuple(word for word in words if word in known)
    targets = [word for word in words if word not in known]
    if len(targets) > 1:
        raise UsageError(f"@{text}: {' and '.join(targets)} are no backends, and one target is what a model runs on")
    try:
        return (find(targets[0]).name if targets else ""), backends
    except UsageError as error:
        names = ", ".join(sorted(known))
        raise UsageError(f"@{text}: no backend is called {targets[0]!r} (installed: {names}). {error}") from None
