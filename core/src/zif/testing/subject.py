"""The backend under test, driven as core drives it: verdicts, convert, compile, load, run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from zif.backends.apart import stand_in
from zif.backends.isolation import close_idle
from zif.backends.registry import backend
from zif.model import Model
from zif.records import Capabilities, Compiled, Executable, Target, Verdict
from zif.runtime.build import compiled_by
from zif.targets import target as find

if TYPE_CHECKING:
    import onnx

    from zif.backends.backend import Backend


@frozen(eq=False)
class Subject:
    """A backend for a target. `general` is what it says without a model."""

    backend: Backend
    target: Target
    general: Capabilities

    @classmethod
    def open(cls, name: str, target: str, *, apart: bool = False) -> Subject:
        """Find the backend, and the worker that stands for it when it asks to be isolated, or always when `apart`."""
        chip, opened = find(target), backend(name)
        general = opened.capabilities(chip, deadline=60)
        if apart:
            general = evolve(general, isolate=True)
        return cls(stand_in(opened, general, chip) if general.available else opened, chip, general)

    def verdicts(self, model: Model) -> Mapping[str, Verdict]:
        """Its verdict on every unit."""
        return self.backend.capabilities(self.target, model).verdicts

    def claims(self, model: Model) -> bool:
        """Whether it says that it runs the whole model. One without units, all constants, needs nobody."""
        verdicts = self.verdicts(model)
        return bool(model.units) and all(
            unit.id in verdicts and verdicts[unit.id].supported is True for unit in model.units
        )

    def options(self, **option_values: Any) -> Any:
        """Its typed options."""
        return self.backend.options(option_values, self.target)

    def compiled(self, model: Model, **options: Any) -> Compiled:
        """An artifact of the whole model, certified."""
        return compiled_by(self.backend, model, self.target, self.options(**options), self.general.toolchain)

    def load(self, model: Model, **options: Any) -> Executable:
        """An executable of the whole model."""
        return self.backend.load(self.compiled(model, **options), self.options(**options))

    def run(self, proto: onnx.ModelProto | Model, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Load, run once, close."""
        executable = self.load(Model.load(proto))
        try:
            return dict(executable.run(inputs))
        finally:
            executable.close()

    def close(self) -> None:
        """End the worker, if there is one."""
        close_idle()
