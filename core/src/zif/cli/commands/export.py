"""`zif export`: a plan in the form that another runtime takes; installed distributions bring the forms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from zif.cli import options
from zif.cli.exporting import GIVEN, ExportCommand
from zif.cli.options import JsonOption
from zif.errors import UsageError

app = typer.Typer(help="Write a bundle, or a model, in the form that another runtime takes.")

Source = Annotated[
    Path | None,
    typer.Argument(metavar="MODEL|DIR", help="A bundle, or a model, which is compiled.", show_default=False),
]
Form = Annotated[str, typer.Option("--for", metavar="WORD", help="Who takes it; --list tells the words.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE|DIR", help="The file or folder to write.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what was exported there.")]
List = Annotated[bool, typer.Option("--list", help="Tell the words and the options of each.")]
Verify = Annotated[
    bool, typer.Option("--verify/--no-verify", help="Hold every segment of a model against the CPU first.")
]


@app.command(cls=ExportCommand)
@options.fed
@options.planned
def command(
    ctx: typer.Context,
    path: Source = None,
    form: Form = "",
    output: Output = None,
    target: options.TargetOption = "host",
    listing: List = False,
    feed: options.FeedOptions = options.FeedOptions(),  # noqa: B008 - filled in by `fed`
    wanted: options.Wishes = {},  # noqa: B006 - filled in by `planned`
    isolate: options.IsolateOption = False,
    verify: Verify = True,
    overwrite: Overwrite = False,
    no_cache: options.NoCacheOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a bundle, or a model, in the form that another runtime takes."""
    from zif.cli.views import export as view
    from zif.cli.views import terminal
    from zif.cli.views.progress import working
    from zif.runtime.export.verb import export

    if listing:
        return view.tell_forms(as_json)
    if path is None or output is None or not form:
        raise UsageError("zif export takes MODEL|DIR --for WORD -o FILE|DIR; `zif export --list` tells the words")
    wanted |= {"isolate": isolate}
    with working(f"exporting {path.name}") as told:
        made = export(
            path,
            output,
            form,
            target,
            options=ctx.meta[GIVEN],
            samples=_samples(path, target, feed, wanted, told),
            overwrite=overwrite,
            cache=not no_cache,
            progress=told,
            verify=verify,
            **wanted,
        )
    document = view.document_of(made)
    if as_json:
        terminal.document("export", document)
    else:
        view.show(document)
    return None


def _samples(path: Path, target: str, feed: options.FeedOptions, wanted: dict[str, Any], told: Any) -> Sequence[Any]:
    """The inputs that were named, each read when it is needed."""
    from zif.cli.inputs import feeds
    from zif.runtime import sources

    if not feed.chosen:
        return ()
    if sources.is_bundle(path):
        from zif.artifacts.bundle import open_bundle
        from zif.runtime.from_bundle import chosen, plan_of

        bundle = open_bundle(path)
        plan = plan_of(bundle, chosen(bundle, target).name)
        return [sample.read for sample in feeds(feed, plan.inputs, ())]
    from zif.model import Model
    from zif.runtime.frontends.verb import as_onnx

    shapes, own = wanted.get("shapes"), wanted.get("custom_ops", ())
    model = Model.load(as_onnx(path, shapes, told), shapes, own)
    return [sample.read for sample in feeds(feed, model.inputs, model.optional_inputs)]
