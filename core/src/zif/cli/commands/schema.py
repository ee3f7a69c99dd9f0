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
    import json

    from zif import schemas
    from zif.cli.views import terminal

    if name:
        terminal.say(json.dumps(schemas.schema(name), indent=1, ensure_ascii=False))
        return
    titles = {one: schemas.schema(one)["title"] for one in schemas.names()}
    if as_json:
        terminal.document("schema", {"documents": titles})
        return
    for one, title in titles.items():
        terminal.say(f"{one:<12} {title}")
