"""A segment that stores every floating-point tensor in fp16 while it computes in fp32: what the emulator runs.

Behind each value stands a pair of casts, to fp16 and back. A model whose types are float16 is not enough: ONNX
Runtime's CPU provider computes most operators in fp32 and removes the casts between two of them, so that nothing is
rounded there (35 % of a chain of four operators' values differed from the same chain rounded at each tensor).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from zif.plugin import MOVES

if TYPE_CHECKING:
    from zif import Model

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16

#: Operators that only pass on values of their inputs, moved, chosen or with the other sign: what is rounded stays so.
_PASSING = MOVES | {"Concat", "Max", "MaxPool", "Min", "Neg", "Relu", "Where"}


def rounded(model: Model) -> onnx.ModelProto:
    """The model with its inputs and outputs as they are, and everything between them stored in fp16.

    Weights are rounded too; integers are left alone. Values beyond fp16's range become infinite.
    """
    return _Rounding(model).proto


class _Rounding:
    """One model while it is rewritten: `place` names the value to read in the place of each."""

    def __init__(self, model: Model) -> None:
        self.proto = onnx.ModelProto()
        self.proto.CopyFrom(model.proto)
        self.types = {name: info.dtype for name, info in model.tensors.items()}
        graph = self.proto.graph
        known = {value.name for value in (*graph.input, *graph.initializer)}
        self.made = [value.name for value in graph.output if value.name not in known]
        self.place: dict[str, str] = {}
        nodes = list(self._sources(graph))
        for node in graph.node:
            nodes += self._node(node)
        nodes += self._ends()
        del graph.node[:], graph.value_info[:]
        graph.node.extend(nodes)

    def _sources(self, graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
        """Inputs and weights, rounded before anybody reads them."""
        for name in dict.fromkeys(value.name for value in (*graph.input, *graph.initializer)):
            if self.types.get(name) == "float32":
                yield from self._pair(name, f"{name}//stored")
            elif self.types.get(name) == "float16":
                self.place[name] = f"{name}//wide"
                yield helper.make_node("Cast", [name], [self.place[name]], to=FLOAT)

    def _node(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """One node on rounded values, and the rounding of what it makes."""
        node.input[:] = [self.place.get(name, name) for name in node.input]
        _widen(node)
        made = [name for name in node.output if self.types.get(name) in ("float32", "float16")]
        exact = node.op_type in _PASSING and not node.domain
        for name in made:
            self.place[name] = f"{name}//stored"
        node.output[:] = [
            name if name not in made else self.place[name] if exact else f"{name}//exact" for name in node.output
        ]
        yield node
        if not exact:
            for name in made:
                yield from _casts(f"{name}//exact", self.place[name])

    def _pair(self, name: str, result: str) -> Iterator[onnx.NodeProto]:
        self.place[name] = result
        yield from _casts(name, result)

    def _ends(self) -> Iterator[onnx.NodeProto]:
        """The outputs under their own names and types."""
        for name in self.made:
            if name in self.place:
                half = self.types[name] == "float16"
                yield helper.make_node("Cast" if half else "Identity", [self.place[name]], [name], **_to(half))


def _to(half: bool) -> dict[str, int]:
    return {"to": HALF} if half else {}


def _casts(source: str, result: str) -> Iterator[onnx.NodeProto]:
    yield helper.make_node("Cast", [source], [f"{result}//fp16"], to=HALF)
    yield helper.make_node("Cast", [f"{result}//fp16"], [result], to=FLOAT)


def _widen(node: onnx.NodeProto) -> None:
    """What a node says of float16 in its attributes, said of float32: fp16 is where values are stored."""
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.INT and attribute.name in ("to", "dtype") and attribute.i == HALF:
            attribute.i = FLOAT
        elif attribute.type == onnx.AttributeProto.TENSOR and attribute.t.data_type == HALF:
            wide = numpy_helper.to_array(attribute.t).astype(np.float32)
            attribute.t.CopyFrom(numpy_helper.from_array(wide, attribute.t.name))
