"""The inner tensors of a model given out as further outputs, and which of them two models have in common.

A tensor of a float model and its quantized form carry one name: the value that a QuantizeLinear reads. What a quantized
model computes with is the value behind that node, so the tap is a DequantizeLinear of its own there. A tap on the value
before would be a second reader, and the operator would no longer be a quantized one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    import onnx

    from zif.model import Model
    from zif.records import TensorInfo

#: What ONNX Runtime's quantizer appends to the name of a graph output's value before it is quantized.
_BEFORE = "_QuantizeLinear_Input"
_FLOATS = ("float32", "float16", "float64", "bfloat16")


@frozen(eq=False)
class Tap:
    """Where a model shows the float tensor `name`.

    `value` is the value in the model; `quantize` the QuantizeLinear behind it, None where it is used as it is. `fed`:
    it is an input of the model, so nothing needs to be given out.
    """

    name: str
    value: str
    info: TensorInfo
    quantize: onnx.NodeProto | None = None
    fed: bool = False

    @property
    def bytes(self) -> int:
        """Size of one value; a mebibyte where the shape is not known."""
        return self.info.nbytes or 2**20


def taps(model: Model) -> dict[str, Tap]:
    """Every float tensor inside a model by name, its inputs included and its outputs not, in topological order."""
    outputs, fed = {info.name for info in model.outputs}, {info.name for info in model.inputs}
    quantized, dequantized = _quantized(model)
    by_name: dict[str, Tap] = {}
    for value in _values(model):
        info = model.tensors[value]
        name = value.removesuffix(_BEFORE) if value in quantized else value
        inner = value not in outputs and name not in outputs and value not in dequantized
        if inner and info.dtype in _FLOATS:
            by_name[name] = Tap(name, value, info, quantized.get(value), value in fed and value not in quantized)
    return by_name


def _values(model: Model) -> Iterator[str]:
    yield from (info.name for info in model.inputs)
    for node in model.proto.graph.node:
        yield from (value for value in node.output if value)


def _quantized(model: Model) -> tuple[dict[str, onnx.NodeProto], set[str]]:
    """The QuantizeLinear that reads each value, the first of several, and what DequantizeLinears give.

    A QuantizeLinear behind a DequantizeLinear only changes the encoding, and shows no tensor that is not seen before.
    """
    nodes = model.proto.graph.node
    dequantized = {node.output[0] for node in nodes if node.op_type == "DequantizeLinear"}
    first: dict[str, onnx.NodeProto] = {}
    for node in nodes:
        if node.op_type == "QuantizeLinear" and node.input[0] not in dequantized:
            first.setdefault(node.input[0], node)
    return first, dequantized


def common(a: Mapping[str, Tap], b: Mapping[str, Tap]) -> list[tuple[Tap, Tap]]:
    """The pairs of taps of one name, in A's order; what is fed to both unchanged is left out."""
    return [(a[name], b[name]) for name in a if name in b and not (a[name].fed and b[name].fed)]


def groups(pairs: Sequence[tuple[Tap, Tap]], most: int, memory: int) -> list[list[tuple[Tap, Tap]]]:
    """The pairs in groups of at most `most` (0: as many as fit) whose values on both sides take `memory` bytes."""
    made: list[list[tuple[Tap, Tap]]] = []
    used = 0
    for pair in pairs:
        size = pair[0].bytes + pair[1].bytes
        if not made or used + size > memory or len(made[-1]) == most:
            made.append([])
            used = 0
        made[-1].append(pair)
        used += size
    return made


def tapped(model: Model, wanted: Sequence[Tap]) -> tuple[Model, dict[str, str]]:
    """The model with the tensors as further outputs, and the outputs' names by those of the tensors."""
    import onnx

    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    names: dict[str, str] = {}
    for tap in wanted:
        if not tap.fed:
            names[tap.name] = output = tap.value if tap.quantize is None else _dequantize(proto.graph, tap)
            proto.graph.output.append(_declared(output, tap.info))
    return model.rebuilt(proto), names


def _dequantize(graph: onnx.GraphProto, tap: Tap) -> str:
    """Add a DequantizeLinear behind the tap's QuantizeLinear; gives the name of its output."""
    assert tap.quantize is not None
    quantize, node = tap.quantize, graph.node.add()
    taken = {value for node in graph.node for value in node.output}
    output = f"{tap.name}_seen"
    while output in taken:
        output += "_"
    node.op_type, node.domain, node.name = "DequantizeLinear", quantize.domain, f"{output}_dq"
    node.input.extend([quantize.output[0], *quantize.input[1:]])
    node.output.append(output)
    node.attribute.extend(attribute for attribute in quantize.attribute if attribute.name in ("axis", "block_size"))
    return output


def _declared(name: str, info: TensorInfo) -> onnx.ValueInfoProto:
    from onnx import helper

    from zif.model.dtypes import element_type

    return helper.make_tensor_value_info(name, element_type(info.dtype), info.shape)
