"""What other distributions bring besides backends: commands of `zif` and verbs of `import zif`, found by metadata.

The group `zif.commands` names a function or a `typer.Typer` for each command, `zif.verbs` a function for each public
name, `zif.exporters` what writes a plan for another runtime. Every call of `zif --help` comes through here, so it
imports little and reads the metadata once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from zif.errors import BackendBroken, UsageError, ZifError
from zif.files import entrypoints

COMMANDS, VERBS, EXPORTERS, FORMS = "zif.commands", "zif.verbs", "zif.exporters", "zif.onnx_forms"
FITS, CONTEXT_FITS = "zif.fits", "zif.context_fits"

FRONTENDS, TYPES = "zif.frontends", "zif.operator_types"
#: Which distribution brings a name that zif itself documents, so that a missing one can be told.
BROUGHT_BY = {"quantize": "zif-quantize", "encodings": "zif-quantize", "sweep": "zif-sweep"}


def commands() -> tuple[str, ...]:
    """The names of the commands that installed distributions bring, in their order; nothing is imported."""
    return tuple(sorted({point.name for point in entrypoints.points(COMMANDS)}))


def command(name: str) -> Any:
    """The function or Typer application of a command; None when nobody brings one of this name.

    Raises BackendBroken when its module cannot be imported or two distributions bring it, and UsageError that says
    what to install where zif documents the command and it is missing.
    """
    return _brought(COMMANDS, name, f"the command `zif {name}`")


def brought_at(name: str) -> entrypoints.Point:
    """Where a command is, without importing anything."""
    return next(point for point in entrypoints.points(COMMANDS) if point.name == name)


def verb(name: str) -> Callable[..., Any]:
    """The function behind a public name of `zif` that another distribution brings.

    Where that is missing or broken, a function that raises as `command` does when it is called: asking whether zif has
    the name, or listing its names, must not fail.
    """
    try:
        function: Callable[..., Any] = _brought(VERBS, name, f"zif.{name}")
    except ZifError as error:
        return _refusing(name, error)
    return function


def exporters() -> tuple[str, ...]:
    """The words behind `zif export --for`, in their order; nothing is imported."""
    return tuple(sorted({point.name for point in entrypoints.points(EXPORTERS)}))


def exporter(word: str) -> Any:
    """What writes plans for another runtime; None when nobody brings this word. Raises BackendBroken as `command`."""
    return _brought(EXPORTERS, word, f"`zif export --for {word}`")


def onnx_form(format: str) -> Any:
    """What gives artifacts of a format as ONNX; None when nobody does. Raises BackendBroken as `command`."""
    return _brought(FORMS, format, f"the ONNX form of {format}")


def fit_of(format: str) -> Any:
    """What judges artifacts of a format; None when nobody does. Raises BackendBroken as `command`."""
    return _brought(FITS, format, f"what judges {format}")


def context_fit(provider: str) -> Any:
    """What judges EPContext nodes of a provider; None when nobody does. Raises BackendBroken as `command`."""
    return _brought(CONTEXT_FITS, provider, f"what judges EPContext nodes of {provider}")


def _refusing(name: str, error: ZifError) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:  # noqa: ARG001 - whatever it is called with
        raise error

    refuse.__name__, refuse.__doc__ = name, str(error)
    return refuse


def _brought(group: str, name: str, what: str) -> Any:
    points = [point for point in entrypoints.points(group) if point.name == name]
    if not points:
        if name in BROUGHT_BY:
            from zif.files.installing import to_install

            brings = BROUGHT_BY[name]
            raise UsageError(f"{what} comes with {brings}, which is not installed: {to_install(brings)}")
        return None
    if len(points) > 1:
        raise BackendBroken(f"{what} is brought by {_owners(points)}: uninstall all but one")
    if deadly := died(points[0].value):
        raise BackendBroken(f"{what} of {_owners(points)} {deadly}")
    try:
        return points[0].load()
    except ZifError:
        raise
    except BaseException as error:
        from zif.backends.blame import from_signal

        if from_signal(error):
            raise
        why = f"{type(error).__name__}: {error}"
        raise BackendBroken(
            f"{what} of {_owners(points)} cannot be imported: {why}. Tell its author, or uninstall it."
        ) from error


def died(value: str, group: str = "") -> str:
    """How the process ended in which this was imported, as the end of a sentence; "" where it may be imported here."""
    from zif.files.trials.importing import tried

    outcome = tried(value, asking(group))
    if outcome.state != "broken":
        return ""
    return (
        f"cannot be imported: a process that did so {outcome.reason}. So it takes no part. Tell its author, or "
        "uninstall it; `zif doctor` tries it again."
    )


def asking(group: str) -> str:
    """What is done with it after the import, where that is more than nothing."""
    if group != TYPES:
        return ""
    from zif.model.engines import QUESTION

    return QUESTION


def _owners(points: Iterable[entrypoints.Point]) -> str:
    return " and ".join(sorted({point.owner for point in points}))
