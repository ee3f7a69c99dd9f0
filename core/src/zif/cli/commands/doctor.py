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
        found = every_check()
    report = _report(chip, answers, libraries(), found)
    if as_json:
        terminal.document("doctor", report)
    else:
        _show(report)
    if not any(one.available for one in answers):
        raise typer.Exit(1)


def _report(
    chip: Target, answers: list[Answer], needed: tuple[Library, ...], found: tuple[Check, ...]
) -> dict[str, Any]:
    import attrs

    return {
        "machine": _machine(),
        "target": {"name": chip.name, "title": chip.title, "vendor": chip.vendor},
        "environment": _environment(found),
        "cache": _cache(),
        "libraries": [{**attrs.asdict(one), "fits": one.fits} for one in needed],
        "backends": [answer.to_json() for answer in answers],
        "checks": [attrs.asdict(one) for one in found],
        "problems": _problems(answers, needed, found) + _of_data(),
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


def _environment(found: tuple[Check, ...]) -> dict[str, str]:
    """The variables that change what zif or an engine does."""
    import os

    prefixes = ("ZIF_", *(prefix for check in found for prefix in check.variables))
    return {key: value for key, value in sorted(os.environ.items()) if key.startswith(prefixes)}


def _cache() -> str:
    from zif.runtime.cache import default_cache

    cache = default_cache()
    return str(cache.root) if cache is not None else "off"


def _problems(answers: list[Answer], needed: tuple[Library, ...], checked: tuple[Check, ...]) -> list[dict[str, str]]:
    """Each thing that is not as it should be, and the command that changes it where there is one."""
    from zif.files.installing import to_install

    found = [{"problem": f"{one.row.name}: {one.reason}", "fix": ""} for one in answers if not one.available]
    if not answers:
        found.append({"problem": "no backend is installed", "fix": to_install("zif-reference")})
    for library in needed:
        if not library.fits and not library.extra:
            have = f"is {library.version}" if library.version else "is not installed"
            owners = " and ".join(library.needed_by)
            problem = f"{library.name} {have}, {owners} wants {library.wanted or 'it'}"
            found.append({"problem": problem, "fix": library.fix})
    broken = (one for one in checked if one.state == "broken")
    found += [{"problem": f"{one.name}: {one.text}", "fix": one.fix} for one in broken]
    return found


def _of_data() -> list[dict[str, str]]:
    """The same for the files of chips and costs that distributions bring."""
    from zif.cli.data_files import data_problems

    return [{"problem": f"{one.distribution}: {one.text}", "fix": ""} for one in data_problems()]


def _show(report: dict[str, Any]) -> None:
    from zif.cli.views.terminal import say, table

    for key, value in report["machine"].items():
        say(f"{key}: {value}")
    say(f"{report['target']['name']}: {report['target']['title']}")
    say(f"cache: {report['cache']}")
    for key, value in report["environment"].items():
        say(f"{key}={value}")
    rows = [_library(one) for one in report["libraries"]]
    table("Libraries", ("library", "installed", "wanted", "by"), rows)
    _show_checks(report["checks"])
    say("Backends", style="bold")
    for one in report["backends"]:
        _show_backend(one)
    say("Problems" if report["problems"] else "Nothing is wrong.", style="bold")
    for one in report["problems"]:
        say(f"  {one['problem']}" + (f"  →  {one['fix']}" if one["fix"] else ""))


def _show_checks(found: list[dict[str, str]]) -> None:
    from zif.cli.views.terminal import say

    styles = {"works": "green", "absent": "dim", "broken": "bold red"}
    if found:
        say("Engines", style="bold")
    for one in found:
        say(f"  {one['name']}: {one['state']}", style=styles[one["state"]])
        if one["text"]:
            say(f"    {one['text']}")


def _library(one: dict[str, Any]) -> list[Any]:
    have = one["version"] or ("not installed (optional)" if one["extra"] else "missing")
    style = "" if one["fits"] else "dim" if one["extra"] else "bold red"
    return [one["name"], (have, style), one["wanted"], one["extra"] or ", ".join(one["needed_by"])]


def _show_backend(one: dict[str, Any]) -> None:
    from zif.cli.views.plan import KIND_STYLE
    from zif.cli.views.terminal import say

    state = "can run" if one["available"] else "cannot run"
    kind = f", {one['label'] or one['kind']}" if one["kind"] else ""
    toolchain = f", {one['toolchain']}" if one["toolchain"] else ""
    style = KIND_STYLE.get(one["kind"], "") if one["available"] else "red"
    say(f"  {one['name']} ({one['distribution']} {one['version']}{kind}{toolchain}): {state}", style=style or None)
    for text in (*([one["reason"]] if one["reason"] else []), *one["notes"]):
        say(f"    {text}")
