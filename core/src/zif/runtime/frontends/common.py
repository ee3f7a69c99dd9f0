"""What frontends of different frameworks do alike: the hooks by name, versions, and how messages speak of a source."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from zif.runtime.frontends.contract import Imported, Named, Origin, Recognized, Request

if TYPE_CHECKING:
    import onnx

    from zif.records import Arrays

_hookimpl = pluggy.HookimplMarker("zif")


class FrontendAt:
    """The hooks of a frontend whose functions live in other modules, as "module:function"; each module is imported
    when it is first asked, so that the entry point's own module stays light.
    """

    def __init__(self, recognize: str, convert: str, run: str) -> None:
        self._places = {"recognize": recognize, "convert": convert, "run": run}

    def _at(self, hook: str) -> Any:
        module, _, function = self._places[hook].partition(":")
        return getattr(importlib.import_module(module), function)

    @_hookimpl
    def recognize(self, source: Origin) -> Recognized | None:
        """What `recognize` names answers."""
        recognized: Recognized | None = self._at("recognize")(source)
        return recognized

    @_hookimpl
    def convert(self, source: Origin, request: Request, folder: Path) -> Imported:
        """What `convert` names makes."""
        made: Imported = self._at("convert")(source, request, folder)
        return made

    @_hookimpl
    def run(self, source: Origin, request: Request, inputs: Arrays) -> Arrays:
        """What `run` names computes."""
        made: Arrays = self._at("run")(source, request, inputs)
        return made


def versions(packages: Mapping[str, str]) -> str:
    """The installed versions, as `Recognized.toolchain` has them: a framework's name by the distributions that may
    hold it, of which the first that is there counts ("tensorflow-cpu tensorflow").
    """
    return ", ".join(f"{name} {_version(candidates.split())}" for name, candidates in packages.items())


def _version(candidates: list[str]) -> str:
    for name in candidates:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "(not installed)"


def label_of(source: Origin) -> str:
    """A source as messages name it."""
    return str(source) if isinstance(source, (Path, Named)) else f"the given {type(source).__name__}"


def key_of(source: Origin) -> str:
    """One word for one source within a process."""
    return str(source) if isinstance(source, (Path, Named)) else f"object {id(source)}"


def asked_for(source: Origin, option: str, argument: str) -> str:
    """How a caller asks for something: by an option of `zif convert`, or an argument where the model is in memory."""
    return option if isinstance(source, (Path, Named)) else argument


def shapes_for(source: Origin, shapes: Mapping[str, tuple[int, ...]]) -> str:
    """How a caller gives these shapes."""
    words = " ".join(f"--shape {name}={','.join(map(str, dims))}" for name, dims in shapes.items())
    return asked_for(source, words, f"shapes={dict(shapes)!r}")


def first_line(error: BaseException) -> str:
    """The first line of what a framework says, which may say much."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__


def opset_of(proto: onnx.ModelProto) -> int:
    """The opset of ONNX's own operators that a model is written in."""
    return max((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), default=0)
