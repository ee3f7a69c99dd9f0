"""The model behind a source, as an object of torch: a module, an exported program or a script module."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from zif import InvalidModel
from zif.plugin import Named, first_line, label_of, made_by, object_of

from zif_torch.quantized import frozen
from zif_torch.sources import kind_of

_loaded: dict[str, Any] = {}


def load(source: Any) -> Any:
    """What a source is or makes, ready for inference; the same object for the same source.

    Raises InvalidModel for what is damaged or makes no model, UsageError for a name that is not there.
    """
    if not isinstance(source, (Path, Named)):
        return frozen(_ready(source), label_of(source))
    if str(source) not in _loaded:
        model = _ready(_from_file(source) if isinstance(source, Path) else _made(source))
        _loaded[str(source)] = frozen(model, str(source))
    return _loaded[str(source)]


@contextmanager
def inference(source: Any) -> Iterator[Any]:
    """The model of a source in the mode of inference; a module in memory is in its own again afterwards."""
    modes = [(module, module.training) for module in source.modules()] if isinstance(source, torch.nn.Module) else []
    try:
        model = load(source)  # code that makes a model may train it
        with torch.no_grad():
            yield model
    finally:
        for module, training in modes:
            module.training = training


def _from_file(path: Path) -> Any:
    readers = {
        "script": lambda: torch.jit.load(str(path), map_location="cpu"),
        "program": lambda: torch.export.load(str(path)),
        "pickle": lambda: torch.load(str(path), map_location="cpu", weights_only=False),  # only with --trust
    }
    if kind_of(path) == "pickle":  # it names the code that it was made with, which most often lies beside it
        sys.path.append(str(path.absolute().parent))
    try:
        return readers[kind_of(path)]()
    except Exception as error:
        raise InvalidModel(f"{path} cannot be read by torch {torch.__version__}: {first_line(error)}") from error


def _made(source: Named) -> Any:
    made = object_of(source)
    if isinstance(made, (torch.nn.Module, torch.export.ExportedProgram)):
        return made
    made = made_by(source, made)
    if not isinstance(made, (torch.nn.Module, torch.export.ExportedProgram)):
        raise InvalidModel(f"{source} makes {type(made).__name__}, not a torch.nn.Module or an exported program")
    return made


def _ready(model: Any) -> Any:
    if isinstance(model, torch.nn.Module):
        try:
            return model.eval()
        except NotImplementedError:  # what torch.export unlifts is in inference already
            return model
    if isinstance(model, torch.export.ExportedProgram):
        return model
    raise InvalidModel(f"{type(model).__name__} is no torch.nn.Module and no exported program")
