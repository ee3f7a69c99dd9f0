"""`zif doctor`: what this machine is, what is installed, what can run, and what would change what cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from zif.cli.options import JsonOption, TargetOption

if TYPE_CHECKING:
    from zif.backends.checks import Check
    from zif.backends.requirements import Library
    from zif.backends.survey import Answer
    from zif.records import Target


def command(target: TargetOption = "host", as_json: JsonOption = False) -> None:
    """Check the installation. Exit 1 when no backend can run."""
    from zif.backends import trials
    from zif.backends.environments.engines import every_check
    from zif.backends.requirements import libraries
    from zif.backends.survey import ask_all
    from zif.cli.views import terminal
    from zif.cli.views.progress import working
    from zif.targets import target as find

    chip = find(target)
    trials.forget()
    with working("asking the backends") as told:
        answers = ask_all(chip)
        told("trying the engines' libraries")
        checks = every_check()
    report = _report(chip, answers, libraries(), checks)
    if as_json:
        terminal.document("doctor", report)
    else:
        _show(report)
    if not any(answer.available for answer in answers):
        raise typer.Exit(1)


def _report(
    chip: Target, answers: list[Answer], needed: tuple[Library, ...], checks: tuple[Check, ...]
) -> dict[str, Any]:
    import attrs

    return {
        "machine": _machine(),
        "target": {"name": chip.name, "title": chip.title, "vendor": chip.vendor},
        "environment": _environment(checks),
        "cache": _cache(),
        "libraries": [{**attrs.asdict(library), "fits": library.fits} for library in needed],
        "backends": [answer.to_json() for answer in answers],
        "checks": [attrs.asdict(check) for check in checks],
        "problems": _problems(answers, needed, checks) + _of_data(),
    }


def _machine() -> dict[str, str]:
    import platform
    import sys

    from zif.backends.registry import core_version

    return {
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "python": f"{platform.python_version()} ({sys.executable})",
        "zif": core_version(),
    }


def _environment(checks: tuple[Check, ...]) -> dict[str, str]:
    """The variables that change what zif or an engine does."""
    import os

    prefixes = ("ZIF_", *(prefix for check in checks for prefix in check.variables))
    return {key: value for key, value in sorted(os.environ.items()) if key.startswith(prefixes)}


def _cache() -> str:
    from zif.artifacts.cache import default_cache

    cache = default_cache()
    return str(cache.root) if cache is not None else "off"


def _problems(answers: list[Answer], needed: tuple[Library, ...], checked: tuple[Check, ...]) -> list[dict[str, str]]:
    """Each thing that is not as it should be, and the command that changes it where there is one."""
    from zif.files.installing import to_install

    problems = [
        {"problem": f"{answer.row.name}: {answer.reason}", "fix": ""} for answer in answers if not answer.available
    ]
    if not answers:
        problems.append({"problem": "no backend is installed", "fix": to_install("zif-reference")})
    for library in needed:
        if not library.fits and not library.extra:
            have = f"is {library.version}" if library.version else "is not installed"
            owners = " and ".join(library.needed_by)
            problem = f"{library.name} {have}, {owners} wants {library.wanted or 'it'}"
            problems.append({"problem": problem, "fix": library.fix})
    broken = (check for check in checked if check.state == "broken")
    problems += [{"problem": f"{check.name}: {check.text}", "fix": check.fix} for check in broken]
    return problems


def _of_data() -> list[dict[str, str]]:
    """The same for the files of chips and costs that distributions bring."""
    from zif.cli.data_files import data_problems

    return [{"problem": f"{problem.distribution}: {problem.text}", "fix": ""} for problem in data_problems()]


def _show(report: dict[str, Any]) -> None:
    from zif.cli.views.terminal import say, table

    for key, value in report["machine"].items():
        say(f"{key}: {value}")
    say(f"{report['target']['name']}: {report['target']['title']}")
    say(f"cache: {report['cache']}")
    for key, value in report["environment"].items():
        say(f"{key}={value}")
    rows = [_library(library) for library in report["libraries"]]
    table("Libraries", ("library", "installed", "wanted", "by"), rows)
    _show_checks(report["checks"])
    say("Backends", style="bold")
    for backend in report["backends"]:
        _show_backend(backend)
    say("Problems" if report["problems"] else "Nothing is wrong.", style="bold")
    for backend in report["problems"]:
        say(f"  {backend['problem']}" + (f"  →  {backend['fix']}" if backend["fix"] else ""))


def _show_checks(problems: list[dict[str, str]]) -> None:
    from zif.cli.views.terminal import say

    styles = {"works": "green", "absent": "dim", "broken": "bold red"}
    if problems:
        say("Engines", style="bold")
    for problem in problems:
        say(f"  {problem['name']}: {problem['state']}", style=styles[problem["state"]])
        if problem["text"]:
            say(f"    {problem['text']}")


def _library(library: dict[str, Any]) -> list[Any]:
    have = library["version"] or ("not installed (optional)" if library["extra"] else "missing")
    style = "" if library["fits"] else "dim" if library["extra"] else "bold red"
    return [library["name"], (have, style), library["wanted"], library["extra"] or ", ".join(library["needed_by"])]


def _show_backend(backend: dict[str, Any]) -> None:
    from zif.cli.views.plan import KIND_STYLE
    from zif.cli.views.terminal import say

    state = "can run" if backend["available"] else "cannot run"
    kind = f", {backend['label'] or backend['kind']}" if backend["kind"] else ""
    toolchain = f", {backend['toolchain']}" if backend["toolchain"] else ""
    style = KIND_STYLE.get(backend["kind"], "") if backend["available"] else "red"
    say(
        f"  {backend['name']} ({backend['distribution']} {backend['version']}{kind}{toolchain}): {state}",
        style=style or None,
    )
    for text in (*([backend["reason"]] if backend["reason"] else []), *backend["notes"]):
        say(f"    {text}")
