"""The options that the commands of this distribution share."""

from __future__ import annotations

from typing import Annotated

import typer

RulesOption = Annotated[
    str,
    typer.Option("--rules", metavar="BACKEND", help="In the forms that this backend wants, or default."),
]
