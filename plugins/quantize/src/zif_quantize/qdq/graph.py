"""A float graph that takes Q and DQ nodes, named as onnxruntime names them where those names are free."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import onnx
from onnx import TensorProto, helper
from zif.plugin import AFTER, BEFORE, QUANTIZED, STORED, Encoding, all_graphs, annotate, free_name

from zif_quantize.qdq.prepared_names import inner_names
from zif_quantize.qdq.scales import FLOATS, scale_type
from zif_quantize.qdq.stored import parameters, stored
from zif_quantize.rewrites.prepare import BIASED, unmark, whole
from zif_quantize.rewrites.rewire import read_by, rename, replace

if TYPE_CHECKING:
    from zif import Model

#: onnxruntime's own domain, which has what older opsets lack.
_CONTRIB = "com.microsoft"
#: The place of what stands before the first node.
_FRONT = -1


class QdqGraph:
    """One model while encodings are put into it.

    Whoever reads a quantized tensor reads what its DequantizeLinear gives, the bodies of If and Loop too. A quantized
    weight that is an input, whose value could be overridden, is one no more.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.proto = whole(model)
        graph = self.proto.graph
        self.weights = {t.name: t for t in graph.initializer if t.data_type in FLOATS}
        self.inputs = {value.name for value in graph.input}
        inner = inner_names(graph)
        self.ends = {name: end for end, name in inner.items()}
        made = [value.name for value in graph.input] + [name for node in graph.node for name in node.output if name]
        self.activations = [n for n in made if n not in self.weights and n not in inner and _is_float(model, n)]
        self.floats = {*self.activations, *self.weights}
        self.outputs = {value.name for value in graph.output}
        self.nodes: list[onnx.NodeProto] = list(graph.node)
        self.makers = {name: place for place, node in enumerate(self.nodes) for name in node.output if name}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in self.nodes:
            for name in read_by(node):
                self.readers.setdefault(name, []).append(node)
        self._values, self._names = _taken(graph)
        self._added: dict[int, list[onnx.NodeProto]] = {}
        self._dropped: set[int] = set()
        self._gone: set[str] = set()
        self._whose: dict[str, str] = {}
        self._opset = model.opsets.get("", 0)
        self._uses_contrib = False

    @property
    def quantizable(self) -> list[str]:
        """Activations and weights that an encoding could be for; biases and where a Clip cuts off are not counted."""
        others = {name for node in self.nodes if node.op_type in BIASED for name in node.input[2:]}
        others |= {name for node in self.nodes if node.op_type == "Clip" for name in node.input[1:]}
        return [*self.activations, *(name for name in self.weights if name not in others)]

    def outer(self, name: str) -> str:
        """What a tensor is called in files: an input or output of half floats is float32 inside."""
        return self.ends.get(name, name)

    def drop(self, place: int) -> None:
        """Take out a node of one input whose work the quantization behind it does: its maker gives its output."""
        node = self.nodes[place]
        source, result = node.input[0], node.output[0]
        maker = self.makers.pop(source)
        rename(self.nodes[maker].output, source, result)
        self.makers[result] = maker
        self._dropped.add(place)
        self.activations.remove(source)
        for name in node.input[1:]:
            self.readers[name] = [reader for reader in self.readers.get(name, ()) if reader is not node]
            if not self.readers[name] and name not in self.outputs | self.inputs:
                self._gone.add(name)

    def insert(self, encoding: Encoding, conversions: Sequence[Encoding] = ()) -> None:
        """Quantize a tensor: a weight in place, an activation between its maker and its readers."""
        if encoding.name in self.weights:
            self._weight(encoding)
        else:
            self._activation(encoding, conversions)

    def _weight(self, encoding: Encoding) -> None:
        """Replace a float initializer by its integers and a DequantizeLinear."""
        tensor = self.weights[encoding.name]
        params = self._parameters(encoding, QUANTIZED if encoding.dtype == "int32" else "")
        integers = self._value(f"{encoding.name}{QUANTIZED}")
        self.proto.graph.initializer.append(stored(tensor, encoding, integers))
        # An initializer that is an output of the graph, too, leaves its name to what it is dequantized to.
        after = encoding.name if encoding.name in self.outputs else self._value(f"{encoding.name}{AFTER}")
        self._node("DequantizeLinear", [integers, *params], after, encoding, _FRONT)
        for node in self.readers.get(encoding.name, ()):
            replace(node, encoding.name, after)
        self._gone.add(encoding.name)

    def _activation(self, encoding: Encoding, conversions: Sequence[Encoding]) -> None:
        place = self.makers.get(encoding.name, _FRONT)
        before, axis = encoding.name, -2
        number_of = {name: number for number, other in enumerate(conversions) for name in other.readers}
        if encoding.name in self.outputs and place != _FRONT:
            before, axis = self._value(f"{encoding.name}{BEFORE}"), number_of.get(encoding.name, -1)
            rename(self.nodes[place].output, encoding.name, before)
        # The graph's output keeps its name, and is what its own encoding or one of the conversions gives.
        after = self._pair(encoding, before, place, "", encoding.name if axis == -1 else "")
        converted = [
            self._pair(other, after, place, f"_convert{number or ''}", encoding.name if axis == number else "")
            for number, other in enumerate(conversions)
        ]
        for node in self.readers.get(encoding.name, ()):
            number = number_of.get(node.name, -1)
            replace(node, encoding.name, after if number < 0 else converted[number])

    def _pair(self, encoding: Encoding, source: str, place: int, suffix: str, after: str = "") -> str:
        """A QuantizeLinear and its DequantizeLinear behind a node; the name of what they give."""
        params = self._parameters(encoding, suffix)
        integers = self._value(f"{encoding.name}{suffix}{STORED}")
        after = after or self._value(f"{encoding.name}{suffix}{AFTER}")
        self._node("QuantizeLinear", [source, *params], integers, encoding, place, suffix)
        self._node("DequantizeLinear", [integers, *params], after, encoding, place, suffix)
        return after

    def _parameters(self, encoding: Encoding, suffix: str = "") -> list[str]:
        """Scale and zero point as initializers; their names."""
        names = [self._value(f"{encoding.name}{suffix}_{what}") for what in ("scale", "zero_point")]
        self.proto.graph.initializer.extend(parameters(encoding, names, scale_type(self.model, encoding.name)))
        self._whose[names[0]] = self.outer(encoding.name)
        return names

    def _node(
        self, op_type: str, inputs: Sequence[str], output: str, encoding: Encoding, place: int, suffix: str = ""
    ) -> None:
        contrib = self._opset < self._since(encoding)
        self._uses_contrib |= contrib
        name = free_name(f"{encoding.name}{suffix}_{op_type}", self._names)
        self._names.add(name)
        axis = {"axis": encoding.axis} if encoding.axis is not None else {}
        node = helper.make_node(op_type, inputs, [output], name, domain=_CONTRIB if contrib else None, **axis)
        self._added.setdefault(place, []).append(node)

    def _since(self, encoding: Encoding) -> int:
        """The opset from which ONNX has a QuantizeLinear and DequantizeLinear for this; onnxruntime's domain always."""
        if encoding.bits in (4, 16):
            return 21
        if scale_type(self.model, encoding.name) == TensorProto.FLOAT16:
            return 19
        return 10 if encoding.axis is None else 13

    def _value(self, wish: str) -> str:
        """A name for a value that no other value has, in the bodies of the nodes either."""
        name = free_name(wish, self._values)
        self._values.add(name)
        return name

    def finished(self) -> onnx.ModelProto:
        """The model, each new node right behind what it reads, without the float weights that nobody reads any more."""
        graph = self.proto.graph
        nodes = [_copy(node) for node in self._added.get(_FRONT, ())]
        for place, node in enumerate(self.nodes):
            nodes += [] if place in self._dropped else [_copy(node)]
            nodes += [_copy(added) for added in self._added.get(place, ())]
        weights = [_copy(tensor) for tensor in graph.initializer if tensor.name not in self._gone]
        inputs = [_copy(value) for value in graph.input if value.name not in self._gone]
        known = {name for node in nodes for name in node.output}
        infos = [_copy(info) for info in graph.value_info if info.name in known]
        for repeated, new in (
            (graph.node, nodes),
            (graph.initializer, weights),
            (graph.input, inputs),
            (graph.value_info, infos),
        ):
            del repeated[:]
            repeated.extend(new)
        if self._uses_contrib and all(opset.domain != _CONTRIB for opset in self.proto.opset_import):
            self.proto.opset_import.append(helper.make_opsetid(_CONTRIB, 1))
        unmark(self.proto)
        annotate(self.proto, self._whose)
        return self.proto


def _is_float(model: Model, name: str) -> bool:
    return name in model.tensors and model.tensors[name].dtype in ("float32", "float16")


def _taken(graph: onnx.GraphProto) -> tuple[set[str], set[str]]:
    """The names of all values and of all nodes, those of bodies included."""
    values: set[str] = set()
    names: set[str] = set()
    for scope in all_graphs(graph):
        values.update(tensor.name for tensor in scope.initializer)
        values.update(value.name for value in (*scope.input, *scope.output))
        for node in scope.node:
            values.update((*node.input, *node.output))
            names.add(node.name)
    return values, names


def _copy(row: Any) -> Any:
    """A message of its own, which outlives the place that it came from."""
    return type(row).FromString(row.SerializeToString())
