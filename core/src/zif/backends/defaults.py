"""What a backend gets when it leaves a hook out: the segment goes through as ONNX, `execute` runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zif.hookspecs import hookimpl
from zif.records import Arrays, Compiled, Converted, Executable

if TYPE_CHECKING:
    from zif.model import Model


@hookimpl(trylast=True)
def convert(model: Model) -> Converted:
    """The segment as it is. `data` is the Model, so external weights stay where they are."""
    return Converted("onnx", model, model.inputs, model.outputs)


@hookimpl(trylast=True)
def compile(converted: Converted) -> Compiled:
    """The ONNX file, and the external data files that it names."""
    model: Model = converted.data
    files = {"model.onnx": model.proto.SerializeToString(), **model.external_files()}
    return Compiled("onnx", files, "model.onnx", converted.inputs, converted.outputs, converted.notes)


@hookimpl(trylast=True)
def execute(executable: Executable, inputs: Arrays) -> Arrays:
    """Run it."""
    return executable.run(inputs)
