"""Which frontends are installed, from metadata alone, and one of them opened."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pluggy
from attrs import evolve

from zif.backends.blame import blaming, reason
from zif.backends.extensions import died
from zif.errors import BackendBroken, StageFailed, UsageError, ZifError
from zif.files import environments
from zif.files.installed import points as entry_points
from zif.records import Arrays, Installed
from zif.runtime.frontends.contract import GROUP, FrontendHooks, Imported, Origin, Recognized, Request


def installed() -> tuple[Installed, ...]:
    """Every frontend that is installed, by name, also in other environments; nothing is imported.

    Of two with one name, this environment's own counts.
    """
    rows = [_row(point) for point in entry_points(GROUP)]
    own = {row.name for row in rows}
    others = [point for point in environments.points(GROUP) if point.name not in own]
    rows += [evolve(_row(point), environment=point.environment) for point in others]
    return tuple(sorted(rows, key=lambda row: (row.name, row.distribution)))


def _row(point: Any) -> Installed:
    try:
        name, version = (point.dist.metadata["Name"], point.dist.version) if point.dist else ("?", "?")
    except Exception:  # the file is gone or unreadable: importlib_metadata raises what it likes
        return Installed(point.name, "?", "?", point.value, "its metadata cannot be read: install it again")
    return Installed(point.name, name, version, point.value, "")


class Frontend:
    """A frontend behind typed methods. Every method raises ZifError subclasses only."""

    def __init__(self, owner: str, hooks: pluggy.PluginManager) -> None:
        self._owner, self._hook = owner, hooks.hook

    @classmethod
    def open(cls, module: str, owner: str, here: bool = False) -> Frontend:
        """Import a frontend's module and hold it against the contract. Raises BackendBroken.

        here: this is the host's own process, which must not end by it.
        """
        if here and (deadly := died(module)):
            raise BackendBroken(f"{owner} {deadly}")
        with blaming(owner, "being imported", BackendBroken):
            name, _, attribute = module.partition(":")
            loaded: Any = importlib.import_module(name)
            plugin = getattr(loaded, attribute) if attribute else loaded
        hooks = pluggy.PluginManager("zif")
        hooks.add_hookspecs(FrontendHooks)
        try:
            hooks.register(plugin)
            hooks.check_pending()
        except Exception as error:
            raise BackendBroken(f"{owner} does not follow the contract: {reason(error)}. Tell its author.") from error
        missing = [name for name in ("recognize", "convert") if not getattr(hooks.hook, name).get_hookimpls()]
        if missing:
            raise BackendBroken(f"{owner} has no hook {missing[0]!r}. Tell its author.")
        return cls(owner, hooks)

    def recognize(self, source: Origin) -> Recognized | None:
        """Whether the source is for this frontend, and what it is."""
        recognized: Recognized | None = self._asked("recognize", Recognized, True, source=source)
        return recognized

    def convert(self, source: Origin, request: Request, folder: Path) -> Imported:
        """The source as ONNX in `folder`."""
        made: Imported = self._asked("convert", Imported, False, source=source, request=request, folder=folder)
        return made

    def run(self, source: Origin, request: Request, inputs: Arrays) -> Arrays | None:
        """What the source gives for these inputs; None where the frontend cannot run it."""
        if not self._hook.run.get_hookimpls():
            return None
        arrays: Arrays = self._asked("run", dict, False, source=source, request=request, inputs=inputs)
        return arrays

    def _asked(self, stage: str, kind: type, optional: bool, **arguments: Any) -> Any:
        with blaming(self._owner, stage, StageFailed):
            try:
                answer = getattr(self._hook, stage)(**arguments)
            except ModuleNotFoundError as error:
                raise _incomplete(self._owner, error) from error
        if answer is None and optional:
            return None
        if not isinstance(answer, kind):
            raise BackendBroken(f"{self._owner}: {stage} returned {type(answer).__name__}, not {kind.__name__}")
        return answer


def _incomplete(owner: str, error: ModuleNotFoundError) -> ZifError:
    """A frontend without what it needs: a framework or an exporter was left out, or has been removed."""
    from zif.files.installing import to_install

    distribution = re.search(r"\(([\w.-]+) ", owner)
    environment = re.search(r"environment '([^']+)'", owner)
    command = to_install(distribution[1]) if distribution else "pip install it"
    if distribution and environment:
        command = f"`zif env create {environment[1]} {distribution[1]} --again`"
    return UsageError(f"{owner} needs {error.name}, which is not installed where it runs: {command}")


def owner_of(row: Installed) -> str:
    """A frontend as errors name it."""
    return row.owner.replace("backend", "frontend", 1)
