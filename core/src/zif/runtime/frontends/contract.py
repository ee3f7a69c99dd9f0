"""The three hooks of a frontend, and what crosses them: the whole contract, on one screen.

A frontend is a module with functions of these names, each marked `@zif.hookimpl`, and one entry point in the group
`zif.frontends`. The module itself must import quickly: the framework is imported inside the hooks. Hooks run in a
process of the frontend's own, with the interpreter of the environment that it is installed in; only what lies in the
host's memory, such as a module that the caller made, is handed over in the host's process.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import pluggy
from attrs import Factory, frozen

if TYPE_CHECKING:
    from zif.records import Arrays

GROUP = "zif.frontends"

Layout = Literal["source", "nchw", "nhwc"]

hookspec = pluggy.HookspecMarker("zif")


@frozen
class Named:
    """Python code that makes a model: `where` is a module's dotted name or the path of a file, `name` stands in it."""

    where: str
    name: str

    def __str__(self) -> str:
        return f"{self.where}:{self.name}"


#: A file or folder, code that makes a model, or the model itself in memory.
Origin: TypeAlias = Path | Named | Any


@frozen
class Recognized:
    """A frontend's answer that a source is for it.

    what: such as "a TorchScript module". toolchain: the framework and the exporter with their versions. files: whose
    content decides what comes out; what was made from the same content is taken from the cache, and without files
    nothing is kept. problem: why it cannot be converted, and what to do; "" when it can. runs: what code of the
    source's own would run; where that is not "", the user is asked for `--trust`.
    """

    what: str
    toolchain: str
    files: tuple[str, ...] = ()
    problem: str = ""
    runs: str = ""


@frozen
class Request:
    """What a conversion is asked for.

    shapes: of inputs, by their names in the source. opset: of ai.onnx; 0 leaves it to the frontend. newest: the newest
    opset that every installed backend takes, which is what to write, or as near to it as the exporter comes, where none
    was asked for; 0 where nobody knows. input_dtypes: by name, where the source leaves them open. layout: "source"
    keeps the order of dimensions that pictures have in the source, the others turn it at inputs and outputs of rank 4.
    trust: code of the source's own may run.
    """

    shapes: Mapping[str, tuple[int, ...]] = Factory(dict)
    opset: int = 0
    input_dtypes: Mapping[str, str] = Factory(dict)
    layout: Layout = "source"
    trust: bool = False
    newest: int = 0

    def opset_within(self, least: int, most: int) -> int:
        """The opset to write, of those that an exporter writes: what was asked for, else the newest that is taken.

        What was asked for is given back as it is, also outside; that is the exporter's to refuse.
        """
        return self.opset or min(max(self.newest or most, least), most)


@frozen
class Imported:
    """What a frontend made, in the folder that it was given.

    model: the ONNX file's name in the folder; data files lie beside it. tool: what converted, with its version. opset:
    what was written. inputs, outputs: the ONNX name by the name in the source. layout: each change of the order of
    dimensions, as a sentence. notes: what the exporter warned of, and what was done otherwise than asked, as sentences.
    example: a shape for each input that has open dimensions, with which the source can run.
    """

    model: str
    tool: str
    opset: int
    inputs: Mapping[str, str] = Factory(dict)
    outputs: Mapping[str, str] = Factory(dict)
    layout: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    example: Mapping[str, tuple[int, ...]] = Factory(dict)


class FrontendHooks(Protocol):
    """What a frontend implements; the first two are required."""

    @hookspec(firstresult=True)
    def recognize(self, source: Origin) -> Recognized | None:
        """Whether this source is for you, by what it is and never by its name alone; None when it is not.

        Runs nothing of the source's own, reads heads and lists of members.
        """

    @hookspec(firstresult=True)
    def convert(self, source: Origin, request: Request, folder: Path) -> Imported:
        """Write the source as ONNX into `folder`.

        Raise `InvalidModel` for a source that is damaged, `Unsupported` for what cannot be said in ONNX (naming the
        operator), `UsageError` for a request that does not fit.
        """

    @hookspec(firstresult=True)
    def run(self, source: Origin, request: Request, inputs: Arrays) -> Arrays:
        """Run the source itself: `inputs` and what comes back go by the names and in the layout of the ONNX model.

        Raise `BackendUnavailable` where nothing that can run it is installed. Default: the conversion is not compared.
        """
