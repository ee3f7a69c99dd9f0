"""New nodes and constants around one node of a graph, with names of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import onnx
from attrs import field, frozen
from onnx import helper, numpy_helper

if TYPE_CHECKING:
    from zif import Model
    from zif.plugin import Array


@frozen(eq=False)
class Maker:
    """Collects what belongs around `at`; `before` and `behind` put it there. word: what the new names have in them."""

    graph: onnx.GraphProto
    at: onnx.NodeProto
    word: str
    waiting: list[onnx.NodeProto] = field(factory=list)
    names: list[str] = field(factory=list)

    def node(self, op_type: str, inputs: Sequence[str], count: int = 1, **attributes: object) -> list[str]:
        """Its outputs."""
        name = f"{self.at.name}_{self.word}{len(self.names)}"
        outputs = [f"{name}_value{number or ''}" for number in range(count)]
        self.waiting.append(helper.make_node(op_type, list(inputs), outputs, name, **attributes))
        self.names.append(name)
        return outputs

    def single(self, op_type: str, *inputs: str, **attributes: object) -> str:
        """Its only output."""
        return self.node(op_type, inputs, 1, **attributes)[0]

    def constant(self, values: Array) -> str:
        """The name of an initializer of these values."""
        name = f"{self.at.name}_{self.word}_constant{len(self.graph.initializer)}"
        self.graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def before(self) -> None:
        """Put what waits before the node."""
        self._put(self._place())

    def behind(self) -> None:
        """Put what waits behind the node."""
        self._put(self._place() + 1)

    def _place(self) -> int:
        return next(at for at, node in enumerate(self.graph.node) if node.name == self.at.name)

    def _put(self, position: int) -> None:
        for entry in reversed(self.waiting):
            self.graph.node.insert(position, entry)
        self.waiting.clear()


def lone(model: Model) -> dict[str, tuple[str, onnx.NodeProto]]:
    """The unit and the node as the model has it, by the node's name: of units of one node, computed in floats."""
    nodes = model.proto.graph.node
    by_node = {unit.id: nodes[unit.nodes[0]] for unit in model.units if len(unit.nodes) == 1}
    floats = ("float32", "float16", "bfloat16")
    return {
        node.name: (unit, node)
        for unit, node in by_node.items()
        if not node.domain and node.output[0] in model.tensors and model.tensors[node.output[0]].dtype in floats
    }


def sizes(model: Model, name: str) -> list[int] | None:
    """The shape of a value where all of it is known."""
    info = model.tensors.get(name)
    if info is None or info.shape is None or not info.static:
        return None
    return [size for size in info.shape if isinstance(size, int)]
