"""A float graph while its operators are spelled in other ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from zif.plugin import all_graphs, free_name

if TYPE_CHECKING:
    from zif.plugin import Array, QuantizationRules


class Rewriter:
    """A graph with its float constants by name, the number of readers of each, and names that are free."""

    def __init__(self, proto: onnx.GraphProto, rules: QuantizationRules) -> None:
        self.proto, self.rules = proto, rules
        self.ranks: dict[str, int] = {}
        inputs = {value.name for value in proto.input}
        floats = [
            initializer
            for initializer in proto.initializer
            if initializer.data_type == TensorProto.FLOAT and initializer.name not in inputs
        ]
        self.constants = {tensor.name: tensor for tensor in floats}
        self.reads = Counter(value.name for value in proto.output)
        self.taken = {tensor.name for tensor in proto.initializer} | inputs
        for graph in all_graphs(proto):
            for node in graph.node:
                self.reads.update(node.input)
                self.taken.update((*node.input, *node.output, node.name))

    def put(self, nodes: list[onnx.NodeProto]) -> None:
        """Take these nodes instead."""
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del self.proto.node[:]
        self.proto.node.extend(copies)

    def sweep(self) -> None:
        """Drop the constants that nobody reads any more."""
        read = {name for graph in all_graphs(self.proto) for node in graph.node for name in node.input}
        read |= {value.name for graph in all_graphs(self.proto) for value in (*graph.input, *graph.output)}
        for place in reversed(range(len(self.proto.initializer))):
            if self.proto.initializer[place].name not in read:
                del self.proto.initializer[place]

    def name(self, wish: str) -> str:
        """The wish, or one like it that is new."""
        free = free_name(wish, self.taken)
        self.taken.add(free)
        return free

    def array(self, name: str) -> Array | None:
        """The values of a float constant."""
        return numpy_helper.to_array(self.constants[name]) if name in self.constants else None

    def constant(self, wish: str, values: Array) -> str:
        """A new constant; its name."""
        name = self.name(wish)
        self.proto.initializer.append(numpy_helper.from_array(np.array(values, np.float32), name))
        self.constants[name] = self.proto.initializer[-1]
        self.reads[name] = 1
        return name

    def integers(self, wish: str, values: list[int]) -> str:
        """A new constant of int64; its name."""
        name = self.name(wish)
        self.proto.initializer.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def change(self, node: onnx.NodeProto, place: int, change: Callable[[Array], Array]) -> bool:
        """Change a constant that a node reads, for others a copy stays as it was. False where it reads no constant.

        Other values get another name: what a file says of the tensor is not true of them.
        """
        name = node.input[place]
        values = self.array(name)
        if values is None:
            return False
        made = np.array(change(values), np.float32)
        if self.reads[name] > 1 or not _alike(values, made):
            self.reads[name] -= 1
            node.input[place] = self.constant(f"{name}_of_{node.name or node.output[0]}", made)
        else:
            self.constants[name].CopyFrom(numpy_helper.from_array(made, name))
        return True


def _alike(a: Array, b: Array) -> bool:
    """Whether these are the same values, in another shape or one for all."""
    return bool(np.all(a == b)) if a.size == 1 else np.array_equal(a.reshape(-1), b.reshape(-1))
