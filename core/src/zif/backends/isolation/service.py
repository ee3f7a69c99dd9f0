"""What a worker process is started for: a plugin in a role, and whose interpreter it runs in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from zif.records import Target

if TYPE_CHECKING:
    from zif.records import Installed


@frozen
class Service:
    """role: what is served there, see `child.ROLES`; spec: which one, as plain data or a record that can be a key.

    owner: who is to blame, as errors name it; advice: a sentence on what to do when its process dies. environment:
    whose interpreter runs it; "" for that of this process. target: what is planned for; a worker is for one.
    """

    role: str
    spec: Any
    owner: str
    advice: str = "Tell its author."
    environment: str = ""
    target: Target | None = field(default=None, eq=False)
    target_name: str = field(init=False)

    @property
    def name(self) -> str:
        """The plugin's, or that of the role where it serves no single one."""
        return str(getattr(self.spec, "name", self.role))

    @target_name.default
    def _target_name(self) -> str:
        return self.target.name if self.target is not None else ""


def of_backend(info: Installed, target: Target) -> Service:
    """A backend's stages for one target."""
    advice = f"Leave it out with `--exclude {info.name}`, or tell its author."
    return Service("backend", info, info.owner, advice, info.environment, target)


def of_checks(environment: str) -> Service:
    """What the distributions of an environment say of their engines."""
    return Service("checks", environment, f"the environment {environment!r}", environment=environment)


def of_check(name: str, owner: str) -> Service:
    """What one distribution here says of its engines, in a process that may die of it."""
    return Service("checks", name, f"entry point {name!r} ({owner})")


def of_trial(info: Installed) -> Service:
    """A backend's first steps, in a process that may die of them."""
    advice = "So it takes no part. Tell its author; `zif doctor` tries it again."
    return Service("trial", info, info.owner, advice, target=Target("host"))
