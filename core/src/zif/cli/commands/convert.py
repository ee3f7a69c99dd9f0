"""`zif convert`: a model of another framework as ONNX, held against its source."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from zif.cli import options
from zif.cli.options import JsonOption
from zif.errors import UsageError

Source = Annotated[
    Path,
    typer.Argument(metavar="SOURCE", help="A model file or folder, or MODULE:NAME that makes one.", show_default=False),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE.onnx", help="The ONNX file; its data goes beside it.")
]
Shape = Annotated[
    list[str], typer.Option("--shape", metavar="NAME=1,3,224,224", help="The shape of an input; repeatable.")
]
Opset = Annotated[int, typer.Option(min=0, metavar="N", help="Of ai.onnx; without, what the frontend writes best.")]
Dtype = Annotated[
    list[str],
    typer.Option("--input-dtype", metavar="NAME=int64", help="The type of an input that leaves it open; repeatable."),
]
Layout = Annotated[
    str, typer.Option(metavar="source|nchw|nhwc", help="The order of dimensions at inputs and outputs of rank 4.")
]
Simplify = Annotated[bool, typer.Option("--simplify", help="Fold and fuse with onnxslim.")]
Trust = Annotated[bool, typer.Option("--trust", help="Code that the source itself brings may run.")]
Compare = Annotated[
    bool, typer.Option("--compare/--no-compare", help="Run the source too, and refuse what does not give the same.")
]
FrontendName = Annotated[str, typer.Option("--frontend", metavar="NAME", help="This frontend and no other.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")]


def command(
    source: Source,
    output: Output,
    shape: Shape = [],  # noqa: B006
    opset: Opset = 0,
    input_dtype: Dtype = [],  # noqa: B006
    layout: Layout = "source",
    simplify: Simplify = False,
    trust: Trust = False,
    compare: Compare = True,
    frontend: FrontendName = "",
    overwrite: Overwrite = False,
    no_cache: options.NoCacheOption = False,
    as_json: JsonOption = False,
) -> None:
    """Turn a model of another framework into ONNX, and hold it against its source. Exit 1 when it is not the same."""
    from zif.cli.files import check_output
    from zif.cli.views import terminal
    from zif.cli.views.progress import working
    from zif.runtime.frontends.verb import convert

    check_output(output, source)
    if output.exists() and not overwrite:
        raise UsageError(f"{output} is there already: --overwrite replaces it")
    with working(f"converting {source.name}") as told:
        made = convert(
            source,
            output,
            options.shapes(shape),
            opset,
            input_dtypes=_dtypes(input_dtype),
            layout=layout,  # type: ignore[arg-type]
            simplify=simplify,
            trust=trust,
            compare=compare,
            frontend=frontend,
            cache=not no_cache,
            progress=told,
        )
    document: dict[str, Any] = {"model": str(output), "cached": made.cached, **made.report.to_json()}
    if as_json:
        terminal.document("convert", document)
    else:
        from zif.cli.views.convert import show

        show(document)


def _dtypes(texts: Iterable[str]) -> dict[str, str]:
    pairs = [text.rpartition("=") for text in texts]
    for name, _, dtype in pairs:
        if not (name and dtype):
            raise UsageError(f"--input-dtype {name or dtype}: write NAME=int64, with the name of an input")
    return {name: dtype for name, _, dtype in pairs}
