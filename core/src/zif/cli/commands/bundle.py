"""`zif bundle`: look into a bundle, compare two, check one, take parts out, list what is inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zif.cli import options
from zif.cli.options import JsonOption

app = typer.Typer(help="Look into bundles: inspect, diff, verify, strip, components.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A bundle's folder.", show_default=False)]
Anything = Annotated[
    Path,
    typer.Argument(
        metavar="PATH", help="A bundle, an EPContext model, or a model package's folder.", show_default=False
    ),
]
Key = Annotated[
    Path | None, typer.Option("--trusted-key", metavar="KEY.pem", help="Refuse what this key did not sign.")
]
Only = Annotated[bool, typer.Option("--trusted-only", help="Refuse what your own zif did not make.")]
Targets = Annotated[
    list[str], typer.Option("--target", "-t", metavar="CHIP", help="Keep this target; repeatable. Without, all.")
]
Sign = Annotated[Path | None, typer.Option("--sign", metavar="KEY.pem", help="Sign the new bundle with this key.")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The new bundle.", show_default=False)]
Document = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there; without, to stdout.")
]


@app.command("inspect")
def inspect(bundle: Anything, target: options.TargetOption = "host", as_json: JsonOption = False) -> None:
    """Say what is inside, and how well it goes with this machine or a chip. Exit 1 when it must be compiled again.

    Of an EPContext model or a model package of ONNX Runtime: what is compiled in it, by whom and for what.
    """
    from zif.artifacts.bundle import open_bundle
    from zif.cli.views import bundle as view
    from zif.cli.views import context as foreign
    from zif.cli.views import terminal

    other = foreign.inspected(bundle)
    if other is not None:
        return terminal.document("context", other) if as_json else foreign.show(other)
    document = view.inspected(open_bundle(bundle), target)
    if as_json:
        terminal.document("bundle", document)
    else:
        view.show(document)
    if document["taken"] is None:
        raise typer.Exit(1)
    return None


@app.command("diff")
def diff(old: Folder, new: Folder, as_json: JsonOption = False) -> None:
    """Compare two bundles: files, versions, plans. Exit 1 when they differ."""
    from zif.artifacts.bundle import open_bundle
    from zif.cli.views import bundle as view
    from zif.cli.views import terminal

    document = view.difference(open_bundle(old), open_bundle(new))
    if as_json:
        terminal.document("bundle-diff", document)
    else:
        view.show_difference(document)
    if not document["same"]:
        raise typer.Exit(1)


@app.command("verify")
def verify(
    bundle: Folder,
    trusted_key: Key = None,
    trusted_only: Annotated[
        bool, typer.Option("--trusted-only", help="Refuse what your own zif did not make.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Hold every file against its hash, and the signature against a key. Exit 2 when one differs."""
    from zif.artifacts.bundle import open_bundle
    from zif.cli.views import bundle as view
    from zif.cli.views import terminal

    opened = open_bundle(bundle, trusted_only=trusted_only, trusted_key=trusted_key)
    opened.verify()
    document = view.verified(opened, trusted_key)
    if as_json:
        terminal.document("bundle-verify", document)
    else:
        view.show_verified(document)


@app.command("strip")
def strip(
    bundle: Folder,
    output: Output,
    target: Targets = [],  # noqa: B006
    sign: Sign = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a bundle that is there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a bundle of fewer targets, without the forms that only other tools read."""
    from zif.artifacts.bundle import check_place, open_bundle
    from zif.artifacts.bundle.signing import key_to_sign
    from zif.artifacts.bundle.strip import strip as stripped
    from zif.cli.overwriting import check_folder
    from zif.cli.views import bundle as view
    from zif.cli.views import terminal

    check_place(output, overwrite)
    check_folder(output, lambda: [bundle / "manifest.json"])
    key = key_to_sign(sign) if sign is not None else None
    old = open_bundle(bundle)
    made = open_bundle(stripped(old, output, target, overwrite=overwrite, sign=key))
    document = view.stripped(old, made)
    if as_json:
        terminal.document("bundle-strip", document)
    else:
        view.show_stripped(document)


@app.command("components")
def components(bundle: Folder, output: Document = None, as_json: JsonOption = False) -> None:  # noqa: ARG001
    """List what is inside and what made it, as CycloneDX 1.6, which is JSON with and without --json."""
    from zif.artifacts.bundle import open_bundle
    from zif.artifacts.bundle.components import cyclonedx
    from zif.cli import streams
    from zif.cli.files import check_output, write_text

    if output is not None:
        check_output(output, bundle / "manifest.json")
    text = cyclonedx(open_bundle(bundle))
    if output is None:
        print(text, end="", file=streams.own())
    else:
        write_text(output, text)
