"""Types of what onnx does not know: operators of ONNX Runtime, of vendors, of the user's own libraries.

Whoever knows an engine answers, found by the entry-point group `zif.operator_types`; nothing is imported for a model
whose operators onnx has.

    [project.entry-points."zif.operator_types"]
    my_engine = "zif_my_npu.types:output_types"

The function gets a model of one node and the paths of the user's libraries of operators, and gives what the engine
infers: `output_types(model: onnx.ModelProto, libraries: Sequence[Path]) -> Mapping[str, onnx.TypeProto]`. Weights are
inputs there, small constants initializers. What it does not know it leaves out; what it raises counts as "not known".
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import importlib_metadata as metadata
import onnx

from zif.errors import UsageError
from zif.files.trials.importing import tried
from zif.model.shapes import has_type

GROUP = "zif.operator_types"

#: Asked of each in a process of its own, before it is asked here.
QUESTION = """
from onnx import TensorProto, helper
ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 2]) for name in "xy"]
graph = helper.make_graph([helper.make_node("Unknown", ["x"], ["y"], domain="zif.trial")], "trial", ends[:1], ends[1:])
opsets = [helper.make_opsetid("", 17), helper.make_opsetid("zif.trial", 1)]
found(helper.make_model(graph, opset_imports=opsets, ir_version=8), ())
"""

Answers = Mapping[str, onnx.TypeProto]
Engine = Callable[[onnx.ModelProto, Sequence[Path]], Answers]


class Engines:
    """The installed engines, asked about one node at a time; equal questions are asked once."""

    def __init__(self, libraries: Sequence[Path] = ()) -> None:
        self._libraries = tuple(libraries)
        self._known: dict[bytes, Answers] = {}

    def output_types(self, question: onnx.ModelProto) -> dict[str, onnx.TypeProto]:
        """What the first engine that knows the node says of its outputs, by name; empty when none does."""
        node = question.graph.node[0]
        outputs = [name for name in node.output if name]
        anonymous = _anonymous(question)
        if anonymous not in self._known:
            self._known[anonymous] = self._asked(onnx.ModelProto.FromString(anonymous))
        answers = self._known[anonymous]
        places = {name: f"o{place}" for place, name in enumerate(node.output) if name in outputs}
        return {name: _copy(answers[place]) for name, place in places.items() if place in answers}

    def _asked(self, question: onnx.ModelProto) -> Answers:
        for engine in engines():
            try:
                said = {name: kind for name, kind in engine(question, self._libraries).items() if has_type(kind)}
            except (Exception, SystemExit):  # a plugin's answer to a question is no reason to fail: it is not known
                continue
            if said:
                return said
        return {}


def _copy(kind: onnx.TypeProto) -> onnx.TypeProto:
    """Its own: whoever asked completes it, and what is kept stays as it was answered."""
    same = onnx.TypeProto()
    same.CopyFrom(kind)
    return same


def _anonymous(question: onnx.ModelProto) -> bytes:
    """The question with the names of values by their places: what is asked of equal layers is equal."""
    same = onnx.ModelProto()
    same.CopyFrom(question)
    graph, node = same.graph, same.graph.node[0]
    if not any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):  # bodies read by name
        inputs = {name: f"i{place}" for place, name in enumerate(dict.fromkeys(node.input)) if name}
        node.input[:] = [inputs.get(name, "") for name in node.input]
        for value in (*graph.input, *graph.initializer):
            value.name = inputs[value.name]
        node.name = ""
    node.output[:] = [name and f"o{place}" for place, name in enumerate(node.output)]
    for place, value in zip((p for p, name in enumerate(node.output) if name), graph.output, strict=True):
        value.name = f"o{place}"
    return bytes(same.SerializeToString(deterministic=True))


def libraries(sources: Sequence[str | Path] | str | Path) -> tuple[Path, ...]:
    """The user's libraries as absolute paths. Raises UsageError for one that is no file."""
    paths = [Path(path) for path in ([sources] if isinstance(sources, (str, Path)) else sources)]
    for path in paths:
        if not path.is_file():
            raise UsageError(
                f"the library of operators {path} is not there: name the .so, .dylib or .dll that has them"
            )
    return tuple(path.absolute() for path in paths)


def engines() -> tuple[Engine, ...]:
    """The functions that installed distributions bring; who cannot be imported or asked is left out."""
    return _engines(tuple((folder, _changed(folder)) for folder in sys.path))


def _changed(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _engines(_: tuple[tuple[str, int], ...]) -> tuple[Engine, ...]:
    engines = []
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        if tried(point.value, QUESTION).state == "broken":
            continue
        try:
            engines.append(point.load())
        except (Exception, SystemExit):  # `zif doctor` tells what is wrong with the distribution
            continue
    return tuple(engines)
