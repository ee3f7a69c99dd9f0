"""`zif config`: the options that backends have, and configuration files held against them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zif.cli.options import JsonOption, TargetOption

if TYPE_CHECKING:
    from zif.backends.config import Section

app = typer.Typer(no_args_is_help=True, help="The options of backends, and files of them.")

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="JSON or TOML.", show_default=False)]
BackendArgument = Annotated[str, typer.Argument(metavar="BACKEND", help="Its name.", show_default=False)]


@app.command("check")
def check(file: FileArgument, target: TargetOption = "host", as_json: JsonOption = False) -> None:
    """Check a configuration file: unknown and impossible options are refused, those without effect are named."""
    from zif.backends.config import check as checked
    from zif.cli.views import terminal
    from zif.cli.views.progress import working
    from zif.targets import target as find

    chip = find(target)
    with working("asking the backends"):
        sections = checked(file, chip)
    if as_json:
        rows = [_document(section) for section in sections]
        terminal.document("config-check", {"file": str(file), "target": chip.name, "sections": rows})
    else:
        _show(file, sections)


def _document(section: Section) -> dict[str, Any]:
    import attrs

    return {
        "section": section.section,
        "backend": section.backend,
        "given": dict(section.given),
        "options": attrs.asdict(section.options),
        "remarks": section.remarks,
    }


def _show(file: Path, sections: list[Section]) -> None:
    from zif.cli.views.terminal import say, table

    rows = [
        [section.section, section.backend, key, getattr(section.options, key)]
        for section in sections
        for key in section.given
    ]
    table("", ("section", "backend", "option", "value"), rows)
    for section in sections:
        for remark in section.remarks:
            say(f"{section.backend}: {remark}")
    say(f"{file} is valid." if sections else f"{file} has no sections.")


@app.command("show")
def show(backend: BackendArgument, target: TargetOption = "host", as_json: JsonOption = False) -> None:
    """Show every option of a backend: what it takes, its default, what it does."""
    from zif.backends.options import describe_options
    from zif.backends.registry import backend as find_backend
    from zif.cli.views import terminal
    from zif.targets import target as find

    known = find_backend(backend).capabilities(find(target))
    options, sections = describe_options(known.options), (backend, *known.config_sections)
    if as_json:
        terminal.document("config-show", {"backend": backend, "sections": sections, "options": options})
        return
    terminal.say(f"{backend}: section {' or '.join(sections)} of a configuration file", style="bold")
    rows = [[(option["name"], "bold"), option["type"], option["default"], option["help"]] for option in options]
    terminal.table("", ("option", "takes", "default", "what it does"), rows)
    if not options:
        terminal.say("It has no options.")
