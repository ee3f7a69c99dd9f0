"""The options that the commands of this distribution share."""

from __future__ import annotations

from typing import Annotated

import typer

FORMATS_HELP = "overrides (or what a vendor calls them), 0.6.1, 1.0.0 or 2.0.0."

RulesOption = Annotated[
    str,
    typer.Option("--rules", metavar="BACKEND", help="In the forms that this backend wants, or default."),
]
