"""`zif schema`: the JSON Schema of a document that `--json` prints."""

from __future__ import annotations

from typing import Annotated

import typer

from zif.cli.options import JsonOption


def command(
    name: Annotated[
        str, typer.Argument(metavar="[DOCUMENT]", help="plan, plan-diff, run, …; all are listed without.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Print the JSON Schema of a document, such as `plan`, or list those that have one."""
    from zif import schemas
    from zif.cli.views import terminal
    from zif.files.wording import json_text

    if name:
        terminal.page(json_text(schemas.schema(name), indent=1))
        return
    titles = {name: schemas.schema(name)["title"] for name in schemas.names()}
    if as_json:
        terminal.document("schema", {"documents": titles})
        return
    for document, title in titles.items():
        terminal.say(f"{document:<12} {title}")
