"""`zif verify`: every segment of a model or a bundle held against a judge on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zif.cli import options
from zif.cli.options import JsonOption

BundleOption = Annotated[
    Path | None, typer.Option("--bundle", metavar="DIR", help="Verify what this bundle of the model holds.")
]


@options.planned
def command(
    model: options.ModelArgument,
    samples: options.SamplesOption = None,
    preprocess: options.PreprocessOption = "",
    bundle: BundleOption = None,
    target: options.TargetOption = "host",
    wanted: options.Wishes = {},  # noqa: B006 - filled in by `planned`
    no_cache: options.NoCacheOption = False,
    as_json: JsonOption = False,
) -> None:
    """Hold every segment against the CPU: is it further off than its precision costs? Exit 1 when one is."""
    from zif.cli.inputs import samples_at
    from zif.cli.views import terminal
    from zif.cli.views.progress import working
    from zif.evaluation.verification import verify
    from zif.model import Model

    options.check_preprocess(preprocess, samples)
    with working(f"verifying {model.name}") as told:
        loaded = Model.load(model, wanted.get("shapes"), wanted.get("custom_ops", ()))
        sets = None if samples is None else samples_at(samples, loaded, preprocess)
        verification = verify(loaded, target, sets, bundle=bundle, cache=not no_cache, progress=told, **wanted)
    document = verification.to_json()
    if as_json:
        terminal.document("verify", document)
    else:
        from zif.cli.views.verification import show

        show(document)
    if verification.wrong:
        raise typer.Exit(1)
