"""The five hooks: the whole contract between core and a backend, on one screen.

A backend is a module with functions of these names, each marked `@zif.hookimpl`, and one entry point in the group
`zif.backends`. Leave out the arguments that you do not need, and the hooks whose default is good enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pluggy

if TYPE_CHECKING:
    from zif.model import Model
    from zif.records import Arrays, Capabilities, Compiled, Converted, Executable, Target

GROUP = "zif.backends"

hookspec = pluggy.HookspecMarker("zif")
hookimpl = pluggy.HookimplMarker("zif")


class BackendHooks(Protocol):
    """What a backend can implement. Each hook stops at the first answer that is not None."""

    @hookspec(firstresult=True)
    def capabilities(self, target: Target, model: Model | None) -> Capabilities:
        """Say what you can do for `target`, and your verdict on every unit of `model` when there is one.

        Asked first, often, and on machines without your device: have no side effects, and answer what is missing in
        `Capabilities.reason` instead of raising. Required.
        """

    @hookspec(firstresult=True)
    def convert(self, model: Model, target: Target, options: Any) -> Converted:
        """Bring one segment into the form that your compiler takes. Raise `Unsupported` for what you cannot take.

        Default: the segment's ONNX model as it is.
        """

    @hookspec(firstresult=True)
    def compile(self, converted: Converted, target: Target, options: Any) -> Compiled:
        """Make the artifact: everything that `load` needs, on this machine or another, tomorrow.

        Must be a function of its arguments: core keeps the result by their content. Default: the converted ONNX model.
        """

    @hookspec(firstresult=True)
    def load(self, compiled: Compiled, options: Any, shared: bool) -> Executable:
        """Open an artifact of your own `compile` on this machine and return what runs it. Required.

        `shared` says that other segments take turns with this one in the same session: idle threads must not spin.
        """

    @hookspec(firstresult=True)
    def execute(self, executable: Executable, inputs: Arrays) -> Arrays:
        """Run once. For observers who want to see every run; sessions call `executable.run` directly.

        Default: `executable.run(inputs)`.
        """
